namespace Homeport.Hub.Files;

/// <summary>How much the built-in blob store takes.</summary>
/// <param name="MaxBlock">Longest block and longest blob in one request, in bytes.</param>
/// <param name="MaxBlob">Longest blob, in bytes.</param>
/// <param name="Quota">All that the store may hold, in bytes, staged blocks included.</param>
/// <param name="FreeSpace">What it leaves free on the disk, in bytes.</param>
public sealed record BlobLimits(long MaxBlock, long MaxBlob, long Quota, long FreeSpace)
{
    /// <summary>Most blocks of a blob. Source: Azure "Put Block List".</summary>
    public const int MaxBlocks = 50_000;

    /// <summary>Most bytes of a decoded block id.</summary>
    public const int MaxBlockId = 64;

    /// <summary>Staged blocks that nobody commits are dropped after this time, counted from the newest of them.</summary>
    public static readonly TimeSpan StagedLife = TimeSpan.FromDays(7);

    /// <summary>Blocks of 100 MiB, blobs of 5 GiB, 20 GiB in all; 256 MiB stay free.</summary>
    public static BlobLimits Default { get; } = new(100L << 20, 5L << 30, 20L << 30, 256L << 20);
}
