using Homeport.Contract.Rest.Operators;

namespace Homeport.Routing;

/// <summary>
/// Runs a pump for each partition and each endpoint to which a route leads. Endpoints know nothing of each other: one that is slow or
/// away holds up nobody else, and no device, since the log is read and never pushed.
/// </summary>
public sealed class RoutingEngine(PumpContext context) : IDisposable
{
    private readonly SemaphoreSlim _changed = new(0);
    private readonly Dictionary<string, Running> _running = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, EndpointHealth> _health = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Looks at the table again, soon.</summary>
    public void Wake() => _changed.Release();

    /// <summary>How deliveries to an endpoint go.</summary>
    public async Task<EndpointHealthDescription> HealthOfAsync(string id, CancellationToken token)
    {
        var health = HealthOf(id);
        bool runs;
        lock (_lock)
            runs = _running.ContainsKey(id);
        if (!runs)
            await LoadPlacesAsync(id, health, token);
        return health.Describe((partition, next) =>
        {
            // Nothing waits for an endpoint to which no route leads.
            if (!runs)
                return 0;
            var extent = context.Log.ExtentOf(partition);
            return extent.Next - Math.Clamp(next, extent.First, extent.Next);
        });
    }

    /// <summary>Starts and ends pumps as the table wants it, until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await AdaptAsync(stop);
                await _changed.WaitAsync(stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            foreach (var running in Take(_ => true))
                await running.StopAsync();
        }
    }

    /// <summary>Ends what brings messages to an endpoint and forgets what was counted; the table may not have it any more.</summary>
    public async Task EndAsync(string id)
    {
        foreach (var running in Take(r => string.Equals(r.Endpoint.Description.Id, id, StringComparison.OrdinalIgnoreCase)))
            await running.StopAsync();
        Forget(id);
    }

    /// <summary>Forgets what was counted of an endpoint that is deleted.</summary>
    public void Forget(string id)
    {
        lock (_lock)
            _health.Remove(id);
    }

    /// <inheritdoc/>
    public void Dispose() => _changed.Dispose();

    private async Task AdaptAsync(CancellationToken stop)
    {
        var table = context.Table();
        var wanted = table.Endpoints.Values.Where(e => table.RoutesTo(e.Description.Id!).Count > 0).ToDictionary(e => e.Description.Id!, StringComparer.OrdinalIgnoreCase);
        foreach (var old in Take(r => !wanted.TryGetValue(r.Endpoint.Description.Id!, out var endpoint) || endpoint.Description.Etag != r.Endpoint.Description.Etag))
            await old.StopAsync();
        lock (_lock)
        {
            foreach (var (id, endpoint) in wanted.Where(w => !_running.ContainsKey(w.Key)))
                _running[id] = Running.Start(context, endpoint, HealthOf(id), stop);
        }
    }

    private List<Running> Take(Func<Running, bool> which)
    {
        lock (_lock)
        {
            var taken = _running.Values.Where(which).ToList();
            foreach (var running in taken)
                _running.Remove(running.Endpoint.Description.Id!);
            return taken;
        }
    }

    private EndpointHealth HealthOf(string id)
    {
        lock (_lock)
        {
            if (!_health.TryGetValue(id, out var health))
                _health[id] = health = new EndpointHealth(context.Time);
            return health;
        }
    }

    private async Task LoadPlacesAsync(string id, EndpointHealth health, CancellationToken token)
    {
        for (var partition = 0; partition < context.Log.PartitionCount; partition++)
        {
            if (await context.Places.FindPlaceAsync(id, partition, token) is { } place)
                health.NotePlace(partition, place);
        }
    }

    /// <summary>The pumps of an endpoint.</summary>
    private sealed class Running
    {
        private readonly CancellationTokenSource _stop;
        private Task _pumps = Task.CompletedTask;

        private Running(ActiveEndpoint endpoint, CancellationTokenSource stop) => (Endpoint, _stop) = (endpoint, stop);

        public ActiveEndpoint Endpoint { get; }

        public static Running Start(PumpContext context, ActiveEndpoint endpoint, EndpointHealth health, CancellationToken stop)
        {
            var running = new Running(endpoint, CancellationTokenSource.CreateLinkedTokenSource(stop));
            var token = running._stop.Token;
            running._pumps = Task.WhenAll(Enumerable.Range(0, context.Log.PartitionCount)
                .Select(partition => Task.Run(() => new PartitionPump(context, endpoint, partition, health).RunAsync(token), CancellationToken.None)));
            return running;
        }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _pumps;
            _stop.Dispose();
        }
    }
}
