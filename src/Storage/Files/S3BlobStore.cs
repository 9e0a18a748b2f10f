using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.Extensions.Logging;

namespace Homeport.Storage.Files;

/// <summary>
/// Blobs in a bucket, behind the hub's own blob door, so that the SDKs upload as to any blob store. Bodies and blocks are gathered on the
/// disk; a write is acknowledged when the bucket has the whole object.
/// </summary>
/// <remarks>
/// A bucket knows no blocks: those of a committed blob cannot be listed or used again. When the bucket fails, the gathered file stays
/// until the client commits again, or for <see cref="BlobLimits.StagedLife"/>.
/// </remarks>
public sealed partial class S3BlobStore : IBlobStore, IDisposable
{
    /// <summary>Longest name of an object, in bytes. Source: Amazon S3 "Object key naming guidelines".</summary>
    private const int MaxKey = 1024;

    private const int Page = 1000;
    private readonly S3Bucket _bucket;
    private readonly DiskBlobStore _gathered;
    private readonly string _container;
    private readonly ILogger _logger;
    private readonly KeyedLock _locks = new();

    /// <summary>Opens the store; the bucket is asked with the first call.</summary>
    /// <param name="account">Where the bucket is.</param>
    /// <param name="container">Container by which clients know the bucket.</param>
    /// <param name="gathered">Takes what is on its way; of no other use.</param>
    /// <param name="logger">Told when the bucket fails.</param>
    public S3BlobStore(S3Account account, string container, DiskBlobStore gathered, ILogger<S3BlobStore> logger)
        => (_bucket, _container, _gathered, _logger) = (new S3Bucket(account), container, gathered, logger);

    /// <inheritdoc/>
    public BlobLimits Limits => _gathered.Limits;

    /// <inheritdoc/>
    public async Task<Outcome<BlobProperties>> PutAsync(BlobAddress blob, BlobBody body, IReadOnlyDictionary<string, string> headers, BlobCondition condition, CancellationToken token)
    {
        if (CheckKey(blob) is { } bad)
            return bad;
        using var held = await _locks.EnterAsync(blob.Name, token);
        if (await UnmetAsync(blob, condition, token) is { } unmet)
            return unmet;
        return (await _gathered.PutAsync(blob, body, headers, BlobCondition.None, token)).Succeeded(out var gathered, out var refusal)
            ? await MoveAsync(blob, gathered, token)
            : refusal;
    }

    /// <inheritdoc/>
    public async Task<Outcome<BlobBlock>> StageAsync(BlobAddress blob, string blockId, BlobBody body, CancellationToken token)
        => CheckKey(blob) is { } bad ? bad : await _gathered.StageAsync(blob, blockId, body, token);

    /// <inheritdoc/>
    public async Task<Outcome<BlobProperties>> CommitAsync(
        BlobAddress blob, IReadOnlyList<BlockReference> blocks, BlobDescription description, BlobCondition condition, CancellationToken token)
    {
        if (CheckKey(blob) is { } bad)
            return bad;
        using var held = await _locks.EnterAsync(blob.Name, token);
        if (await UnmetAsync(blob, condition, token) is { } unmet)
            return unmet;
        return (await _gathered.CommitAsync(blob, blocks, description, BlobCondition.None, token)).Succeeded(out var gathered, out var refusal)
            ? await MoveAsync(blob, gathered, token)
            : refusal;
    }

    /// <inheritdoc/>
    public async Task<BlobProperties?> FindAsync(BlobAddress blob, CancellationToken token)
        => CheckKey(blob) is null ? await LoggedAsync(_bucket.FindAsync(blob.Name, token)) : null;

    /// <inheritdoc/>
    public async Task<OpenBlob?> OpenAsync(BlobAddress blob, CancellationToken token)
        => await FindAsync(blob, token) is { } found ? new OpenBlob(found, new S3Content(_bucket, blob.Name, found.ETag, found.Size)) : null;

    /// <inheritdoc/>
    public async Task<BlobBlocks?> ListBlocksAsync(BlobAddress blob, CancellationToken token)
    {
        var found = await FindAsync(blob, token);
        var staged = CheckKey(blob) is null ? (await _gathered.ListBlocksAsync(blob, token))?.Staged ?? [] : [];
        return found is null && staged.Count == 0 ? null : new BlobBlocks(found, [], staged);
    }

    /// <inheritdoc/>
    public async Task<Refusal?> DeleteAsync(BlobAddress blob, BlobCondition condition, CancellationToken token)
    {
        using var held = await _locks.EnterAsync(blob.Name, token);
        if (await FindAsync(blob, token) is not { } found)
            return new Refusal(BlobErrors.BlobNotFound, "There is no blob of this name", "Check the name; letters count as they are written.");
        if (condition.Check(found) is { } unmet)
            return unmet;
        await LoggedAsync(DoneAsync(_bucket.DeleteAsync(blob.Name, token)));
        return null;
    }

    /// <inheritdoc/>
    public Task<BlobPage> ListAsync(string container, string prefix, string? after, int max, CancellationToken token)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(max);
        return LoggedAsync(_bucket.ListAsync(prefix, after, max, token));
    }

    /// <inheritdoc/>
    public async Task<int> DropStagedAsync(DateTimeOffset before, CancellationToken token)
    {
        var dropped = await _gathered.DropStagedAsync(before, token);
        string? after = null;
        do
        {
            var page = await _gathered.ListAsync(_container, "", after, Page, token);
            foreach (var blob in page.Blobs.Where(b => b.LastModified < before))
            {
                if (await _gathered.DeleteAsync(new BlobAddress(_container, blob.Name), new BlobCondition(IfMatch: blob.ETag), token) is null)
                    dropped++;
            }
            after = page.After;
        }
        while (after is not null);
        return dropped;
    }

    /// <inheritdoc/>
    public void Dispose() => _bucket.Dispose();

    /// <summary>A path-style address must reach the object that it names: servers on the way, and stores on file systems, read dots as folders.</summary>
    private static Refusal? CheckKey(BlobAddress blob)
    {
        if (blob.Name.Split('/').Any(part => part is "." or ".." or ""))
            return new Refusal(BlobErrors.InvalidResourceName, "A part of the blob's name between slashes is empty, '.' or '..', which S3 stores read as folders", "Choose another name.");
        return Encoding.UTF8.GetByteCount(blob.Name) > MaxKey
            ? new Refusal(BlobErrors.InvalidResourceName, $"The blob's name has more than {MaxKey} bytes, which is the most of an S3 store", "Choose a shorter name.")
            : null;
    }

    private static async Task<bool> DoneAsync(Task task)
    {
        await task;
        return true;
    }

    private async Task<Refusal?> UnmetAsync(BlobAddress blob, BlobCondition condition, CancellationToken token)
        => condition == BlobCondition.None ? null : condition.Check(await FindAsync(blob, token));

    /// <summary>Brings a gathered file into the bucket. The caller holds the lock.</summary>
    private async Task<BlobProperties> MoveAsync(BlobAddress blob, BlobProperties gathered, CancellationToken token)
    {
        await using (var file = await _gathered.OpenAsync(blob, token))
            await LoggedAsync(DoneAsync(_bucket.WriteAsync(blob.Name, file!.Data, gathered, token)));
        await _gathered.DeleteAsync(blob, BlobCondition.None, token);
        return await FindAsync(blob, token) ?? gathered;
    }

    private async Task<T> LoggedAsync<T>(Task<T> call)
    {
        try
        {
            return await call;
        }
        catch (BlobStoreException e)
        {
            LogFailed(e.Message);
            throw;
        }
    }

    [LoggerMessage(EventId = 2511, Level = LogLevel.Warning, Message = "{Failure}")]
    private partial void LogFailed(string failure);
}
