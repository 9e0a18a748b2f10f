namespace Homeport.Log;

/// <summary>Keeps the record batches of one hub. Has an embedded and a clustered form.</summary>
public interface IRecordStore
{
    /// <summary>Number of partitions, fixed when the hub was made.</summary>
    int PartitionCount { get; }

    /// <summary>What a partition holds now.</summary>
    PartitionExtent ExtentOf(int partition);

    /// <summary>Stores sealed batches in one transaction and returns when they are durable. Called by one thread at a time.</summary>
    /// <param name="batches">The batch of each partition; an empty one is passed over.</param>
    void Append(IReadOnlyList<RecordBatch> batches);

    /// <summary>
    /// Reads records from an offset on: null when there are none yet. An offset that retention dropped reads from the first one kept.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="offset">First record wanted.</param>
    /// <param name="maxBytes">Bytes of records at most, but one record at least.</param>
    /// <param name="token">Ends the call.</param>
    /// <exception cref="InvalidDataException">The batch that the offset is in is damaged.</exception>
    ValueTask<RecordPage?> ReadPageAsync(int partition, long offset, int maxBytes, CancellationToken token);

    /// <summary>Offset of the first record that was enqueued at a time or later; the partition's next offset when there is none yet.</summary>
    ValueTask<long> FindAsync(int partition, DateTimeOffset time, CancellationToken token);

    /// <summary>Drops the oldest batches, a bounded number at a time, whose last record is older. Returns true when more are left to drop. Called by the appending thread.</summary>
    bool DropBefore(DateTimeOffset time);

    /// <summary>Drops the oldest batches, a bounded number at a time, while the store takes more of the disk. Returns true when it still does. Called by the appending thread.</summary>
    bool DropAbove(long bytes);
}

/// <summary>Short forms.</summary>
public static class RecordStoreCalls
{
    private const int PageBytes = 256 * 1024;

    /// <summary>The offset that the partition's next record gets.</summary>
    public static long NextOffset(this IRecordStore store, int partition) => store.ExtentOf(partition).Next;

    /// <summary>Reads copies of records from an offset on: none when there are none yet.</summary>
    public static async Task<IReadOnlyList<Record>> ReadAsync(this IRecordStore store, int partition, long offset, int max, CancellationToken token)
    {
        var records = new List<Record>();
        while (records.Count < max)
        {
            using var page = await store.ReadPageAsync(partition, offset, PageBytes, token);
            if (page is null)
                break;
            while (records.Count < max && page.TryRead(out var record))
                records.Add(record.ToRecord());
            offset = page.NextOffset;
        }
        return records;
    }
}
