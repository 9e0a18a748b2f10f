using Homeport.Gateway.Http.Blobs;
using Homeport.Gateway.Http.Files;
using Homeport.Hub.Files;
using Homeport.Server.Options;
using Homeport.Storage.Files;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what belongs to the files of devices. The blob store is open even when new files go elsewhere: older ones stay within reach.</summary>
internal sealed class FileParts : IDisposable
{
    private readonly HttpClient _http = new();
    private readonly S3BlobStore? _bucket;
    private readonly List<StagedBlockSweeper> _sweepers = [];
    private readonly RegistryJobParts _registryJobs;
    private readonly FileSettings _settings;
    private readonly IBlobStore _store;
    private readonly TimeProvider _time;

    public FileParts(ServerOptions options, int httpsPort, Installation installation, ServerParts parts, ILoggerFactory loggers)
    {
        var (hub, notifications) = (parts.Hub, parts.FileNotifications);
        var files = _settings = options.Files;
        _time = hub.Time;
        IBlobStore disk = DiskBlobStore.Open(Path.Combine(options.DataDirectory, "blobs"), files.Limits, hub.Time);
        if (files.Bucket is { } bucket)
        {
            var gathered = DiskBlobStore.Open(Path.Combine(options.DataDirectory, "uploads"), files.Limits, hub.Time);
            _bucket = new S3BlobStore(bucket, files.Container, gathered, loggers.CreateLogger<S3BlobStore>());
        }
        var stores = new Dictionary<string, IBlobStore>(StringComparer.Ordinal) { [files.Container] = _bucket ?? disk, [RegistryJobParts.Container] = disk };
        _store = stores[files.Container];
        var account = new BlobAccount(BlobAccount.BuiltIn, [installation.BlobKeys.PrimaryKey, installation.BlobKeys.SecondaryKey]);
        IUploadStorage storage = files.Account is { } elsewhere
            ? new AzureUploadStorage(elsewhere, files.Container, _http, hub.Time)
            : new BuiltInUploadStorage(stores[files.Container], account, files.Container, options.Hosts, httpsPort);
        Uploads = new FileUploads(storage, new SqliteUploadStore(installation.Database, Installation.HubName), notifications, hub.Time);
        Files = new FileApi(hub, parts.Devices, Uploads, notifications, files.Account is null ? new ContainerAccess(account, files.Container) : null);
        Blobs = new BlobApi(stores, account, hub.Explanations, hub.Time);
        _registryJobs = new RegistryJobParts(installation, hub, new BlobContainers(stores, account, options.Hosts, _http, hub.Time), account, loggers);
        _sweepers.AddRange(stores.Values.Append(disk).Distinct().Select(store => new StagedBlockSweeper(store, hub.Time, loggers.CreateLogger<StagedBlockSweeper>())));
    }

    /// <summary>Files of devices.</summary>
    public FileUploads Uploads { get; }

    /// <summary>Opens the container of devices' files for an hour.</summary>
    public IBlobContainer OpenContainer()
    {
        var settings = _settings;
        if (settings.Account is not { } elsewhere)
            return new OwnContainer(_store, settings.Container);
        var signature = BlobSas.Create(elsewhere.Account, settings.Container, null, "rcw", _time.GetUtcNow() + TimeSpan.FromHours(1));
        return new RemoteContainer(new Uri($"{elsewhere.Endpoint.AbsoluteUri.TrimEnd('/')}/{settings.Container}{signature}"), _http);
    }

    private FileApi Files { get; }

    private BlobApi Blobs { get; }

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapFiles(Files);
        routes.MapFileNotifications(Files);
        routes.MapBlobs(Blobs);
        _registryJobs.Map(routes);
    }

    /// <summary>Cleans up, and runs imports and exports, until stopped.</summary>
    public Task RunAsync(CancellationToken stop) => Task.WhenAll([.. _sweepers.Select(sweeper => sweeper.RunAsync(stop)), _registryJobs.RunAsync(stop)]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _registryJobs.Dispose();
        _bucket?.Dispose();
        _http.Dispose();
    }
}
