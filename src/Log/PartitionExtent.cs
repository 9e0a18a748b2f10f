namespace Homeport.Log;

/// <summary>What a partition holds.</summary>
/// <param name="First">Offset of the oldest record that is kept; equals <paramref name="Next"/> when there is none.</param>
/// <param name="Next">Offset that the next record gets: that of the newest plus one.</param>
/// <param name="LastTime">Enqueued time of the newest record, also when retention dropped it; null when there never was one.</param>
public sealed record PartitionExtent(long First, long Next, DateTimeOffset? LastTime)
{
    /// <summary>A partition that never had a record.</summary>
    public static PartitionExtent Empty { get; } = new(0, 0, null);

    /// <summary>True when no record is kept.</summary>
    public bool IsEmpty => First == Next;
}
