using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>A container of block blobs that somebody gave access to, here or in a storage account elsewhere.</summary>
public interface IBlobContainer
{
    /// <summary>Opens a blob for reading from its start. The caller disposes the stream.</summary>
    Task<Outcome<ContainedBlob>> OpenAsync(string blobName, CancellationToken token);

    /// <summary>Keeps a block of a blob. All ids (Base64) of a blob have the same length. Null when it is done.</summary>
    Task<Refusal?> StageAsync(string blobName, string blockId, ReadOnlyMemory<byte> block, CancellationToken token);

    /// <summary>Makes the blob the sequence of the staged blocks. Null when it is done.</summary>
    Task<Refusal?> CommitAsync(string blobName, IReadOnlyList<string> blockIds, CancellationToken token);
}

/// <summary>A blob that is read.</summary>
/// <param name="Data">Its content; may not seek.</param>
/// <param name="Size">Length in bytes; what comes behind is not content. Null when the stream has nothing behind.</param>
public sealed record ContainedBlob(Stream Data, long? Size) : IAsyncDisposable
{
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Data.DisposeAsync();
}

/// <summary>Finds containers by their addresses.</summary>
public interface IBlobContainers
{
    /// <summary>Opens the container of an address with a shared access signature.</summary>
    /// <param name="uri">For example <c>https://account.blob.core.windows.net/container?sv=...&amp;sig=...</c>.</param>
    /// <param name="permissions">Letters that the signature has to have, for example <c>rw</c>.</param>
    Outcome<IBlobContainer> Open(string? uri, string permissions);
}
