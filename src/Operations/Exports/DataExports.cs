using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Query;
using Homeport.Hub.Twins;
using Homeport.Log;
using Homeport.Routing;
using Microsoft.Extensions.Logging;

namespace Homeport.Operations.Exports;

/// <summary>What data exports stand on.</summary>
public sealed record ExportContext
{
    /// <summary>Id of the application, as exported messages name it.</summary>
    public required string ApplicationId { get; init; }

    /// <summary>Keeps exports and destinations.</summary>
    public required IExportStore Store { get; init; }

    /// <summary>Keeps how far each is.</summary>
    public required IPlaceStore Places { get; init; }

    /// <summary>The messages.</summary>
    public required HubLog Log { get; init; }

    /// <summary>The twins of senders.</summary>
    public required ITwinStore Twins { get; init; }

    /// <summary>The devices of messages.</summary>
    public required ExportedDevices Devices { get; init; }

    /// <summary>The types of endpoints, for messages under a name: that of an export.</summary>
    public required Func<string, IReadOnlyList<ISinkFactory>> Sinks { get; init; }

    /// <summary>Makes other messages of messages.</summary>
    public required ITransforms Transforms { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Failures of destinations.</summary>
    public required ILoggerFactory Loggers { get; init; }
}

/// <summary>
/// Data exports of an application in the form of IoT Central, and the destinations where they lead. They are routes of their own: each pair of
/// export and destination has its place in the log, so that nothing is lost while a destination is away.
/// </summary>
public sealed class DataExports : IDisposable
{
    /// <summary>Exports of an application, as in the service.</summary>
    public const int MaxExports = 10;

    /// <summary>Destinations of an application, as in the service.</summary>
    public const int MaxDestinations = 10;

    private const int ShownDead = 20;

    private readonly ExportContext _context;
    private readonly DestinationForm _form;
    private readonly RoutingEngine _engine;
    private readonly SemaphoreSlim _writing = new(1);
    private volatile ExportTable _table = ExportTable.Empty;

    /// <summary>The exports of an application.</summary>
    public DataExports(ExportContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        _context = context;
        _form = new DestinationForm(context.Sinks(context.ApplicationId).ToDictionary(s => s.Type, StringComparer.Ordinal));
        _engine = new RoutingEngine(new PumpContext
        {
            Log = context.Log,
            Places = context.Places,
            Twins = context.Twins,
            Time = context.Time,
            Logger = context.Loggers.CreateLogger<DataExports>(),
            Table = () => _table.Routing,
            Open = Open,
        });
    }

    /// <summary>Called when exports or destinations were changed, before the caller hears of it.</summary>
    public Func<CancellationToken, Task> Written { get; set; } = static _ => Task.CompletedTask;

    /// <summary>True when an export takes records of the source: only then events are made.</summary>
    public bool Wants(MessageSource source) => _table.Routing.Wants(source);

    /// <summary>Takes what earlier runs kept.</summary>
    public async Task LoadAsync(CancellationToken token) => _table = await ReadTableAsync(token);

    /// <summary>Exports until stopped.</summary>
    public Task RunAsync(CancellationToken stop) => _engine.RunAsync(stop);

    /// <summary>All destinations, without their secrets.</summary>
    public async Task<IReadOnlyList<DestinationDescription>> ListDestinationsAsync(CancellationToken token)
    {
        var shown = new List<DestinationDescription>();
        foreach (var stored in await _context.Store.ListDestinationsAsync(token))
            shown.Add(await ShowAsync(stored.Destination, token));
        return shown;
    }

    /// <summary>Finds a destination; its secrets are masked.</summary>
    public async Task<Outcome<DestinationDescription>> GetDestinationAsync(string id, CancellationToken token)
        => (await ListDestinationsAsync(token)).FirstOrDefault(d => Same(d.Id, id)) is { } found ? found : NoDestination(id);

    /// <summary>Creates or changes a destination. A secret that is masked stays as it is.</summary>
    public Task<Outcome<DestinationDescription>> PutDestinationAsync(string id, DestinationDescription destination, CancellationToken token) => WriteAsync<DestinationDescription>(async () =>
    {
        var stored = await _context.Store.ListDestinationsAsync(token);
        var present = stored.FirstOrDefault(d => Same(d.Destination.Id, id));
        if (present is null && stored.Count >= MaxDestinations)
            return new Refusal(ExportErrors.TooManyExports, $"There are {MaxDestinations} destinations", "Delete one that no export leads to.");
        if (!_form.Read(present?.Destination.Id ?? id, destination, present?.Destination).Succeeded(out var read, out var refusal))
            return refusal;
        await _context.Store.SaveDestinationAsync(new StoredDestination(read, NewETag()), token);
        return await ShowAsync(read, token);
    }, token);

    /// <summary>Deletes a destination. Null when it is gone.</summary>
    public async Task<Refusal?> DeleteDestinationAsync(string id, CancellationToken token) => (await WriteAsync<DestinationDescription>(async () =>
    {
        if ((await _context.Store.ListDestinationsAsync(token)).FirstOrDefault(d => Same(d.Destination.Id, id)) is not { } present)
            return NoDestination(id);
        if ((await _context.Store.ListExportsAsync(token)).FirstOrDefault(e => e.Export.Destinations!.Any(t => Same(t.Id, id))) is { } user)
            return new Refusal(ExportErrors.DestinationInUse, $"The export '{user.Export.Id}' leads to '{present.Destination.Id}'", "Delete the export, or let it lead elsewhere.");
        await _context.Store.DeleteDestinationAsync(present.Destination.Id!, token);
        return present.Destination;
    }, token)).Refusal;

    /// <summary>All exports.</summary>
    public async Task<IReadOnlyList<DataExportDescription>> ListExportsAsync(CancellationToken token)
    {
        var shown = new List<DataExportDescription>();
        foreach (var stored in await _context.Store.ListExportsAsync(token))
            shown.Add(await ShowAsync(stored.Export, token));
        return shown;
    }

    /// <summary>Finds an export.</summary>
    public async Task<Outcome<DataExportDescription>> GetExportAsync(string id, CancellationToken token)
        => (await ListExportsAsync(token)).FirstOrDefault(e => Same(e.Id, id)) is { } found ? found : NoExport(id);

    /// <summary>Creates or changes an export. From off to on, and to a new destination, it takes data from now on.</summary>
    public Task<Outcome<DataExportDescription>> PutExportAsync(string id, DataExportDescription export, CancellationToken token) => WriteAsync<DataExportDescription>(async () =>
    {
        var stored = await _context.Store.ListExportsAsync(token);
        var present = stored.FirstOrDefault(e => Same(e.Export.Id, id));
        if (present is null && stored.Count >= MaxExports)
            return new Refusal(ExportErrors.TooManyExports, $"There are {MaxExports} exports", "Delete one, or give one of them more destinations.");
        var destinations = (await _context.Store.ListDestinationsAsync(token)).Select(d => d.Destination.Id!).ToList();
        if (!ExportForm.Read(present?.Export.Id ?? id, export, present?.Export, destinations).Succeeded(out var read, out var refusal))
            return refusal;
        foreach (var transform in read.Destinations!.Select(t => t.Transform).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            if (await _context.Transforms.CheckAsync(transform, token) is { } bad)
                return bad;
        }
        await _context.Store.SaveExportAsync(new StoredExport(read, NewETag(), Starts(read, present)), token);
        await ForgetAsync(read.Id!, (present?.Export.Destinations ?? []).Where(t => !read.Destinations!.Any(n => n.Id == t.Id)), token);
        return await ShowAsync(read, token);
    }, token);

    /// <summary>Deletes an export. Null when it is gone.</summary>
    public async Task<Refusal?> DeleteExportAsync(string id, CancellationToken token) => (await WriteAsync<DataExportDescription>(async () =>
    {
        if ((await _context.Store.ListExportsAsync(token)).FirstOrDefault(e => Same(e.Export.Id, id)) is not { } present)
            return NoExport(id);
        await _context.Store.DeleteExportAsync(present.Export.Id!, token);
        await ForgetAsync(present.Export.Id!, present.Export.Destinations!, token);
        return present.Export;
    }, token)).Refusal;

    /// <summary>How an export to each of its destinations goes.</summary>
    public async Task<Outcome<IReadOnlyList<ExportTargetHealth>>> HealthAsync(string id, CancellationToken token)
    {
        if (!(await GetExportAsync(id, token)).Succeeded(out var export, out var refusal))
            return refusal;
        var health = new List<ExportTargetHealth>();
        foreach (var target in export.Destinations!)
        {
            var pair = ExportTable.PairOf(export.Id!, target.Id!);
            health.Add(new ExportTargetHealth(target.Id!, await _engine.HealthOfAsync(pair, token), await _context.Places.ListDeadAsync(pair, ShownDead, token)));
        }
        return health;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _engine.Dispose();
        _writing.Dispose();
    }

    private Dictionary<string, IReadOnlyList<long>>? Starts(DataExportDescription export, StoredExport? present)
    {
        if (export.Enabled != true)
            return null;
        var now = Enumerable.Range(0, _context.Log.PartitionCount).Select(_context.Log.NextOffset).ToList();
        return export.Destinations!.ToDictionary(t => t.Id!, t => present?.Starts?.GetValueOrDefault(t.Id!) ?? now, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Forgets how far an export got with destinations that it does not lead to any more.</summary>
    private async Task ForgetAsync(string exportId, IEnumerable<ExportTargetDescription> targets, CancellationToken token)
    {
        _table = await ReadTableAsync(token);
        foreach (var pair in targets.Select(t => ExportTable.PairOf(exportId, t.Id!)))
        {
            await _engine.EndAsync(pair);
            await _context.Places.ForgetAsync(pair, token);
        }
    }

    private async Task<Outcome<T>> WriteAsync<T>(Func<Task<Outcome<T>>> write, CancellationToken token)
        where T : class
    {
        await _writing.WaitAsync(token);
        try
        {
            var outcome = await write();
            if (outcome.Refusal is null)
            {
                _table = await ReadTableAsync(token);
                _engine.Wake();
                await Written(token);
            }
            return outcome;
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task<ExportTable> ReadTableAsync(CancellationToken token)
        => ExportTable.Make(await _context.Store.ListExportsAsync(token), await _context.Store.ListDestinationsAsync(token), _context);

    private IEndpointSink Open(RoutingEndpointDescription endpoint, int partition)
    {
        var export = _table.Exports[endpoint.Id!];
        var inner = _context.Sinks($"{_context.ApplicationId}/{export.Stored.Export.Id}").First(s => s.Type == endpoint.Type).Open(endpoint, partition);
        var transform = export.Transform is null ? null : _context.Transforms.Open(export.Transform);
        return inner is IGatheringSink gathering ? new GatheringExportSink(export, gathering, transform) : new ExportSink(export, inner, transform);
    }

    private async Task<DataExportDescription> ShowAsync(DataExportDescription export, CancellationToken token)
    {
        var health = await HealthOfAsync(export.Destinations!.Select(t => ExportTable.PairOf(export.Id!, t.Id!)), token);
        return export with
        {
            Status = export.Enabled != true ? "notStarted" : StatusOf(health) ?? "starting",
            Errors = ErrorsOf(health),
            LastExportTime = health.Max(h => h.LastDeliveredTime),
        };
    }

    private async Task<DestinationDescription> ShowAsync(DestinationDescription destination, CancellationToken token)
    {
        var pairs = (await _context.Store.ListExportsAsync(token)).Where(e => e.Export.Destinations!.Any(t => Same(t.Id, destination.Id))).Select(e => ExportTable.PairOf(e.Export.Id!, destination.Id!));
        var health = await HealthOfAsync(pairs, token);
        return DestinationForm.Mask(destination) with { Status = StatusOf(health) ?? "waiting", Errors = ErrorsOf(health), LastExportTime = health.Max(h => h.LastDeliveredTime) };
    }

    private async Task<IReadOnlyList<EndpointHealthDescription>> HealthOfAsync(IEnumerable<string> pairs, CancellationToken token)
    {
        var health = new List<EndpointHealthDescription>();
        foreach (var pair in pairs)
            health.Add(await _engine.HealthOfAsync(pair, token));
        return health;
    }

    private static string? StatusOf(IReadOnlyList<EndpointHealthDescription> health)
        => health.Any(h => h.Status is "unhealthy" or "dead") ? "error" : health.Any(h => h.Status == "healthy") ? "healthy" : null;

    private static List<ExportError>? ErrorsOf(IReadOnlyList<EndpointHealthDescription> health)
    {
        var errors = health.Where(h => h.Status is "unhealthy" or "dead").Select(h => new ExportError("DestinationUnavailable", h.LastError ?? ""))
            .Concat(health.Where(h => h.Dead > 0 && h.Status is not ("unhealthy" or "dead")).Select(h => new ExportError("MessageRefused", h.LastError ?? ""))).Distinct().ToList();
        return errors.Count > 0 ? errors : null;
    }

    private static bool Same(string? a, string? b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private static string NewETag() => Guid.NewGuid().ToString("N")[..16];

    private static Refusal NoExport(string id) => new(ExportErrors.ExportNotFound, $"There is no export '{ExportForm.Cut(id)}'", "List the exports, or create it.");

    private static Refusal NoDestination(string id) => new(ExportErrors.DestinationNotFound, $"There is no destination '{ExportForm.Cut(id)}'", "List the destinations, or create it.");
}

/// <summary>Exports and destinations as the engine works with them: a state that never changes, replaced as a whole.</summary>
internal sealed record ExportTable(RoutingTable Routing, IReadOnlyDictionary<string, ActiveExport> Exports)
{
    public static readonly ExportTable Empty = new(RoutingTable.Empty, new Dictionary<string, ActiveExport>(StringComparer.Ordinal));

    /// <summary>The name of an export's way to a destination, for the engine.</summary>
    public static string PairOf(string exportId, string destinationId) => $"{exportId}/{destinationId}";

    /// <summary>Makes it of what is kept.</summary>
    public static ExportTable Make(IReadOnlyList<StoredExport> exports, IReadOnlyList<StoredDestination> destinations, ExportContext context)
    {
        var (active, routes, endpoints) = (new Dictionary<string, ActiveExport>(StringComparer.Ordinal), new List<ActiveRoute>(), new List<ActiveEndpoint>());
        foreach (var export in exports.Where(e => e.Starts is not null))
        {
            foreach (var target in export.Export.Destinations!)
            {
                var destination = destinations.First(d => d.Destination.Id == target.Id);
                var pair = PairOf(export.Export.Id!, target.Id!);
                var made = active[pair] = new ActiveExport
                {
                    Stored = export,
                    ApplicationId = context.ApplicationId,
                    Filter = export.Export.Filter is { } filter ? ExportFilter.Parse(filter).Value : null,
                    Transform = target.Transform,
                    Devices = context.Devices,
                };
                routes.Add(new ActiveRoute(export.Export.Id!, ExportSources.Find(export.Export.Source)!.Value, MessageCondition.Parse(null).Value!, [pair], export.Starts![target.Id!]) { Filter = made });
                endpoints.Add(new ActiveEndpoint(DestinationForm.EndpointOf(destination.Destination, pair) with { Etag = $"{export.ETag}/{destination.ETag}" }, []));
            }
        }
        return new ExportTable(new RoutingTable(endpoints, routes), active);
    }
}
