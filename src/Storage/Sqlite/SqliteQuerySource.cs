using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Homeport.Hub.Live;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>
/// Twins of one hub as rows of queries. Reads in chunks, each a snapshot of its own, so that a long scan holds nobody up; who is
/// connected comes from memory.
/// </summary>
public sealed class SqliteQuerySource(SqliteDatabase database, LiveConnections live, string hub) : IQuerySource
{
    private const int Chunk = 500;

    /// <inheritdoc/>
    public async IAsyncEnumerable<IQueryRow> ScanAsync(QueryScan scan, [EnumeratorCancellation] CancellationToken token)
    {
        var jobs = scan.Collection == QueryCollection.Jobs;
        var select = jobs ? null : QuerySql.For(scan, database.Read(c => SqliteConfigurationStore.HasStatus(c, hub)));
        var after = scan.After;
        while (true)
        {
            token.ThrowIfCancellationRequested();
            var rows = database.Read(c => jobs ? SqliteJobRows.Read(c, hub, scan, after, Chunk) : ReadChunk(c, scan, select!, after));
            foreach (var row in rows)
                yield return row;
            if (rows.Count < Chunk)
                yield break;
            after = rows[^1].Key;
            // A scan of many chunks lets others have the thread in between.
            await Task.Yield();
        }
    }

    private List<IQueryRow> ReadChunk(SqliteConnection connection, QueryScan scan, QuerySql select, QueryKey? after)
    {
        var counts = scan.Parts.HasFlag(QueryParts.Fields) ? MessageCounts(connection) : null;
        return connection.Query<IQueryRow>(select.Text, row => Read(row, counts),
            ("$hub", hub), ("$device", after?.DeviceId ?? ""), ("$module", after?.Part ?? ""), ("$path", select.TagPath), ("$values", select.Values),
            ("$start", select.Start), ("$enabled", select.Enabled), ("$max", Chunk));
    }

    /// <summary>Queues are empty nearly always, so that all of them are counted at once.</summary>
    private Dictionary<string, int> MessageCounts(SqliteConnection connection)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (key, count) in connection.Query(
            "SELECT device_id, module_id, count(*) FROM device_messages WHERE hub=$hub GROUP BY device_id, module_id",
            r => (Identity.KeyOf(r.GetString(0), r.GetString(1) is { Length: > 0 } module ? module : null), r.GetInt32(2)), ("$hub", hub)))
        {
            counts[key] = count;
        }
        return counts;
    }

    private TwinRow Read(SqliteDataReader row, Dictionary<string, int>? counts)
    {
        var deviceId = row.GetString(0);
        var moduleId = row.GetString(1) is { Length: > 0 } module ? module : null;
        var key = Identity.KeyOf(deviceId, moduleId);
        return new TwinRow
        {
            DeviceId = deviceId,
            ModuleId = moduleId,
            ETag = Twin.ETagOf(row.GetInt64(2)),
            Version = row.GetInt64(3),
            ModelId = row.GetString(4),
            DeviceETag = Identity.ETagOf(row.GetInt64(5)),
            Status = row.GetBoolean(6) ? "enabled" : "disabled",
            StatusReason = row.TextOrNull(7),
            StatusUpdateTime = row.TimeOrNull(8),
            AuthenticationType = TwinDocument.TypeOf((AuthenticationType)row.GetInt32(9)),
            PrimaryThumbprint = row.TextOrNull(10),
            SecondaryThumbprint = row.TextOrNull(11),
            IotEdge = row.GetBoolean(12),
            DeviceScope = row.TextOrNull(13),
            ParentScopes = row.TextOrNull(14) is { } parent ? [parent] : [],
            ConnectionStateUpdatedTime = row.TimeOrNull(15),
            LastActivityTime = live.LastActivityOf(key) ?? row.TimeOrNull(16),
            ConnectionState = live.IsConnected(key) ? "Connected" : "Disconnected",
            CloudToDeviceMessageCount = counts?.GetValueOrDefault(key) ?? 0,
            Configurations = row.BytesOrNull(24) ?? "{}"u8.ToArray(),
            Tags = row.BytesOrNull(17),
            Desired = row.BytesOrNull(18),
            DesiredMetadata = row.BytesOrNull(19),
            DesiredVersion = row.IsDBNull(20) ? null : row.GetInt64(20),
            Reported = row.BytesOrNull(21),
            ReportedMetadata = row.BytesOrNull(22),
            ReportedVersion = row.IsDBNull(23) ? null : row.GetInt64(23),
        };
    }
}

/// <summary>The SELECT of a scan: the best index for its conditions, and only the columns that it reads.</summary>
internal sealed class QuerySql
{
    private const string Fields = """
        t.device_id, t.module_id, t.counter, t.version, t.model_id, i.version, i.enabled, i.status_reason, i.status_time, i.auth_type, i.primary_thumbprint,
        i.secondary_thumbprint, i.iot_edge, i.device_scope, i.parent_scope, i.connection_time, i.last_activity
        """;

    private const string Join = "t.hub=i.hub AND t.device_id=i.device_id AND t.module_id=i.module_id";

    /// <summary>The statement; some do not use all of the parameters.</summary>
    public required string Text { get; init; }

    /// <summary>Path in the index of the tags.</summary>
    public string? TagPath { get; private init; }

    /// <summary>JSON array of ids or of indexed tag values.</summary>
    public string? Values { get; private init; }

    /// <summary>Start of the device id.</summary>
    public string? Start { get; private init; }

    /// <summary>The status asked for.</summary>
    public bool? Enabled { get; private init; }

    /// <summary>Chooses the statement.</summary>
    /// <param name="scan">What is asked.</param>
    /// <param name="configured">Some twins show configurations; most hubs have none, and pay nothing for them.</param>
    public static QuerySql For(QueryScan scan, bool configured)
    {
        if (Find(scan, c => c.Path.Field == QueryField.DeviceId && c.Match == IndexMatch.AnyOf) is { } ids)
            return new QuerySql { Text = Select(scan, configured, "identities i", "i", "i.device_id IN (SELECT value FROM json_each($values))"), Values = Array(ids.Values.Select(v => v.Text)) };
        if (Find(scan, c => c.Path.Section == QuerySection.Tags && c.Match == IndexMatch.AnyOf) is { } tags)
        {
            return new QuerySql
            {
                Text = Select(scan, configured, "twin_tags g JOIN identities i ON i.hub=g.hub AND i.device_id=g.device_id AND i.module_id=g.module_id", "g",
                    "g.path=$path AND g.value IN (SELECT value FROM json_each($values))"),
                TagPath = string.Join('.', tags.Path.Steps.Skip(1).Select(s => s.Name)),
                Values = Array(tags.Values.Select(v => TwinTags.Indexed(Value(v)))),
            };
        }
        if (Find(scan, c => c.Path.Field == QueryField.DeviceId && c.Match == IndexMatch.StartsWith) is { } start)
            return new QuerySql { Text = Select(scan, configured, "identities i", "i", "i.device_id>=$start AND i.device_id<$start || char(0x10ffff)"), Start = start.Values[0].Text };
        if (Find(scan, c => c.Path.Field == QueryField.Status && c.Values is [{ Text: "enabled" or "disabled" }]) is { } status && scan.Collection == QueryCollection.Devices)
            return new QuerySql { Text = Select(scan, configured, "identities i", "i", "i.enabled=$enabled"), Enabled = status.Values[0].Text == "enabled" };
        return new QuerySql { Text = Select(scan, configured, "identities i", "i", "true") };
    }

    private static string Select(QueryScan scan, bool configured, string from, string key, string where)
    {
        var parts = scan.Parts;
        var tags = parts.HasFlag(QueryParts.Tags) ? "t.tags" : "NULL";
        var desired = parts.HasFlag(QueryParts.Desired) ? "t.desired, t.desired_metadata, t.desired_version" : "NULL, NULL, NULL";
        var reported = parts.HasFlag(QueryParts.Reported) ? "t.reported, t.reported_metadata, t.reported_version" : "NULL, NULL, NULL";
        var configurations = configured && parts.HasFlag(QueryParts.Fields) ? SqliteConfigurationStore.StatusOf("t") : "NULL";
        var modules = scan.Collection == QueryCollection.Modules ? "<>" : "=";
        return string.Create(CultureInfo.InvariantCulture, $"""
            SELECT {Fields}, {tags}, {desired}, {reported}, {configurations}
            FROM {from} JOIN twins t ON {Join}
            WHERE {key}.hub=$hub AND {key}.module_id{modules}'' AND ({key}.device_id, {key}.module_id)>($device, $module) AND {where}
            ORDER BY {key}.device_id, {key}.module_id LIMIT $max
            """);
    }

    private static IndexCondition? Find(QueryScan scan, Func<IndexCondition, bool> fits) => scan.Conditions.FirstOrDefault(fits);

    private static object? Value(QueryValue value) => value.Kind switch
    {
        QueryValueKind.String => value.Text,
        QueryValueKind.Number => value.Number,
        QueryValueKind.Bool => value.IsTrue,
        _ => null,
    };

    private static string Array(IEnumerable<string?> values) => JsonSerializer.Serialize([.. values.OfType<string>()], StoredJson.Default.ListString);
}
