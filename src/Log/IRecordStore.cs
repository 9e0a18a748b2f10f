namespace Homeport.Log;

/// <summary>Keeps the record batches of one hub. Has an embedded and a clustered form.</summary>
public interface IRecordStore
{
    /// <summary>Number of partitions, fixed when the hub was made.</summary>
    int PartitionCount { get; }

    /// <summary>The offset that the partition's next record gets.</summary>
    long NextOffset(int partition);

    /// <summary>Stores sealed batches in one transaction and returns when they are durable. Called by one thread at a time.</summary>
    /// <param name="batches">The batch of each partition; an empty one is passed over.</param>
    void Append(IReadOnlyList<RecordBatch> batches);

    /// <summary>Reads records from an offset on: none when there are none yet. An offset that retention dropped reads from the first one kept.</summary>
    Task<IReadOnlyList<Record>> ReadAsync(int partition, long offset, int max, CancellationToken token);

    /// <summary>Drops the oldest batches, a bounded number at a time, whose last record is older. Returns true when more are left to drop. Called by the appending thread.</summary>
    bool DropBefore(DateTimeOffset time);
}
