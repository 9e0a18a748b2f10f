using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Events;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Log;
using Homeport.Operations.Exports;
using Homeport.Provisioning.Lifecycle;
using Homeport.Routing;
using Homeport.Routing.Sinks.Amqp;
using Homeport.Routing.Sinks.Webhooks;
using Homeport.Storage;
using Homeport.Storage.Sqlite;
using Homeport.Templates;
using Homeport.Templates.Devices;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.Routing;

/// <summary>Exports over SQLite with devices, twins and templates; destinations of the type <c>file@x1</c> and <c>mqtt@x1</c> are played, and so are transforms.</summary>
internal sealed class ExportFixture : IAsyncDisposable
{
    public const string Template = "dtmi:modelDefinition:example:pump;1";
    private const string Hub = "hub1";
    private const string Application = "default";
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;
    private readonly SqliteRecordStore _records;
    private readonly EventRelay _changes;
    private readonly EventRelay _events;
    private CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public ExportFixture()
    {
        _seal = SecretSeal.Open(_folder.File("seal.key"));
        Database = SqliteDatabase.Open(_folder.File("homeport.db"));
        _records = SqliteRecordStore.Open(_folder.File("messages.db"), 1);
        Log = new HubLog(_records, new RetentionLimits(TimeSpan.FromDays(1)), TimeProvider.System, NullLogger<HubLog>.Instance);
        Events = new EventWriter(Hub, new HashSet<MessageSource>(), TimeProvider.System);
        Changes = new SqliteChangeStore(Database, Application, Events);
        _changes = new EventRelay(Changes, Log, NullLogger<EventRelay>.Instance);
        _events = new EventRelay(new SqliteEventStore(Database, Hub), Log, NullLogger<EventRelay>.Instance);
        Events.Stored = _events.Wake;
        Registry = new IdentityRegistry(new SqliteIdentityStore(Database, _seal, Hub), new LiveConnections(), TimeProvider.System, Events);
        Twins = new DeviceTwins(new SqliteTwinStore(Database, Hub), Registry, new LiveConnections(), TimeProvider.System, Events);
        var templates = new SqliteTemplateStore(Database, Application, Hub);
        var repository = new ModelRepository(new SqliteModelStore(Database, Application), []);
        Models = new DeviceModels(templates, new TemplateReader(repository));
        Templates = new TemplateService(templates, new TemplateReader(repository), repository, TimeProvider.System);
        TemplateStore = templates;
        Exports = Open();
    }

    public SqliteDatabase Database { get; }

    public FakeTimeProvider Time { get; } = new();

    public HubLog Log { get; }

    public EventWriter Events { get; }

    public SqliteChangeStore Changes { get; }

    public IdentityRegistry Registry { get; }

    public DeviceTwins Twins { get; }

    public DeviceModels Models { get; }

    public TemplateService Templates { get; }

    public ITemplateStore TemplateStore { get; }

    public SqliteDeviceStore Devices => new(Database, Application);

    /// <summary>The destinations, by export and destination.</summary>
    public PlayedSinks Sinks { get; } = new();

    public PlayedTransforms Transforms { get; } = new();

    public DataExports Exports { get; private set; }

    public async Task StartAsync()
    {
        await Exports.LoadAsync(default);
        Events.Routed = Exports.Wants;
        Exports.Written = Changes.NoteWantedAsync;
        await Changes.NoteWantedAsync(default);
        _running = Task.WhenAll(Exports.RunAsync(_stop.Token), _changes.RunAsync(_stop.Token), _events.RunAsync(_stop.Token));
    }

    /// <summary>Ends all and starts it again on the same files.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        Exports = Open();
        await StartAsync();
    }

    /// <summary>A destination that a test plays.</summary>
    public async Task DestinationAsync(string id, string type = "mqtt@x1")
        => (await Exports.PutDestinationAsync(id, new DestinationDescription { Type = type, Url = type == "mqtt@x1" ? "mqtts://example.com" : null, Address = type == "mqtt@x1" ? "t" : null }, default)).Refusal?.Text.ShouldBeNull();

    /// <summary>An export to destinations that a test plays.</summary>
    public async Task ExportAsync(DataExportDescription export, params string[] destinations)
    {
        foreach (var id in destinations)
            await DestinationAsync(id);
        (await Exports.PutExportAsync("e", export with { Destinations = export.Destinations ?? [.. destinations.Select(d => new ExportTargetDescription { Id = d })] }, default)).Refusal?.Text.ShouldBeNull();
    }

    /// <summary>A device in the hub with the template, a cloud property and a reported one.</summary>
    public async Task PumpAsync(string id, bool simulated = false)
    {
        if ((await Templates.GetAsync(Template, default)).Value is null)
            (await Templates.PutAsync(Template, ModelText, IfMatch.Absent, default)).Refusal?.Text.ShouldBeNull();
        await CreateAsync(id);
        await ChangeAsync(id, d => d with { Template = Template, Simulated = simulated, DisplayName = "Pump " + id, Organization = "north" });
        (await Twins.ReportAsync(id, null, """{"serial":"s1","motor":{"__t":"c","limit":{"value":9,"ac":200,"av":2}}}"""u8.ToArray(), default)).Refusal.ShouldBeNull();
        TwinPatch.Check(new JsonObject { ["cloud"] = new JsonObject { ["site"] = "Oslo" } }, null).Succeeded(out var patch, out _).ShouldBeTrue();
        (await Twins.PatchAsync(id, null, patch!, IfMatch.Parse("*"), default)).Refusal.ShouldBeNull();
    }

    public async Task CreateAsync(string id)
        => (await Registry.PutAsync(new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) }, IfMatch.Absent, default)).Refusal?.Text.ShouldBeNull();

    public async Task ChangeAsync(string id, Func<DeviceFacts, DeviceFacts> change)
        => (await Devices.ChangeAsync(id, facts => new Outcome<DeviceFacts>(change(facts ?? new DeviceFacts { DeviceId = id, Created = DateTimeOffset.UnixEpoch })), default)).Refusal.ShouldBeNull();

    public Task SendAsync(string body, string device = "d1", params KeyValuePair<string, string?>[] properties)
        => Log.Append(Log.WriterFor(new RecordOrigin(device, null, "g", "{}")), MessageSource.Telemetry, RecordProperties.Write(properties), Encoding.UTF8.GetBytes(body)).WhenDurable();

    /// <summary>What was taken, once it is as much.</summary>
    public async Task<IReadOnlyList<string>> TakenAsync(string destination, int count)
    {
        await UntilAsync(() => Sinks["e/" + destination].Taken.Count >= count, $"{destination} takes {count}: {string.Join('\n', Sinks["e/" + destination].Taken)}");
        return Sinks["e/" + destination].Taken;
    }

    public async Task<EndpointHealthDescription> HealthAsync(string destination) => (await Exports.HealthAsync("e", default)).Value!.First(t => t.DestinationId == destination).Health;

    /// <summary>Lets time pass until it is so.</summary>
    public async Task UntilAsync(Func<Task<bool>> isSo, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await isSo())
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), what);
            Time.Advance(TimeSpan.FromMilliseconds(200));
            _changes.Wake();
            await Task.Delay(2);
        }
    }

    public Task UntilAsync(Func<bool> isSo, string what) => UntilAsync(() => Task.FromResult(isSo()), what);

    /// <summary>All that is on the disk.</summary>
    public IEnumerable<(string Name, byte[] Bytes)> Files() => _folder.Contents();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _changes.Dispose();
        _events.Dispose();
        await Log.DisposeAsync();
        _records.Dispose();
        Database.Dispose();
        _seal.Dispose();
        _folder.Dispose();
    }

    private const string ModelText = """
        { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:example:pump;1", "@type": "Interface", "displayName": "Pump", "contents": [
          { "@type": "Telemetry", "name": "t", "schema": "double" }, { "@type": "Property", "name": "serial", "schema": "string" },
          { "@type": [ "Property", "Cloud" ], "name": "site", "schema": "string" },
          { "@type": "Component", "name": "motor", "schema": { "@id": "dtmi:example:motor;1", "@type": "Interface", "contents": [
            { "@type": "Telemetry", "name": "heat", "schema": "double" }, { "@type": "Property", "name": "limit", "schema": "double", "writable": true } ] } } ] }
        """;

    private async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        Exports.Dispose();
        _stop.Dispose();
        _stop = new CancellationTokenSource();
    }

    private DataExports Open() => new(new ExportContext
    {
        ApplicationId = Application,
        Store = new SqliteExportStore(Database, _seal, Application),
        Places = new SqliteRoutingStore(Database, _seal, "exports"),
        Log = Log,
        Twins = new SqliteTwinStore(Database, Hub),
        Devices = new ExportedDevices(Devices, TemplateStore, Models, new SqliteTwinStore(Database, Hub)),
        Sinks = name => [new NamedSinks("mqtt", Sinks, gathers: false), new NamedSinks("files", Sinks, gathers: true), new WebhookSinks(name, Time), new AmqpSinks(name, Time)],
        Transforms = Transforms,
        Time = Time,
        Loggers = NullLoggerFactory.Instance,
    });

    /// <summary>Played endpoints under the name of a real type.</summary>
    private sealed class NamedSinks(string type, PlayedSinks sinks, bool gathers) : ISinkFactory
    {
        public string Type => type;

        public (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint) => null;

        public IEndpointSink Open(RoutingEndpointDescription endpoint, int partition) => sinks.Open(endpoint with { BatchFrequencyInSeconds = gathers ? 5 : null }, partition);
    }
}

/// <summary>Transforms that a test plays: what becomes of a message.</summary>
internal sealed class PlayedTransforms : ITransforms
{
    /// <summary>What a query makes of a message; null for one that fails.</summary>
    public Func<string, string, IReadOnlyList<string>?> Play { get; set; } = static (_, message) => [message];

    public Task<Refusal?> CheckAsync(string query, CancellationToken token) => Task.FromResult(query == "bad" ? new Refusal(ExportErrors.InvalidTransform, "Bad", "Mend it.") : null);

    public ITransform Open(string query) => new Played(this, query);

    private sealed class Played(PlayedTransforms all, string query) : ITransform
    {
        public Task<IReadOnlyList<Transformed>> RunAsync(IReadOnlyList<ReadOnlyMemory<byte>> messages, CancellationToken token) => Task.FromResult<IReadOnlyList<Transformed>>([.. messages.Select(m =>
            all.Play(query, Encoding.UTF8.GetString(m.Span)) is { } made ? new Transformed([.. made.Select(t => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(t))]) : new Transformed([], "it failed"))]);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
