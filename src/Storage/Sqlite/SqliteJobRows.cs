using System.Text.Json;
using Homeport.Hub.Jobs;
using Homeport.Hub.Methods;
using Homeport.Hub.Query;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>What jobs did on devices, as rows of queries over <c>devices.jobs</c>.</summary>
internal static class SqliteJobRows
{
    private const string Select = """
        SELECT d.device_id, d.job_id, j.type, d.status, d.created, d.started, d.ended, d.updated, d.method_status, d.payload, d.error_code, d.error_description
        """;

    private const string Join = "JOIN jobs j ON j.hub=d.hub AND j.job_id=d.job_id";
    private const string Order = "ORDER BY d.device_id, d.job_id LIMIT $max";

    /// <summary>Rows behind a key, by the index that fits the scan.</summary>
    public static List<IQueryRow> Read(SqliteConnection connection, string hub, QueryScan scan, QueryKey? after, int max)
    {
        // The rows' own names are told by their exact spelling.
        if (Values(scan, "jobId") is [var job])
        {
            // One job's rows come in the order of the primary key.
            return connection.Query<IQueryRow>(
                $"{Select} FROM job_devices d {Join} WHERE d.hub=$hub AND d.job_id=$job AND (d.device_id, d.job_id)>($device, $afterJob) {Order}", Row,
                ("$hub", hub), ("$job", job), ("$device", after?.DeviceId ?? ""), ("$afterJob", after?.Part ?? ""), ("$max", max));
        }
        if (Values(scan, "deviceId") is { } devices)
        {
            return connection.Query<IQueryRow>(
                $"""
                {Select} FROM job_devices d INDEXED BY job_devices_by_device {Join}
                WHERE d.hub=$hub AND d.device_id IN (SELECT value FROM json_each($devices)) AND (d.device_id, d.job_id)>($device, $afterJob) {Order}
                """, Row,
                ("$hub", hub), ("$devices", JsonSerializer.Serialize([.. devices], StoredJson.Default.ListString)), ("$device", after?.DeviceId ?? ""),
                ("$afterJob", after?.Part ?? ""), ("$max", max));
        }
        return connection.Query<IQueryRow>(
            $"{Select} FROM job_devices d INDEXED BY job_devices_by_device {Join} WHERE d.hub=$hub AND (d.device_id, d.job_id)>($device, $afterJob) {Order}", Row,
            ("$hub", hub), ("$device", after?.DeviceId ?? ""), ("$afterJob", after?.Part ?? ""), ("$max", max));
    }

    private static string[]? Values(QueryScan scan, string name) => scan.Conditions
        .FirstOrDefault(c => c.Match == IndexMatch.AnyOf && c.Path.Steps is [{ } only] && string.Equals(only.Name, name, StringComparison.Ordinal))
        ?.Values.Select(v => v.Text).OfType<string>().ToArray();

    private static JsonRow Row(SqliteDataReader row)
    {
        var job = new DeviceJob
        {
            DeviceId = row.GetString(0),
            JobId = row.GetString(1),
            Type = (JobType)row.GetInt32(2),
            Status = (DeviceJobStatus)row.GetInt32(3),
            CreatedTime = row.TimeOrNull(4)!.Value,
            StartTime = row.TimeOrNull(5),
            EndTime = row.TimeOrNull(6),
            UpdatedTime = row.TimeOrNull(7)!.Value,
            Method = row.IsDBNull(8) ? null : new MethodResult(row.GetInt32(8), row.BytesOrNull(9)),
            Error = row.TextOrNull(10) is { } code ? new DeviceJobError(code, row.TextOrNull(11) ?? "") : null,
        };
        return new JsonRow(new QueryKey(job.DeviceId, job.JobId), job.ToBytes());
    }
}
