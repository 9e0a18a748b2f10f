using System.Runtime.InteropServices;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>A container of the built-in store.</summary>
public sealed class OwnContainer(IBlobStore store, string container) : IBlobContainer
{
    private static readonly Dictionary<string, string> Headers = new(StringComparer.OrdinalIgnoreCase) { ["Content-Type"] = "application/octet-stream" };

    /// <inheritdoc/>
    public async Task<Outcome<ContainedBlob>> OpenAsync(string blobName, CancellationToken token)
    {
        if (await store.OpenAsync(new BlobAddress(container, blobName), token) is not { } blob)
            return new Refusal(BlobErrors.BlobNotFound, $"The container '{container}' has no blob '{blobName}'", "Upload it first.");
        return new ContainedBlob(blob.Data, blob.Properties.Size);
    }

    /// <inheritdoc/>
    public async Task<Refusal?> StageAsync(string blobName, string blockId, ReadOnlyMemory<byte> block, CancellationToken token)
    {
        var stream = MemoryMarshal.TryGetArray(block, out var array) ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false) : new MemoryStream(block.ToArray());
        return (await store.StageAsync(new BlobAddress(container, blobName), blockId, new BlobBody(stream, block.Length, null), token)).Refusal;
    }

    /// <inheritdoc/>
    public async Task<Refusal?> CommitAsync(string blobName, IReadOnlyList<string> blockIds, CancellationToken token)
        => (await store.CommitAsync(new BlobAddress(container, blobName), [.. blockIds.Select(id => new BlockReference(BlockSource.Staged, id))],
            new BlobDescription(Headers, null), BlobCondition.None, token)).Refusal;
}
