using System.Text.Json;
using Homeport.Templates;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Device templates of an application, and which devices of its hub follow them.</summary>
public sealed class SqliteTemplateStore(SqliteDatabase database, string application, string hub) : ITemplateStore
{
    private const string Columns = "id, model_id, display_name, description, draft, published, published_time, changed, version";
    private const string AssignmentColumns = "device_id, template_id, model_id, assigned_by, time";

    /// <inheritdoc/>
    public Task<DeviceTemplate?> FindAsync(string id, CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        $"SELECT {Columns} FROM device_templates WHERE application=$application AND id=$id", Read, ("$application", application), ("$id", id))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeviceTemplate>> ListAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<DeviceTemplate>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM device_templates WHERE application=$application ORDER BY id", Read, ("$application", application))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<DeviceTemplate>> FindPublishedAsync(string modelOrTemplateId, CancellationToken token) => Task.FromResult<IReadOnlyList<DeviceTemplate>>(database.Read(c => c.Query(
        $"""
        SELECT {Columns} FROM device_templates WHERE application=$application AND model_id=$id AND published IS NOT NULL
        UNION SELECT {Columns} FROM device_templates WHERE application=$application AND id=$id AND published IS NOT NULL
        """, Read, ("$application", application), ("$id", modelOrTemplateId))));

    /// <inheritdoc/>
    public Task<bool> SaveAsync(DeviceTemplate template, long? version, CancellationToken token) => database.WriteAsync(c => version is null
        ? c.Execute(
            $"""
            INSERT INTO device_templates (application, {Columns})
            VALUES ($application, $id, $model, $name, $description, $draft, $published, $publishedTime, $changed, $version) ON CONFLICT DO NOTHING
            """, Parameters(template)) == 1
        : c.Execute(
            """
            UPDATE device_templates SET model_id=$model, display_name=$name, description=$description, draft=$draft, published=$published,
                published_time=$publishedTime, changed=$changed, version=$version
            WHERE application=$application AND id=$id AND version=$expected
            """, [.. Parameters(template), ("$expected", version)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string id, long version, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        DELETE FROM device_templates WHERE application=$application AND id=$id AND version=$version
            AND NOT EXISTS (SELECT 1 FROM template_devices WHERE hub=$hub AND template_id=$id)
        """, ("$application", application), ("$id", id), ("$version", version), ("$hub", hub)) == 1, token);

    /// <inheritdoc/>
    public Task<TemplateAssignment?> FindAssignmentAsync(string deviceId, CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        $"SELECT {AssignmentColumns} FROM template_devices WHERE hub=$hub AND device_id=$device AND module_id=''", ReadAssignment, ("$hub", hub), ("$device", deviceId))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<TemplateAssignment>> FindAssignmentsAsync(IReadOnlyCollection<string> deviceIds, CancellationToken token)
        => Task.FromResult<IReadOnlyList<TemplateAssignment>>(database.Read(c => c.Query(
            $"SELECT {AssignmentColumns} FROM template_devices WHERE hub=$hub AND module_id='' AND device_id IN (SELECT value FROM json_each($devices))", ReadAssignment,
            ("$hub", hub), ("$devices", JsonSerializer.Serialize([.. deviceIds], StoredJson.Default.ListString)))));

    /// <inheritdoc/>
    public Task SaveAssignmentAsync(TemplateAssignment assignment, bool onlyFirst, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        INSERT INTO template_devices (hub, device_id, template_id, model_id, assigned_by, time) VALUES ($hub, $device, $template, $model, $by, $time)
        ON CONFLICT DO UPDATE SET model_id=$model,
            template_id=CASE WHEN $first AND template_id IS NOT NULL THEN template_id ELSE $template END,
            assigned_by=CASE WHEN $first AND template_id IS NOT NULL THEN assigned_by ELSE $by END,
            time=CASE WHEN $first AND template_id IS NOT NULL THEN time ELSE $time END
        """,
        ("$hub", hub), ("$device", assignment.DeviceId), ("$template", assignment.TemplateId), ("$model", assignment.ModelId), ("$by", (int)assignment.By),
        ("$time", assignment.Time), ("$first", onlyFirst)), token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListDevicesAsync(string templateId, string? after, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<string>>(database.Read(c => c.Query(
        "SELECT device_id FROM template_devices WHERE hub=$hub AND template_id=$template AND device_id>$after ORDER BY device_id LIMIT $max", r => r.GetString(0),
        ("$hub", hub), ("$template", templateId), ("$after", after ?? ""), ("$max", max))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListWaitingAsync(string modelId, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<string>>(database.Read(c => c.Query(
        "SELECT device_id FROM template_devices WHERE hub=$hub AND model_id=$model AND template_id IS NULL ORDER BY device_id LIMIT $max", r => r.GetString(0),
        ("$hub", hub), ("$model", modelId), ("$max", max))));

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, long>> CountDevicesAsync(CancellationToken token) => Task.FromResult<IReadOnlyDictionary<string, long>>(database.Read(c => c.Query(
        "SELECT template_id, count(*) FROM template_devices WHERE hub=$hub AND template_id IS NOT NULL GROUP BY template_id", r => (Id: r.GetString(0), Count: r.GetInt64(1)),
        ("$hub", hub))).ToDictionary(r => r.Id, r => r.Count, StringComparer.Ordinal));

    private (string, object?)[] Parameters(DeviceTemplate template) =>
    [
        ("$application", application), ("$id", template.Id), ("$model", template.ModelId), ("$name", template.DisplayName), ("$description", template.Description),
        ("$draft", template.Draft), ("$published", template.Published), ("$publishedTime", template.PublishedTime), ("$changed", template.Changed), ("$version", template.Version),
    ];

    private static DeviceTemplate Read(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        ModelId = row.GetString(1),
        DisplayName = row.GetString(2),
        Description = row.TextOrNull(3),
        Draft = row.TextOrNull(4),
        Published = row.TextOrNull(5),
        PublishedTime = row.TimeOrNull(6),
        Changed = row.TimeOrNull(7)!.Value,
        Version = row.GetInt64(8),
    };

    private static TemplateAssignment ReadAssignment(SqliteDataReader row)
        => new(row.GetString(0), row.TextOrNull(1), row.TextOrNull(2), (AssignedBy)row.GetInt32(3), row.TimeOrNull(4)!.Value);
}
