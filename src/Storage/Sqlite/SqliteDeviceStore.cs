using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Lifecycle;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The devices of one application in SQLite.</summary>
public sealed class SqliteDeviceStore(SqliteDatabase database, string application) : IDeviceStore
{
    private const string Columns = """
        device_id, version, display_name, approved, blocked, disabled, provisioned, simulated, template, organization, model_id, registration_id, group_id,
        credential, address, created, last_seen, last_provisioned, changed, changed_by
        """;

    // As the index has it: a device without a name is called by its id.
    private const string Name = "coalesce(display_name, device_id) COLLATE NOCASE";
    private const string NameBegins = $"{Name}>=$start AND {Name}<$start || char(0x10ffff)";
    private const string NameAfter = $"{Name}>=$name AND ({Name}>$name OR device_id>$after)";
    private const string NameBefore = $"{Name}<=$name AND ({Name}<$name OR device_id<$after)";
    private const string IdBegins = "device_id>=$start AND device_id<$start || char(0x10ffff)";

    /// <summary>Rows that are looked at in one go when a condition is checked on each.</summary>
    private const int Chunk = 1000;

    private string PolicyName => $"approval/{application}";

    /// <inheritdoc/>
    public Task<DeviceFacts?> FindAsync(string deviceId, CancellationToken token) => Task.FromResult(database.Read(c => Find(c, deviceId)));

    /// <inheritdoc/>
    public Task<Outcome<DeviceFacts>> ChangeAsync(string deviceId, Func<DeviceFacts?, Outcome<DeviceFacts>> change, CancellationToken token) => database.WriteAsync(c =>
    {
        var before = Find(c, deviceId);
        var outcome = change(before);
        if (outcome.Value is not { } wanted || ReferenceEquals(wanted, before))
            return outcome;
        var after = wanted with { Version = (before?.Version ?? 0) + 1 };
        Save(c, after);
        return after;
    }, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string deviceId, CancellationToken token) => database.WriteAsync(
        c => c.Execute("DELETE FROM devices WHERE application=$application AND device_id=$device", ("$application", application), ("$device", deviceId)) == 1, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeviceFacts>> ListAsync(DeviceFilter filter, DeviceFacts? after, int max, CancellationToken token)
    {
        var found = new List<DeviceFacts>();
        if (filter.Order != DeviceOrder.Id)
        {
            Collect(found, max, after, last => ReadInOrder(filter, last, Size(filter, max)), filter, token);
            return Task.FromResult<IReadOnlyList<DeviceFacts>>(found);
        }
        // Those whose id begins so come first; behind them those whose name does. Each is a range of an index.
        if (filter.Search is not { Length: > 0 } search || after is null || after.DeviceId.StartsWith(search, StringComparison.Ordinal))
        {
            Collect(found, max, after, last => ReadById(filter, last?.DeviceId ?? "", Size(filter, max)), filter, token);
            after = null;
        }
        if (found.Count < max && !string.IsNullOrEmpty(filter.Search))
            Collect(found, max, after, last => ReadByName(filter, last, Size(filter, max)), filter, token);
        return Task.FromResult<IReadOnlyList<DeviceFacts>>(found);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<DeviceStatus, long>> CountAsync(CancellationToken token)
    {
        var counts = Enum.GetValues<DeviceStatus>().ToDictionary(s => s, _ => 0L);
        foreach (var (status, count) in database.Read(c => c.Query(
            "SELECT status, sum(devices) FROM device_counts WHERE application=$application GROUP BY status", r => ((DeviceStatus)r.GetInt32(0), r.GetInt64(1)), ("$application", application))))
        {
            counts[status] = count;
        }
        return Task.FromResult<IReadOnlyDictionary<DeviceStatus, long>>(counts);
    }

    /// <inheritdoc/>
    public Task<ApprovalPolicy> ReadPolicyAsync(CancellationToken token)
    {
        var stored = database.Read(c => c.QueryFirst("SELECT value FROM settings WHERE name=$name", r => r.GetString(0), ("$name", PolicyName)));
        return Task.FromResult(stored is null ? new ApprovalPolicy() : JsonSerializer.Deserialize(stored, ApprovalJson.Default.ApprovalPolicy)!);
    }

    /// <inheritdoc/>
    public Task SavePolicyAsync(ApprovalPolicy policy, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "INSERT INTO settings (name, value) VALUES ($name, $value) ON CONFLICT DO UPDATE SET value=excluded.value",
        ("$name", PolicyName), ("$value", JsonSerializer.Serialize(policy, ApprovalJson.Default.ApprovalPolicy))), token);

    private static int Size(DeviceFilter filter, int max) => filter.Where is null ? max : Math.Max(max, Chunk);

    /// <summary>Reads on until there are enough that fulfil the condition of the filter.</summary>
    private static void Collect(List<DeviceFacts> found, int max, DeviceFacts? after, Func<DeviceFacts?, List<DeviceFacts>> read, DeviceFilter filter, CancellationToken token)
    {
        while (found.Count < max)
        {
            token.ThrowIfCancellationRequested();
            var rows = read(after);
            foreach (var row in rows)
            {
                if (found.Count < max && (filter.Where is null || filter.Where(row)))
                    found.Add(row);
            }
            if (rows.Count < Size(filter, max))
                return;
            after = rows[^1];
        }
    }

    /// <summary>With one lower bound alone: of two, SQLite takes the first one for its range.</summary>
    private List<DeviceFacts> ReadById(DeviceFilter filter, string after, int max)
    {
        var searched = !string.IsNullOrEmpty(filter.Search);
        var from = searched && string.CompareOrdinal(after, filter.Search) < 0 ? "device_id>=$start" : "device_id>$after";
        return database.Read(c => c.Query(
            $"SELECT {Columns} FROM devices WHERE application=$application AND {from}{(searched ? " AND device_id<$start || char(0x10ffff)" : "")}{Conditions(filter)} ORDER BY device_id LIMIT $max",
            Read, Parameters(filter, max, ("$after", after))));
    }

    /// <summary>Those whose name begins so, and not their id.</summary>
    private List<DeviceFacts> ReadByName(DeviceFilter filter, DeviceFacts? after, int max) => database.Read(c => c.Query(
        $"""
        SELECT {Columns} FROM devices
        WHERE application=$application AND {(after is null ? NameBegins : $"{NameAfter} AND {Name}<$start || char(0x10ffff)")} AND NOT ({IdBegins}){Conditions(filter)}
        ORDER BY {Name}, device_id LIMIT $max
        """,
        Read, Parameters(filter, max, ("$after", after?.DeviceId), ("$name", after?.DisplayName ?? after?.DeviceId))));

    private List<DeviceFacts> ReadInOrder(DeviceFilter filter, DeviceFacts? after, int max)
    {
        var (behind, direction) = filter.Order == DeviceOrder.NameDescending ? (NameBefore, " DESC") : (NameAfter, "");
        return database.Read(c => c.Query(
            $"""
            SELECT {Columns} FROM devices
            WHERE application=$application{(string.IsNullOrEmpty(filter.Search) ? "" : $" AND (({NameBegins}) OR ({IdBegins}))")}{(after is null ? "" : $" AND {behind}")}{Conditions(filter)}
            ORDER BY {Name}{direction}, device_id{direction} LIMIT $max
            """,
            Read, Parameters(filter, max, ("$after", after?.DeviceId), ("$name", after?.DisplayName ?? after?.DeviceId))));
    }

    private static string Conditions(DeviceFilter filter)
    {
        var sql = new StringBuilder();
        if (filter.Status is not null)
            sql.Append(" AND status=$status");
        if (filter.Unassociated is { } unassociated)
            sql.Append(unassociated ? " AND template IS NULL" : " AND template IS NOT NULL");
        if (filter.Template is not null)
            sql.Append(" AND template=$template");
        if (filter.Organizations is not null)
            sql.Append(" AND organization IN (SELECT value FROM json_each($organizations))");
        return sql.ToString();
    }

    // A kept statement has its parameters in the order of its first use: all of them, whichever it reads.
    private (string, object?)[] Parameters(DeviceFilter filter, int max, params ReadOnlySpan<(string, object?)> more) =>
    [
        ("$application", application), ("$max", max), ("$start", filter.Search), ("$status", filter.Status is { } status ? (int)status : null), ("$template", filter.Template),
        ("$organizations", filter.Organizations is { } organizations ? JsonSerializer.Serialize([.. organizations], StoredJson.Default.ListString) : null), .. more,
    ];

    private DeviceFacts? Find(SqliteConnection connection, string deviceId)
        => connection.QueryFirst($"SELECT {Columns} FROM devices WHERE application=$application AND device_id=$device", Read, ("$application", application), ("$device", deviceId));

    /// <summary>Whether the identity is disabled is the registry's to say.</summary>
    private void Save(SqliteConnection connection, DeviceFacts facts) => connection.Execute(
        $"""
        INSERT INTO devices (application, {Columns})
        VALUES ($application, $device, $version, $name, $approved, $blocked, 0, $provisioned, $simulated, $template, $organization, $model, $registration, $group,
            $credential, $address, $created, $seen, $assigned, $changed, $by)
        ON CONFLICT (application, device_id) DO UPDATE SET version=excluded.version, display_name=excluded.display_name, approved=excluded.approved, blocked=excluded.blocked,
            provisioned=excluded.provisioned, simulated=excluded.simulated, template=excluded.template, organization=excluded.organization, model_id=excluded.model_id,
            registration_id=excluded.registration_id, group_id=excluded.group_id, credential=excluded.credential, address=excluded.address,
            last_seen=excluded.last_seen, last_provisioned=excluded.last_provisioned, changed=excluded.changed, changed_by=excluded.changed_by
        """,
        ("$application", application), ("$device", facts.DeviceId), ("$version", facts.Version), ("$name", facts.DisplayName), ("$approved", facts.Approved), ("$blocked", facts.Blocked),
        ("$provisioned", facts.Provisioned), ("$simulated", facts.Simulated), ("$template", facts.Template), ("$organization", facts.Organization), ("$model", facts.ModelId),
        ("$registration", facts.RegistrationId), ("$group", facts.GroupId), ("$credential", facts.Credential is { } credential ? (int)credential : null), ("$address", facts.Address),
        ("$created", facts.Created), ("$seen", facts.LastSeen), ("$assigned", facts.LastProvisioned), ("$changed", facts.Changed), ("$by", facts.ChangedBy));

    private static DeviceFacts Read(SqliteDataReader row) => new()
    {
        DeviceId = row.GetString(0),
        Version = row.GetInt64(1),
        DisplayName = row.TextOrNull(2),
        Approved = row.GetBoolean(3),
        Blocked = row.GetBoolean(4),
        Disabled = row.GetBoolean(5),
        Provisioned = row.GetBoolean(6),
        Simulated = row.GetBoolean(7),
        Template = row.TextOrNull(8),
        Organization = row.TextOrNull(9),
        ModelId = row.TextOrNull(10),
        RegistrationId = row.TextOrNull(11),
        GroupId = row.TextOrNull(12),
        Credential = row.IsDBNull(13) ? null : (CredentialUsed)row.GetInt32(13),
        Address = row.TextOrNull(14),
        Created = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(15)),
        LastSeen = row.TimeOrNull(16),
        LastProvisioned = row.TimeOrNull(17),
        Changed = row.TimeOrNull(18),
        ChangedBy = row.TextOrNull(19),
    };
}

/// <summary>The setting <c>approval/{application}</c>.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ApprovalPolicy))]
internal sealed partial class ApprovalJson : JsonSerializerContext;
