using Homeport.Gateway.Http.Operators;
using Homeport.Hub.Events;
using Homeport.Hub.Files;
using Homeport.Log;
using Homeport.Operations.Exports;
using Homeport.Routing;
using Homeport.Routing.Sinks.Amqp;
using Homeport.Routing.Sinks.Files;
using Homeport.Routing.Sinks.Mqtt;
using Homeport.Routing.Sinks.Webhooks;
using Homeport.Server.Exports;
using Homeport.Server.Options;
using Homeport.Storage.Files;
using Homeport.Storage.Postgres;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what exports data of devices, and what carries changes of devices into the log.</summary>
internal sealed class ExportParts : IDisposable
{
    private const string Folder = "~exports/";
    private static readonly TimeSpan ChangeInterval = TimeSpan.FromSeconds(1);

    private readonly SqliteChangeStore _store;
    private readonly EventRelay _changes;
    private readonly JqTransforms _transforms;
    private readonly TimeProvider _time;

    public ExportParts(HubLog log, EventWriter events, TemplateParts templates, ServerOptions options, Installation installation, TimeProvider time, ILoggerFactory loggers)
    {
        const string application = Installation.ApplicationName;
        _time = time;
        _transforms = new JqTransforms(Path.Combine(options.DataDirectory, "jq"), JqTransforms.Find(), JqTransforms.Patience);
        _store = new SqliteChangeStore(installation.Database, application, events);
        _changes = new EventRelay(_store, log, loggers.CreateLogger<EventRelay>());
        var twins = new SqliteTwinStore(installation.Database, Installation.HubName);
        Exports = new DataExports(new ExportContext
        {
            ApplicationId = application,
            Store = new SqliteExportStore(installation.Database, installation.Seal, application),
            Places = new SqliteRoutingStore(installation.Database, installation.Seal, $"exports of {application}"),
            Log = log,
            Twins = twins,
            Devices = new ExportedDevices(new SqliteDeviceStore(installation.Database, application), templates.Store, templates.Api.DeviceModels, twins),
            Sinks = Sinks,
            Transforms = _transforms,
            Time = time,
            Loggers = loggers,
        });
        var routed = events.Routed;
        events.Routed = source => routed(source) || Exports.Wants(source);
    }

    public DataExports Exports { get; }

    /// <summary>Opens the container where the files of devices go; known before the first delivery.</summary>
    public Func<IBlobContainer> Files { get; set; } = static () => throw new InvalidOperationException("The store of files is not open yet.");

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes, OperatorApi api) => routes.MapExports(api, Exports);

    /// <summary>Takes what earlier runs kept.</summary>
    /// <param name="routing">Routes may want to know of changes too.</param>
    /// <param name="token">Ends the start.</param>
    public async Task LoadAsync(RoutingService routing, CancellationToken token)
    {
        _transforms.Prepare();
        await Exports.LoadAsync(token);
        routing.Written = Exports.Written = _store.NoteWantedAsync;
        await _store.NoteWantedAsync(token);
    }

    /// <summary>Exports, and carries changes into the log, until stopped.</summary>
    public Task RunAsync(CancellationToken stop) => Task.WhenAll(Exports.RunAsync(stop), _changes.RunAsync(stop), WakeAsync(stop));

    /// <inheritdoc/>
    public void Dispose()
    {
        Exports.Dispose();
        _changes.Dispose();
    }

    private ISinkFactory[] Sinks(string name) =>
    [
        new WebhookSinks(name, _time), new AmqpSinks(name, _time), new FileSinks(name, Folder, () => Files()), new PostgresSinks(name), new MqttSinks(name),
        new AccountContainers(DestinationForm.BlobStorage, name, _time),
    ];

    /// <summary>Triggers write changes, so nobody says that there are some.</summary>
    private async Task WakeAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(ChangeInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                _changes.Wake();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // What is not in the log yet is carried after the next start.
        }
    }
}
