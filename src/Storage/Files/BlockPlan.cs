using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>Where the bytes of a block are: in a file of their own, or (no path) in the blob as it is, from an offset on.</summary>
internal sealed record BlockPart(BlobBlock Block, string? Path, long Offset);

/// <summary>Finds the blocks of a list.</summary>
internal sealed class BlockPlan
{
    private readonly BlobPaths _paths;
    private readonly string _key;
    private readonly Dictionary<string, BlockPart> _committed = new(StringComparer.Ordinal);

    public BlockPlan(BlobPaths paths, string key, BlobRecord? current)
    {
        (_paths, _key) = (paths, key);
        var offset = 0L;
        foreach (var block in current?.Blocks ?? [])
        {
            // The same id may stand in the list twice; both are the same bytes.
            _committed.TryAdd(block.Id, new BlockPart(block, null, offset));
            offset += block.Size;
        }
    }

    public Outcome<IReadOnlyList<BlockPart>> Resolve(IReadOnlyList<BlockReference> references)
    {
        var parts = new List<BlockPart>(references.Count);
        for (var i = 0; i < references.Count; i++)
        {
            var part = references[i].Source switch
            {
                BlockSource.Committed => _committed.GetValueOrDefault(references[i].Id),
                BlockSource.Staged => Staged(references[i].Id),
                _ => Staged(references[i].Id) ?? _committed.GetValueOrDefault(references[i].Id),
            };
            if (part is null)
                return new Refusal(BlobErrors.InvalidBlockList, $"Entry {i + 1} of the block list names a block that is not there", "Send the block, then the list again.");
            parts.Add(part);
        }
        return new Outcome<IReadOnlyList<BlockPart>>(parts);
    }

    private BlockPart? Staged(string id)
    {
        var bytes = new byte[BlobLimits.MaxBlockId];
        if (id.Length > 128 || !Convert.TryFromBase64String(id, bytes, out var length) || length == 0)
            return null;
        var file = new FileInfo(_paths.BlockOf(_key, bytes[..length]));
        return file.Exists ? new BlockPart(new BlobBlock(id, file.Length), file.FullName, 0) : null;
    }
}
