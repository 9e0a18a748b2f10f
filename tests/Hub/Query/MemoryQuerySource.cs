using System.Runtime.CompilerServices;
using System.Text;
using Homeport.Hub.Query;

namespace Homeport.Tests.Hub.Query;

/// <summary>Rows in a list, in the order of their keys. It uses no condition, so that the runner's own check is what counts.</summary>
internal sealed class MemoryQuerySource(params IEnumerable<IQueryRow> rows) : IQuerySource
{
    private readonly List<IQueryRow> _rows =
        [.. rows.OrderBy(r => r.Key.DeviceId, StringComparer.Ordinal).ThenBy(r => r.Key.Part, StringComparer.Ordinal)];

    public List<QueryScan> Scans { get; } = [];

    /// <summary>Rows that were handed out.</summary>
    public int Read { get; private set; }

    public async IAsyncEnumerable<IQueryRow> ScanAsync(QueryScan scan, [EnumeratorCancellation] CancellationToken token)
    {
        Scans.Add(scan);
        await Task.Yield();
        foreach (var row in _rows.Where(r => scan.After is null || IsAfter(r.Key, scan.After)))
        {
            token.ThrowIfCancellationRequested();
            Read++;
            yield return row;
        }
    }

    public static TwinRow Twin(string deviceId, string tags = "{}", string desired = "{}", string reported = "{}") => new()
    {
        DeviceId = deviceId,
        ETag = "AAAAAAAAAAE=",
        DeviceETag = "MQ==",
        Version = 5,
        Status = "enabled",
        ConnectionState = "Disconnected",
        AuthenticationType = "sas",
        Tags = Encoding.UTF8.GetBytes(tags),
        Desired = Encoding.UTF8.GetBytes(desired),
        DesiredMetadata = "{\"$lastUpdated\":\"2026-01-02T00:00:00.0000000Z\",\"a\":{\"$lastUpdatedVersion\":4}}"u8.ToArray(),
        DesiredVersion = 4,
        Reported = Encoding.UTF8.GetBytes(reported),
        ReportedVersion = 7,
    };

    private static bool IsAfter(QueryKey key, QueryKey after)
        => string.CompareOrdinal(key.DeviceId, after.DeviceId) is var order && (order > 0 || (order == 0 && string.CompareOrdinal(key.Part, after.Part) > 0));
}
