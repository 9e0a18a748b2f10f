using System.Globalization;
using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>Blobs as files of a folder that one process uses. Bodies stream through; what is acknowledged was flushed to the disk.</summary>
public sealed class DiskBlobStore : IBlobStore
{
    private readonly BlobPaths _paths;
    private readonly BlobQuota _quota;
    private readonly TimeProvider _time;
    private readonly KeyedLock _locks = new();

    private DiskBlobStore(BlobPaths paths, BlobLimits limits, TimeProvider time)
    {
        _paths = paths;
        _time = time;
        _quota = new BlobQuota(limits, paths.Root);
        Limits = limits;
    }

    /// <inheritdoc/>
    public BlobLimits Limits { get; }

    /// <summary>Bytes on the disk and promised to what is being written.</summary>
    public long Used => _quota.Used;

    /// <summary>Opens or makes the folder, removes what an earlier process left unfinished, and counts what is there.</summary>
    public static DiskBlobStore Open(string root, BlobLimits limits, TimeProvider time)
    {
        var paths = new BlobPaths(root);
        Directory.CreateDirectory(paths.New);
        foreach (var unfinished in Directory.EnumerateFiles(paths.New))
            File.Delete(unfinished);
        var store = new DiskBlobStore(paths, limits, time);
        foreach (var file in new DirectoryInfo(paths.Root).EnumerateFiles("*", SearchOption.AllDirectories))
            store._quota.Count(file.Length);
        return store;
    }

    /// <inheritdoc/>
    public async Task<Outcome<BlobProperties>> PutAsync(BlobAddress blob, BlobBody body, IReadOnlyDictionary<string, string> headers, BlobCondition condition, CancellationToken token)
    {
        var key = BlobPaths.KeyOf(blob);
        if (body.Length > Limits.MaxBlock)
            return TooLarge(body.Length.Value, Limits.MaxBlock);
        if (!NewFile.Create(_paths.NewFile(), _quota, body.Length ?? 0).Succeeded(out var file, out var refusal))
            return refusal;
        await using (file)
        {
            if (!(await file.ReceiveAsync(body, Limits.MaxBlock, token)).Succeeded(out var md5, out refusal))
                return refusal;
            using var held = await _locks.EnterAsync(key, token);
            var current = await RecordAsync(key, token);
            if (condition.Check(current?.Blob) is { } unmet)
                return unmet;
            return await FinishAsync(key, file, Describe(blob, file.Length, current, new BlobDescription(headers, md5)), [], token);
        }
    }

    /// <inheritdoc/>
    public async Task<Outcome<BlobBlock>> StageAsync(BlobAddress blob, string blockId, BlobBody body, CancellationToken token)
    {
        var key = BlobPaths.KeyOf(blob);
        if (!TryReadBlockId(blockId, out var id))
            return new Refusal(BlobErrors.InvalidBlobOrBlock, $"The block id is not the Base64 text of 1 to {BlobLimits.MaxBlockId} bytes", "Choose another id.");
        if (body.Length > Limits.MaxBlock)
            return TooLarge(body.Length.Value, Limits.MaxBlock);
        if (!NewFile.Create(_paths.NewFile(), _quota, body.Length ?? 0).Succeeded(out var file, out var refusal))
            return refusal;
        await using (file)
        {
            if (!(await file.ReceiveAsync(body, Limits.MaxBlock, token)).Succeeded(out _, out refusal))
                return refusal;
            using var held = await _locks.EnterAsync(key, token);
            if (StagedFiles(key).FirstOrDefault() is { } other && other.Name.Length != id.Length * 2)
            {
                return new Refusal(BlobErrors.InvalidBlobOrBlock, $"The block id has {id.Length} bytes, those of the other blocks have {other.Name.Length / 2}",
                    "Give all blocks of a blob ids of the same length.");
            }
            var path = _paths.BlockOf(key, id);
            await file.MoveAsync(path);
            // The store's clock decides when it is dropped, not the file system's.
            File.SetLastWriteTimeUtc(path, _time.GetUtcNow().UtcDateTime);
            return new BlobBlock(blockId, file.Length);
        }
    }

    /// <inheritdoc/>
    public async Task<Outcome<BlobProperties>> CommitAsync(
        BlobAddress blob, IReadOnlyList<BlockReference> blocks, BlobDescription description, BlobCondition condition, CancellationToken token)
    {
        var key = BlobPaths.KeyOf(blob);
        if (blocks.Count > BlobLimits.MaxBlocks)
            return new Refusal(BlobErrors.BlockListTooLong, $"The list has {blocks.Count} blocks, {BlobLimits.MaxBlocks} are allowed", "Use longer blocks.");
        using var held = await _locks.EnterAsync(key, token);
        await using var old = BlobFile.Open(_paths.BlobOf(key));
        var current = old is null ? null : await BlobFile.ReadAsync(old, token);
        if (condition.Check(current?.Blob) is { } unmet)
            return unmet;
        if (!new BlockPlan(_paths, key, current).Resolve(blocks).Succeeded(out var parts, out var refusal))
            return refusal;
        var total = parts.Sum(p => p.Block.Size);
        if (total > Limits.MaxBlob)
            return TooLarge(total, Limits.MaxBlob);
        if (!NewFile.Create(_paths.NewFile(), _quota, total).Succeeded(out var file, out refusal))
            return refusal;
        await using (file)
        {
            foreach (var part in parts)
            {
                if (part.Path is null)
                {
                    await file.CopyAsync(old!.SafeFileHandle, part.Offset, part.Block.Size, token);
                    continue;
                }
                using var staged = File.OpenHandle(part.Path, options: FileOptions.Asynchronous);
                await file.CopyAsync(staged, 0, part.Block.Size, token);
            }
            return await FinishAsync(key, file, Describe(blob, total, current, description), [.. parts.Select(p => p.Block)], token);
        }
    }

    /// <inheritdoc/>
    public async Task<BlobProperties?> FindAsync(BlobAddress blob, CancellationToken token) => (await RecordAsync(BlobPaths.KeyOf(blob), token))?.Blob;

    /// <inheritdoc/>
    public async Task<OpenBlob?> OpenAsync(BlobAddress blob, CancellationToken token)
    {
        if (BlobFile.Open(_paths.BlobOf(BlobPaths.KeyOf(blob))) is not { } file)
            return null;
        try
        {
            return new OpenBlob((await BlobFile.ReadAsync(file, token)).Blob, file);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<BlobBlocks?> ListBlocksAsync(BlobAddress blob, CancellationToken token)
    {
        var key = BlobPaths.KeyOf(blob);
        using var held = await _locks.EnterAsync(key, token);
        var current = await RecordAsync(key, token);
        var staged = StagedFiles(key).OrderBy(f => f.Name, StringComparer.Ordinal)
            .Select(f => new BlobBlock(Convert.ToBase64String(Convert.FromHexString(f.Name)), f.Length)).ToList();
        return current is null && staged.Count == 0 ? null : new BlobBlocks(current?.Blob, current?.Blocks ?? [], staged);
    }

    /// <inheritdoc/>
    public async Task<Refusal?> DeleteAsync(BlobAddress blob, BlobCondition condition, CancellationToken token)
    {
        var key = BlobPaths.KeyOf(blob);
        using var held = await _locks.EnterAsync(key, token);
        var current = await RecordAsync(key, token);
        if (current is null)
            return new Refusal(BlobErrors.BlobNotFound, "There is no blob of this name", "Check the name; letters count as they are written.");
        if (condition.Check(current.Blob) is { } unmet)
            return unmet;
        var file = new FileInfo(_paths.BlobOf(key));
        var length = file.Length;
        file.Delete();
        NewFile.SyncFolder(file.DirectoryName!);
        _quota.Discount(length);
        return null;
    }

    /// <summary>
    /// Looks into every blob of the container, and keeps one page of them in memory: the names are in the files, and an index beside them
    /// could differ from them after a crash.
    /// </summary>
    public async Task<BlobPage> ListAsync(string container, string prefix, string? after, int max, CancellationToken token)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(max);
        var page = new SortedDictionary<string, BlobProperties>(StringComparer.Ordinal);
        foreach (var path in _paths.Blobs(container))
        {
            await using var file = BlobFile.Open(path);
            // Deleted since the folder was read.
            if (file is null)
                continue;
            var blob = (await BlobFile.ReadAsync(file, token)).Blob;
            if (!blob.Name.StartsWith(prefix, StringComparison.Ordinal) || (after is not null && string.CompareOrdinal(blob.Name, after) <= 0))
                continue;
            page[blob.Name] = blob;
            if (page.Count > max + 1)
                page.Remove(page.Keys.Last());
        }
        var blobs = page.Values.Take(max).ToList();
        return new BlobPage(blobs, page.Count > max ? blobs[^1].Name : null);
    }

    /// <inheritdoc/>
    public async Task<int> DropStagedAsync(DateTimeOffset before, CancellationToken token)
    {
        var dropped = 0;
        foreach (var (key, _) in _paths.Staged())
        {
            using var held = await _locks.EnterAsync(key, token);
            if (StagedFiles(key).All(f => f.LastWriteTimeUtc < before.UtcDateTime))
            {
                DropStaged(key);
                dropped++;
            }
        }
        return dropped;
    }

    private static bool TryReadBlockId(string text, out byte[] id)
    {
        id = [];
        var bytes = new byte[BlobLimits.MaxBlockId];
        if (text.Length > 128 || !Convert.TryFromBase64String(text, bytes, out var length) || length == 0)
            return false;
        id = bytes[..length];
        return true;
    }

    private BlobProperties Describe(BlobAddress blob, long size, BlobRecord? current, BlobDescription description)
    {
        var now = _time.GetUtcNow();
        return new BlobProperties
        {
            Name = blob.Name,
            Size = size,
            ETag = "0x" + RandomNumberGenerator.GetHexString(16),
            LastModified = now,
            Created = current?.Blob.Created ?? now,
            Md5 = description.Md5,
            Headers = description.Headers,
        };
    }

    /// <summary>The caller holds the lock.</summary>
    private async Task<BlobProperties> FinishAsync(string key, NewFile file, BlobProperties blob, IReadOnlyList<BlobBlock> blocks, CancellationToken token)
    {
        await file.AppendAsync(BlobFile.DescriptionOf(new BlobRecord(blob, blocks)), token);
        await file.MoveAsync(_paths.BlobOf(key));
        DropStaged(key);
        return blob;
    }

    private async Task<BlobRecord?> RecordAsync(string key, CancellationToken token)
    {
        await using var file = BlobFile.Open(_paths.BlobOf(key));
        return file is null ? null : await BlobFile.ReadAsync(file, token);
    }

    private IEnumerable<FileInfo> StagedFiles(string key)
        => new DirectoryInfo(_paths.BlocksOf(key)) is { Exists: true } folder ? folder.EnumerateFiles() : [];

    private void DropStaged(string key)
    {
        foreach (var file in StagedFiles(key).ToList())
        {
            var length = file.Length;
            file.Delete();
            _quota.Discount(length);
        }
        if (Directory.Exists(_paths.BlocksOf(key)))
            Directory.Delete(_paths.BlocksOf(key));
    }

    private static Refusal TooLarge(long length, long limit) => new(BlobErrors.RequestBodyTooLarge,
        string.Create(CultureInfo.InvariantCulture, $"{length} bytes are more than the {limit} that are allowed here"), "Send a smaller file, or smaller blocks.");
}
