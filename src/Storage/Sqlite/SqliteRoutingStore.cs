using System.Text.Json;
using Homeport.Contract.Rest.Operators;
using Homeport.Routing;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Routes and endpoints of one hub in SQLite, the endpoints sealed, and how far each endpoint got.</summary>
public sealed class SqliteRoutingStore(SqliteDatabase database, SecretSeal seal, string hub) : IRoutingStore
{
    private const int KeptDead = 1000;

    /// <inheritdoc/>
    public Task<IReadOnlyList<RoutingEndpointDescription>> ListEndpointsAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<RoutingEndpointDescription>>(database.Read(c => c.Query(
        "SELECT id, etag, definition FROM routing_endpoints WHERE hub=$hub ORDER BY id", ReadEndpoint, ("$hub", hub))));

    /// <inheritdoc/>
    public Task<bool> SaveEndpointAsync(RoutingEndpointDescription endpoint, string? etag, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var definition = seal.Seal(JsonSerializer.SerializeToUtf8Bytes(endpoint, RoutingJson.Default.RoutingEndpointDescription), Context(endpoint.Id!));
        return database.WriteAsync(c => etag is null
            ? c.Execute("INSERT INTO routing_endpoints (hub, id, etag, definition) VALUES ($hub, $id, $etag, $definition) ON CONFLICT DO NOTHING",
                ("$hub", hub), ("$id", endpoint.Id), ("$etag", endpoint.Etag), ("$definition", definition)) == 1
            : c.Execute("UPDATE routing_endpoints SET id=$id, etag=$etag, definition=$definition WHERE hub=$hub AND id=$id AND etag=$expected",
                ("$hub", hub), ("$id", endpoint.Id), ("$etag", endpoint.Etag), ("$definition", definition), ("$expected", etag)) == 1, token);
    }

    /// <inheritdoc/>
    public Task<bool> DeleteEndpointAsync(string id, string etag, CancellationToken token) => database.WriteAsync(c =>
    {
        if (c.Execute("DELETE FROM routing_endpoints WHERE hub=$hub AND id=$id AND etag=$etag", ("$hub", hub), ("$id", id), ("$etag", etag)) == 0)
            return false;
        Forget(c, id);
        return true;
    }, token);

    /// <inheritdoc/>
    public Task ForgetAsync(string endpointId, CancellationToken token) => database.WriteAsync(c =>
    {
        Forget(c, endpointId);
        return true;
    }, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredRoute>> ListRoutesAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<StoredRoute>>(database.Read(c => c.Query(
        "SELECT definition, starts, delivered FROM routes WHERE hub=$hub ORDER BY id", ReadRoute, ("$hub", hub))));

    /// <inheritdoc/>
    public Task<bool> SaveRouteAsync(StoredRoute route, string? etag, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(route);
        var definition = JsonSerializer.Serialize(route.Route with { Delivered = null }, RoutingJson.Default.RouteDescription);
        var starts = route.Starts is null ? null : JsonSerializer.Serialize([.. route.Starts], StoredJson.Default.ListInt64);
        return database.WriteAsync(c => etag is null
            ? c.Execute("INSERT INTO routes (hub, id, etag, definition, starts) VALUES ($hub, $id, $etag, $definition, $starts) ON CONFLICT DO NOTHING",
                ("$hub", hub), ("$id", route.Route.Id), ("$etag", route.Route.Etag), ("$definition", definition), ("$starts", starts)) == 1
            : c.Execute("UPDATE routes SET etag=$etag, definition=$definition, starts=$starts WHERE hub=$hub AND id=$id AND etag=$expected",
                ("$hub", hub), ("$id", route.Route.Id), ("$etag", route.Route.Etag), ("$definition", definition), ("$starts", starts), ("$expected", etag)) == 1, token);
    }

    /// <inheritdoc/>
    public Task<bool> DeleteRouteAsync(string id, string etag, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM routes WHERE hub=$hub AND id=$id AND etag=$etag", ("$hub", hub), ("$id", id), ("$etag", etag)) == 1, token);

    /// <inheritdoc/>
    public Task<EndpointPlace?> FindPlaceAsync(string endpointId, int partition, CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        "SELECT next, delivered, dead, dropped FROM routing_places WHERE hub=$hub AND endpoint=$endpoint AND partition=$partition",
        r => new EndpointPlace(r.GetInt64(0), r.GetInt64(1), r.GetInt64(2), r.GetInt64(3)), ("$hub", hub), ("$endpoint", endpointId), ("$partition", partition))));

    /// <inheritdoc/>
    public Task AdvanceAsync(string endpointId, int partition, Progress progress, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(progress);
        return database.WriteAsync(c =>
        {
            c.Execute(
                """
                INSERT INTO routing_places (hub, endpoint, partition, next, delivered, dead, dropped) VALUES ($hub, $endpoint, $partition, $next, $delivered, $dead, $dropped)
                ON CONFLICT DO UPDATE SET next=$next, delivered=delivered+$delivered, dead=dead+$dead, dropped=dropped+$dropped
                """,
                ("$hub", hub), ("$endpoint", endpointId), ("$partition", partition), ("$next", progress.Next), ("$delivered", progress.Delivered), ("$dead", progress.Dead is null ? 0 : 1), ("$dropped", progress.Dropped));
            foreach (var (route, count) in progress.ByRoute)
                c.Execute("UPDATE routes SET delivered=delivered+$count WHERE hub=$hub AND id=$id", ("$count", count), ("$hub", hub), ("$id", route));
            if (progress.Dead is { } dead)
                AddDead(c, endpointId, dead);
            return true;
        }, token);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeadMessageDescription>> ListDeadAsync(string endpointId, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<DeadMessageDescription>>(database.Read(c => c.Query(
        "SELECT partition, offset, device_id, time, reason FROM routing_dead WHERE hub=$hub AND endpoint=$endpoint ORDER BY time DESC, partition, offset DESC LIMIT $max",
        r => new DeadMessageDescription(r.GetInt32(0), r.GetInt64(1), r.GetString(2), r.TimeOrNull(3)!.Value, r.GetString(4)), ("$hub", hub), ("$endpoint", endpointId), ("$max", max))));

    private void Forget(SqliteConnection connection, string endpointId)
    {
        connection.Execute("DELETE FROM routing_places WHERE hub=$hub AND endpoint=$id", ("$hub", hub), ("$id", endpointId));
        connection.Execute("DELETE FROM routing_dead WHERE hub=$hub AND endpoint=$id", ("$hub", hub), ("$id", endpointId));
    }

    private void AddDead(SqliteConnection connection, string endpointId, DeadMessageDescription dead)
    {
        connection.Execute(
            """
            INSERT INTO routing_dead (hub, endpoint, partition, offset, device_id, time, reason) VALUES ($hub, $endpoint, $partition, $offset, $device, $time, $reason)
            ON CONFLICT DO UPDATE SET time=$time, reason=$reason
            """,
            ("$hub", hub), ("$endpoint", endpointId), ("$partition", dead.Partition), ("$offset", dead.Offset), ("$device", dead.DeviceId), ("$time", dead.Time), ("$reason", dead.Reason));
        connection.Execute(
            """
            DELETE FROM routing_dead WHERE hub=$hub AND endpoint=$endpoint AND partition=$partition AND offset <=
                (SELECT offset FROM routing_dead WHERE hub=$hub AND endpoint=$endpoint AND partition=$partition ORDER BY offset DESC LIMIT 1 OFFSET $kept)
            """, ("$hub", hub), ("$endpoint", endpointId), ("$partition", dead.Partition), ("$kept", KeptDead));
    }

    private RoutingEndpointDescription ReadEndpoint(SqliteDataReader row)
    {
        var definition = seal.Unseal(row.BytesOrNull(2), Context(row.GetString(0)))!;
        return JsonSerializer.Deserialize(definition, RoutingJson.Default.RoutingEndpointDescription)! with { Id = row.GetString(0), Etag = row.GetString(1) };
    }

    private static StoredRoute ReadRoute(SqliteDataReader row) => new(
        JsonSerializer.Deserialize(row.GetString(0), RoutingJson.Default.RouteDescription)! with { Delivered = row.GetInt64(2) },
        row.TextOrNull(1) is { } starts ? JsonSerializer.Deserialize(starts, StoredJson.Default.ListInt64) : null);

    private string Context(string id) => $"routingEndpoint/{hub}/{id.ToUpperInvariant()}";
}
