using System.Runtime.CompilerServices;
using Homeport.Contract.Rest;
using Homeport.Log;

namespace Homeport.Hub.Telemetry;

/// <summary>What one device sent lately, read back from the log. There is no index by device: it looks at the newest records of the device's partition, a bounded number.</summary>
public sealed class MessageHistory(HubLog log)
{
    /// <summary>Records that are looked at for one question.</summary>
    public const int MaxScan = 200_000;

    private const int Window = 2000;
    private const int PageBytes = 256 * 1024;

    /// <summary>The device's messages, the newest first.</summary>
    /// <param name="deviceId">The device; its modules are left out.</param>
    /// <param name="since">Nothing older is looked at.</param>
    /// <param name="token">Ends it.</param>
    public async IAsyncEnumerable<StoredMessage> NewestAsync(string deviceId, DateTimeOffset since, [EnumeratorCancellation] CancellationToken token)
    {
        var partition = log.PartitionOf(deviceId);
        var extent = log.ExtentOf(partition);
        var oldest = Math.Max(extent.First, extent.Next - MaxScan);
        for (var end = extent.Next; end > oldest;)
        {
            var start = Math.Max(oldest, end - Window);
            var (found, reachedSince) = await ReadWindowAsync(partition, start, end, deviceId, since.ToUnixTimeMilliseconds(), token);
            for (var i = found.Count - 1; i >= 0; i--)
                yield return MessageReader.ToMessage(partition, found[i]);
            if (reachedSince)
                yield break;
            end = start;
        }
    }

    private async Task<(List<Record> Found, bool ReachedSince)> ReadWindowAsync(int partition, long start, long end, string deviceId, long since, CancellationToken token)
    {
        var found = new List<Record>();
        var reachedSince = false;
        for (var offset = start; offset < end;)
        {
            using var page = await log.ReadPageAsync(partition, offset, PageBytes, token);
            while (page.TryRead(out var record) && record.Offset < end)
            {
                if (record.EnqueuedTime < since)
                    reachedSince = true;
                else if (record.Source == MessageSource.Telemetry && RecordOrigin.IsOf(record.Origin, deviceId))
                    found.Add(record.ToRecord());
            }
            offset = page.NextOffset;
        }
        return (found, reachedSince);
    }
}
