using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Log;
using Microsoft.Extensions.Logging;

namespace Homeport.Routing;

/// <summary>
/// Routes of a hub and the endpoints where they lead. What it has written is in effect when a call returns. The endpoint <c>events</c> is
/// the log itself: it has all messages, whatever the routes are.
/// </summary>
public sealed class RoutingService : IDisposable
{
    /// <summary>Endpoints of a hub, as in the service.</summary>
    public const int MaxEndpoints = 10;

    /// <summary>Routes of a hub, as in the service.</summary>
    public const int MaxRoutes = 100;

    private const int ShownDead = 100;

    private readonly IRoutingStore _store;
    private readonly HubLog _log;
    private readonly TimeProvider _time;
    private readonly RouteForm _form;
    private readonly RoutingEngine _engine;
    private readonly Dictionary<string, ISinkFactory> _sinks;
    private readonly SemaphoreSlim _writing = new(1);
    private volatile RoutingTable _table = RoutingTable.Empty;

    /// <summary>The routes of a hub.</summary>
    /// <param name="hubName">Name of the hub.</param>
    /// <param name="store">Keeps them.</param>
    /// <param name="log">The messages.</param>
    /// <param name="twins">For conditions and enrichments that read the twin.</param>
    /// <param name="sinks">The types of endpoints that there are.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Failures of endpoints.</param>
    public RoutingService(string hubName, IRoutingStore store, HubLog log, ITwinStore twins, IReadOnlyList<ISinkFactory> sinks, TimeProvider time, ILoggerFactory loggers)
    {
        (_store, _log, _time) = (store, log, time);
        _sinks = sinks.ToDictionary(s => s.Type, StringComparer.Ordinal);
        _form = new RouteForm(hubName, _sinks);
        _engine = new RoutingEngine(new PumpContext
        {
            Log = log,
            Places = store,
            Twins = twins,
            Time = time,
            Logger = loggers.CreateLogger<RoutingService>(),
            Table = () => _table,
            Open = (endpoint, partition) => _sinks[endpoint.Type!].Open(endpoint, partition),
        });
    }

    /// <summary>The types of endpoints that there are.</summary>
    public IEnumerable<string> EndpointTypes => _sinks.Keys;

    /// <summary>Called when routes or endpoints were changed, before the caller hears of it.</summary>
    public Func<CancellationToken, Task> Written { get; set; } = static _ => Task.CompletedTask;

    /// <summary>True when a route takes messages of the source: only then events of the hub are made.</summary>
    public bool Wants(MessageSource source) => _table.Wants(source);

    /// <summary>Takes what earlier runs kept.</summary>
    public async Task LoadAsync(CancellationToken token) => _table = await ReadTableAsync(token);

    /// <summary>Delivers until stopped.</summary>
    public Task RunAsync(CancellationToken stop) => _engine.RunAsync(stop);

    /// <summary>All routes, with what they delivered.</summary>
    public async Task<IReadOnlyList<RouteDescription>> ListRoutesAsync(CancellationToken token) => [.. (await _store.ListRoutesAsync(token)).Select(r => r.Route)];

    /// <summary>Finds a route.</summary>
    public async Task<Outcome<RouteDescription>> GetRouteAsync(string id, CancellationToken token)
        => (await ListRoutesAsync(token)).FirstOrDefault(r => Same(r.Id, id)) is { } found ? found : NoRoute(id);

    /// <summary>Creates or changes a route. From off to on it takes messages from now on.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="route">What it shall be.</param>
    /// <param name="condition">ETag that it must have.</param>
    /// <param name="token">Ends the call.</param>
    public Task<Outcome<RouteDescription>> PutRouteAsync(string id, RouteDescription route, IfMatch condition, CancellationToken token) => WriteAsync<RouteDescription>(async () =>
    {
        var stored = await _store.ListRoutesAsync(token);
        var present = stored.FirstOrDefault(r => Same(r.Route.Id, id));
        if (condition.IsConditional && (present is null || !condition.Matches(present.Route.Etag!)))
            return present is null ? NoRoute(id) : Changed(id);
        if (present is null && stored.Count >= MaxRoutes)
            return new Refusal(RoutingErrors.TooManyRoutes, $"The hub has {MaxRoutes} routes", "Delete one, or give one of them a wider condition.");
        var endpoints = (await _store.ListEndpointsAsync(token)).Select(e => e.Id!).ToList();
        if (!RouteForm.Read(id, route, endpoints).Succeeded(out var read, out var refusal))
            return refusal;
        // A route that looks at another source begins anew: of what went by it has taken nothing.
        var goesOn = present?.Starts is not null && string.Equals(present.Route.Source, read.Source, StringComparison.Ordinal);
        var starts = read.IsEnabled != true ? null : goesOn ? present!.Starts : [.. Enumerable.Range(0, _log.PartitionCount).Select(_log.NextOffset)];
        read = read with { Etag = NewETag(), Since = starts is null ? null : goesOn ? present!.Route.Since : _time.GetUtcNow() };
        return await _store.SaveRouteAsync(new StoredRoute(read, starts), present?.Route.Etag, token) ? read with { Delivered = present?.Route.Delivered ?? 0 } : Changed(id);
    }, token);

    /// <summary>Deletes a route. Null when it is gone.</summary>
    public async Task<Refusal?> DeleteRouteAsync(string id, IfMatch condition, CancellationToken token) => (await WriteAsync<RouteDescription>(async () =>
    {
        if ((await _store.ListRoutesAsync(token)).FirstOrDefault(r => Same(r.Route.Id, id)) is not { } present)
            return NoRoute(id);
        return condition.Matches(present.Route.Etag!) && await _store.DeleteRouteAsync(present.Route.Id!, present.Route.Etag!, token) ? present.Route : Changed(id);
    }, token)).Refusal;

    /// <summary>All endpoints, without their secrets.</summary>
    public async Task<IReadOnlyList<RoutingEndpointDescription>> ListEndpointsAsync(CancellationToken token)
    {
        var shown = new List<RoutingEndpointDescription>();
        foreach (var endpoint in await _store.ListEndpointsAsync(token))
            shown.Add(await ShowAsync(endpoint, token));
        return shown;
    }

    /// <summary>Finds an endpoint; its secrets are masked.</summary>
    public async Task<Outcome<RoutingEndpointDescription>> GetEndpointAsync(string id, CancellationToken token)
        => (await _store.ListEndpointsAsync(token)).FirstOrDefault(e => Same(e.Id, id)) is { } found ? await ShowAsync(found, token) : NoEndpoint(id);

    /// <summary>Creates or changes an endpoint. A secret that is absent or masked stays as it is.</summary>
    public Task<Outcome<RoutingEndpointDescription>> PutEndpointAsync(string id, RoutingEndpointDescription endpoint, IfMatch condition, CancellationToken token) => WriteAsync<RoutingEndpointDescription>(async () =>
    {
        var stored = await _store.ListEndpointsAsync(token);
        var present = stored.FirstOrDefault(e => Same(e.Id, id));
        if (condition.IsConditional && (present is null || !condition.Matches(present.Etag!)))
            return present is null ? NoEndpoint(id) : Changed(id);
        if (present is null && stored.Count >= MaxEndpoints)
            return new Refusal(RoutingErrors.TooManyRoutes, $"The hub has {MaxEndpoints} endpoints", "Delete one that no route leads to.");
        if (!_form.Read(id, endpoint, present).Succeeded(out var read, out var refusal))
            return refusal;
        read = read with { Etag = NewETag() };
        return await _store.SaveEndpointAsync(read, present?.Etag, token) ? await ShowAsync(read, token) : Changed(id);
    }, token);

    /// <summary>Deletes an endpoint to which no route leads. Null when it is gone.</summary>
    public async Task<Refusal?> DeleteEndpointAsync(string id, IfMatch condition, CancellationToken token) => (await WriteAsync<RoutingEndpointDescription>(async () =>
    {
        if ((await _store.ListEndpointsAsync(token)).FirstOrDefault(e => Same(e.Id, id)) is not { } present)
            return NoEndpoint(id);
        if ((await _store.ListRoutesAsync(token)).FirstOrDefault(r => r.Route.EndpointNames!.Any(name => Same(name, id))) is { } route)
            return new Refusal(RoutingErrors.RoutingEndpointInUse, $"The route '{route.Route.Id}' leads to '{present.Id}'", "Delete the route, or let it lead elsewhere.");
        if (!condition.Matches(present.Etag!) || !await _store.DeleteEndpointAsync(present.Id!, present.Etag!, token))
            return Changed(id);
        _engine.Forget(present.Id!);
        return present;
    }, token)).Refusal;

    /// <summary>The newest messages that an endpoint refused for good.</summary>
    public async Task<Outcome<IReadOnlyList<DeadMessageDescription>>> ListDeadAsync(string id, CancellationToken token)
        => (await _store.ListEndpointsAsync(token)).FirstOrDefault(e => Same(e.Id, id)) is { } found
            ? new Outcome<IReadOnlyList<DeadMessageDescription>>(await _store.ListDeadAsync(found.Id!, ShownDead, token))
            : NoEndpoint(id);

    /// <summary>Which routes would take a message; with a condition in the test also whether that would. Routes that are off are tried too.</summary>
    public async Task<Outcome<RouteTestResult>> TestAsync(RouteTestDescription test, CancellationToken token)
    {
        if (!RouteForm.ReadTest(test).Succeeded(out var message, out var refusal))
            return refusal;
        bool? matches = null;
        if (test.Condition is not null)
        {
            if (!MessageCondition.Parse(test.Condition).Succeeded(out var condition, out refusal))
                return refusal;
            matches = condition.Matches(message);
        }
        var routes = new List<RouteDescription>();
        foreach (var route in await ListRoutesAsync(token))
        {
            if (RoutingSources.Find(route.Source) == message.Source && MessageCondition.Parse(route.Condition).Value?.Matches(message) == true)
                routes.Add(route);
        }
        return new RouteTestResult(routes, matches);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _engine.Dispose();
        _writing.Dispose();
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

    private async Task<RoutingTable> ReadTableAsync(CancellationToken token)
    {
        var endpoints = (await _store.ListEndpointsAsync(token)).Where(e => _sinks.ContainsKey(e.Type!)).Select(_form.Activate);
        var routes = (await _store.ListRoutesAsync(token)).Where(r => r.Starts is not null).Select(RouteForm.Activate);
        return new RoutingTable(endpoints, [.. routes]);
    }

    private async Task<RoutingEndpointDescription> ShowAsync(RoutingEndpointDescription endpoint, CancellationToken token) => endpoint with
    {
        Secret = endpoint.Secret is null ? null : RoutingEndpointDescription.Masked,
        Headers = endpoint.Headers?.ToDictionary(h => h.Key, _ => RoutingEndpointDescription.Masked, StringComparer.OrdinalIgnoreCase),
        Authorization = endpoint.Authorization is null ? null : endpoint.Authorization with { ClientSecret = RoutingEndpointDescription.Masked },
        Health = await _engine.HealthOfAsync(endpoint.Id!, token),
    };

    private static bool Same(string? a, string? b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private static string NewETag() => Guid.NewGuid().ToString("N")[..16];

    private static Refusal NoRoute(string id) => new(RoutingErrors.RouteNotFound, $"The hub has no route '{RouteForm.Cut(id)}'", "List the routes, or create it.");

    private static Refusal NoEndpoint(string id) => new(RoutingErrors.RoutingEndpointNotFound, $"The hub has no endpoint '{RouteForm.Cut(id)}'", "List the endpoints, or create it.");

    private static Refusal Changed(string id) => new(RoutingErrors.RoutingChanged, $"'{RouteForm.Cut(id)}' has another ETag now", "Read it again and repeat the change.");
}
