namespace Homeport.Hub.Files;

/// <summary>What is known of a committed blob.</summary>
public sealed record BlobProperties
{
    /// <summary>Name inside its container.</summary>
    public required string Name { get; init; }

    /// <summary>Length in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>Changes with every commit. Without quotes.</summary>
    public required string ETag { get; init; }

    public required DateTimeOffset LastModified { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>MD5 of the content: computed when it came in one request, else as the client stated it, or null.</summary>
    public byte[]? Md5 { get; init; }

    /// <summary>Headers given back with the content, by their names in the answer: Content-Type, x-ms-meta-... and the like.</summary>
    public required IReadOnlyDictionary<string, string> Headers { get; init; }
}

/// <summary>A block of a blob.</summary>
/// <param name="Id">Base64 text of 1 to 64 bytes, as clients choose it.</param>
/// <param name="Size">Length in bytes.</param>
public sealed record BlobBlock(string Id, long Size);

/// <summary>The blocks of a blob: those of which it consists, and those that wait to be committed.</summary>
public sealed record BlobBlocks(BlobProperties? Blob, IReadOnlyList<BlobBlock> Committed, IReadOnlyList<BlobBlock> Staged);

/// <summary>Where a commit takes a block from.</summary>
public enum BlockSource
{
    /// <summary>From the blob as it is.</summary>
    Committed,
    /// <summary>From the staged ones.</summary>
    Staged,
    /// <summary>From the staged ones, or else from the blob.</summary>
    Latest,
}

/// <summary>One entry of a block list.</summary>
public sealed record BlockReference(BlockSource Source, string Id);

/// <summary>One page of a container, in the order of names by their UTF-16 code units.</summary>
/// <param name="Blobs">The page.</param>
/// <param name="After">Go on behind this name, or null at the end.</param>
public sealed record BlobPage(IReadOnlyList<BlobProperties> Blobs, string? After);

/// <summary>Bytes on their way in.</summary>
/// <param name="Stream">Read once, to its end.</param>
/// <param name="Length">Announced length, or null when the sender does not say.</param>
/// <param name="Md5">Announced MD5, or null.</param>
public sealed record BlobBody(Stream Stream, long? Length, byte[]? Md5);

/// <summary>A blob opened for reading. It stays as it is, whatever is written meanwhile.</summary>
/// <param name="Properties">What is known of it.</param>
/// <param name="Data">Can seek; its first <see cref="BlobProperties.Size"/> bytes are the content, nothing behind them is.</param>
public sealed record OpenBlob(BlobProperties Properties, Stream Data) : IAsyncDisposable
{
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Data.DisposeAsync();
}
