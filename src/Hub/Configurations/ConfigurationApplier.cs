using System.Text;
using System.Threading.Channels;
using Homeport.Contract.Errors;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Microsoft.Extensions.Logging;

namespace Homeport.Hub.Configurations;

/// <summary>
/// Brings configurations to the twins that they target: all of them at the start, when a configuration changes and every few minutes;
/// single devices soon after they changed. Desired properties are only written when they differ. A twin that is no target any more
/// keeps what was written, as in the service. Content for the modules of edge devices makes those that are not there.
/// </summary>
public sealed partial class ConfigurationApplier(
    IConfigurationStore store, IQuerySource source, DeviceTwins twins, ModuleContent modules, TimeProvider time, ILogger<ConfigurationApplier> logger)
{
    /// <summary>Time between two looks at all twins.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);

    // Bounds how often one device is looked at, also when two configurations undo each other.
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(5);
    private const int MaxNoted = 10_000;
    private const int Batch = 200;
    private static readonly QueryPath DeviceIdPath = new([new PathStep("deviceId")]);

    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Lock _lock = new();
    private HashSet<string> _noted = new(StringComparer.Ordinal);
    private bool _all = true;
    private volatile bool _active = true;

    /// <summary>Says that a device or its twin changed. Only notes it.</summary>
    public void Note(string deviceId)
    {
        if (!_active)
            return;
        lock (_lock)
        {
            if (_all)
                return;
            _noted.Add(deviceId);
            if (_noted.Count > MaxNoted)
            {
                _all = true;
                _noted.Clear();
            }
        }
        _wake.Writer.TryWrite(true);
    }

    /// <summary>Says that a configuration changed. Only notes it.</summary>
    public void NoteAll()
    {
        lock (_lock)
        {
            _all = true;
            _noted.Clear();
        }
        _wake.Writer.TryWrite(true);
    }

    /// <summary>Runs until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await WorkAsync(stop);
                await WaitAsync(stop);
                await Task.Delay(Settle, time, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogFailed(e);
                NoteAll();
                await Task.Delay(PauseAfterFailure, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Does what is noted.</summary>
    internal async Task WorkAsync(CancellationToken token)
    {
        HashSet<string> devices;
        bool all;
        // Changes from here on are noted for the next time.
        _active = true;
        lock (_lock)
        {
            (devices, _noted) = (_noted, new HashSet<string>(StringComparer.Ordinal));
            (all, _all) = (_all, false);
        }
        var configurations = TargetedConfiguration.Prepare(await store.ListAsync(DeviceConfigurations.MaxCount, token));
        foreach (var collection in (QueryCollection[])[QueryCollection.Devices, QueryCollection.Modules])
        {
            var here = configurations.Where(c => c.Condition.Collection == collection).ToList();
            if (here.Count == 0 && !await store.HasStatusAsync(collection == QueryCollection.Modules, token))
                continue;
            if (all)
            {
                await ApplyAsync(collection, [], here, token);
                continue;
            }
            foreach (var some in devices.Chunk(Batch))
                await ApplyAsync(collection, [new IndexCondition(DeviceIdPath, IndexMatch.AnyOf, [.. some.Select(d => QueryValue.From(d))])], here, token);
        }
        // A configuration that comes now makes a look at all twins, so that nothing is missed meanwhile.
        if (configurations.Count == 0)
            _active = false;
    }

    private async Task ApplyAsync(QueryCollection collection, IReadOnlyList<IndexCondition> which, List<TargetedConfiguration> configurations, CancellationToken token)
    {
        var parts = configurations.Aggregate(QueryParts.Fields | QueryParts.Desired, (all, c) => all | c.Condition.Parts);
        var rows = new List<TwinRow>(Batch);
        Refusal? refused = null;
        await foreach (var row in source.ScanAsync(new QueryScan(collection, which, parts, null), token).WithCancellation(token))
        {
            rows.Add((TwinRow)row);
            if (rows.Count < Batch)
                continue;
            refused = await ApplyAsync(rows, configurations, token) ?? refused;
            rows.Clear();
        }
        refused = await ApplyAsync(rows, configurations, token) ?? refused;
        if (refused is not null)
            LogRefused(refused.Text);
    }

    /// <summary>Writes a batch together, so that it shares a commit. Gives one of the refusals.</summary>
    private async Task<Refusal?> ApplyAsync(List<TwinRow> rows, List<TargetedConfiguration> configurations, CancellationToken token)
    {
        var results = await Task.WhenAll(rows.Select(row => ApplyAsync(row, configurations, token)));
        var changed = rows.Zip(results, (row, result) => (Row: row, result.States))
            .Where(r => !r.Row.Configurations.Span.SequenceEqual(Show(r.States)))
            .Select(r => new TwinConfigurations(r.Row.DeviceId, r.Row.ModuleId, r.States)).ToList();
        if (changed.Count > 0)
            await store.SetStatusAsync(changed, token);
        return results.Select(r => r.Refused).FirstOrDefault(r => r is not null);
    }

    private async Task<(List<KeyValuePair<string, string>> States, Refusal? Refused)> ApplyAsync(TwinRow row, List<TargetedConfiguration> configurations, CancellationToken token)
    {
        var states = new List<KeyValuePair<string, string>>();
        var targeting = configurations.Where(c => c.Condition.Matches(row)).ToList();
        var winner = targeting.Find(c => !c.IsDeployment);
        Refusal? refused = null;
        if (winner?.Missing(row.Desired) is { } patch)
            refused = (await twins.PatchAsync(row.DeviceId, row.ModuleId, patch, IfMatch.Absent, token)).Refusal;
        // Only edge devices have modules that the hub makes.
        var deployment = row is { IotEdge: true, ModuleId: null } ? targeting.Find(c => c.IsDeployment) : null;
        var notDeployed = deployment is null ? null : await DeployAsync(row.DeviceId, deployment, token);
        foreach (var configuration in targeting)
        {
            var applied = (ReferenceEquals(configuration, winner) && refused is null) || (ReferenceEquals(configuration, deployment) && notDeployed is null);
            states.Add(KeyValuePair.Create(configuration.Configuration.Id, applied ? TwinConfigurations.Applied : TwinConfigurations.Targeted));
        }
        states.Sort((a, b) => string.CompareOrdinal(a.Key, b.Key));
        return (states, refused ?? notDeployed);
    }

    private async Task<Refusal?> DeployAsync(string deviceId, TargetedConfiguration deployment, CancellationToken token)
    {
        Refusal? refused = null;
        foreach (var (module, desired) in deployment.Modules)
            refused = await modules.ApplyAsync(deviceId, module, desired, token) ?? refused;
        return refused;
    }

    /// <summary>The states as a twin shows them, in the form in which a source gives them: ids and states need no escapes.</summary>
    private static byte[] Show(List<KeyValuePair<string, string>> states)
    {
        if (states.Count == 0)
            return "{}"u8.ToArray();
        var text = new StringBuilder("{");
        foreach (var (id, state) in states)
            text.Append(text.Length > 1 ? "," : "").Append('"').Append(id).Append("\":{\"status\":\"").Append(state).Append("\"}");
        return Encoding.UTF8.GetBytes(text.Append('}').ToString());
    }

    private async Task WaitAsync(CancellationToken stop)
    {
        using var timer = new CancellationTokenSource(Interval, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, timer.Token);
        try
        {
            await _wake.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            NoteAll();
        }
    }

    [LoggerMessage(EventId = 2501, Level = LogLevel.Warning, Message = "A configuration could not be written to some twins, for example: {Refusal}")]
    private partial void LogRefused(string refusal);

    [LoggerMessage(EventId = 2502, Level = LogLevel.Error, Message = "Configurations could not be applied; trying again.")]
    private partial void LogFailed(Exception e);
}
