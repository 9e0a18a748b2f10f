using Homeport.Gateway.Http;
using Homeport.Gateway.Http.Files;
using Homeport.Hub.Files;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.ImportExport;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together imports and exports of the registry.</summary>
internal sealed class RegistryJobParts : IDisposable
{
    /// <summary>Container of the built-in store for their files: not that of the devices' uploads, since they hold keys.</summary>
    public const string Container = $"registry-{Installation.HubName}";

    private readonly HubApi _hub;
    private readonly RegistryJobs _jobs;
    private readonly RegistryJobRunner _runner;
    private readonly ContainerAccess _access;

    public RegistryJobParts(Installation installation, HubApi hub, IBlobContainers containers, BlobAccount account, ILoggerFactory loggers)
    {
        _hub = hub;
        _access = new ContainerAccess(account, Container);
        var store = new SqliteRegistryJobStore(installation.Database, installation.Seal, hub.Name);
        IQuerySource rows = new SqliteQuerySource(installation.Database, hub.Live, hub.Name);
        var export = new RegistryExport(new SqliteIdentityStore(installation.Database, installation.Seal, hub.Name), rows);
        var import = new RegistryImport(new BulkRegistry(hub.Registry, hub.Twins), store);
        _jobs = new RegistryJobs(store, containers, hub.Time);
        _runner = new RegistryJobRunner(store, containers, export, import, hub.Time, loggers.CreateLogger<RegistryJobRunner>());
        (_jobs.Added, _jobs.Cancelled) = (_runner.Wake, _runner.Cancel);
    }

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes) => routes.MapRegistryJobs(_hub, _jobs, _access);

    /// <summary>Runs the jobs until stopped.</summary>
    public Task RunAsync(CancellationToken stop) => _runner.RunAsync(stop);

    /// <inheritdoc/>
    public void Dispose() => _runner.Dispose();
}
