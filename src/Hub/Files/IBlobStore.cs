using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>
/// Containers of block blobs. What a call acknowledges is durable, and readers see a blob as it was before a write or after it, never
/// in between. Any valid name and container may be used at once; a container needs no making.
/// </summary>
public interface IBlobStore
{
    /// <summary>What the store takes.</summary>
    BlobLimits Limits { get; }

    /// <summary>Writes a whole blob and drops its staged blocks.</summary>
    Task<Outcome<BlobProperties>> PutAsync(BlobAddress blob, BlobBody body, IReadOnlyDictionary<string, string> headers, BlobCondition condition, CancellationToken token);

    /// <summary>Keeps a block until it is committed, replacing a staged one with the same id. All ids of a blob have the same length.</summary>
    Task<Outcome<BlobBlock>> StageAsync(BlobAddress blob, string blockId, BlobBody body, CancellationToken token);

    /// <summary>Makes the blob the sequence of these blocks and drops its staged ones.</summary>
    Task<Outcome<BlobProperties>> CommitAsync(BlobAddress blob, IReadOnlyList<BlockReference> blocks, BlobDescription description, BlobCondition condition, CancellationToken token);

    /// <summary>Finds a committed blob.</summary>
    Task<BlobProperties?> FindAsync(BlobAddress blob, CancellationToken token);

    /// <summary>Opens a committed blob. The caller disposes it.</summary>
    Task<OpenBlob?> OpenAsync(BlobAddress blob, CancellationToken token);

    /// <summary>The blocks of a blob, or null when there is neither a blob nor a staged block.</summary>
    Task<BlobBlocks?> ListBlocksAsync(BlobAddress blob, CancellationToken token);

    /// <summary>Deletes a committed blob. Null when it is done.</summary>
    Task<Refusal?> DeleteAsync(BlobAddress blob, BlobCondition condition, CancellationToken token);

    /// <summary>Committed blobs of a container.</summary>
    /// <param name="container">The container.</param>
    /// <param name="prefix">Start of the names, or the empty text.</param>
    /// <param name="after">Names behind this one only, or null.</param>
    /// <param name="max">Most blobs on the page.</param>
    /// <param name="token">Ends the call.</param>
    Task<BlobPage> ListAsync(string container, string prefix, string? after, int max, CancellationToken token);

    /// <summary>Drops staged blocks of blobs whose newest one is older than this. Gives the number of blobs.</summary>
    Task<int> DropStagedAsync(DateTimeOffset before, CancellationToken token);
}

/// <summary>What a commit says of the blob.</summary>
/// <param name="Headers">Headers to give back with the content.</param>
/// <param name="Md5">MD5 that the client states for the whole, or null.</param>
public sealed record BlobDescription(IReadOnlyDictionary<string, string> Headers, byte[]? Md5);
