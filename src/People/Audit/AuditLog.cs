using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Homeport.People.Access;

namespace Homeport.People.Audit;

/// <summary>Who did what: a log that shows when somebody changed it afterwards.</summary>
/// <param name="store">Keeps it.</param>
/// <param name="key">Key of the chain.</param>
/// <param name="time">Stamps entries.</param>
public sealed class AuditLog(IAuditStore store, byte[] key, TimeProvider time)
{
    private const int MaxText = 1024;
    private const int Chunk = 1000;

    /// <summary>Adds an entry; it is durable when the task ends.</summary>
    public Task<AuditEntry> AppendAsync(Actor actor, AuditAction action, CancellationToken token)
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
        return store.AppendAsync(last =>
        {
            var entry = new AuditEntry
            {
                Number = (last?.Number ?? 0) + 1,
                Time = now,
                ActorKind = actor.Kind,
                ActorId = actor.Id,
                ActorName = actor.Name,
                Address = actor.Address,
                Action = action.Name,
                EntityType = action.EntityType,
                EntityId = Cut(action.EntityId),
                Result = action.Result,
                Detail = action.Detail is null ? null : Cut(action.Detail),
                PreviousHash = last?.Hash ?? AuditChain.Start,
                Hash = [],
            };
            return entry with { Hash = AuditChain.HashOf(key, entry) };
        }, token);
    }

    /// <summary>Entries that match, the newest first.</summary>
    public Task<IReadOnlyList<AuditEntry>> SearchAsync(AuditFilter filter, int max, CancellationToken token) => store.SearchAsync(filter, max, token);

    /// <summary>All entries, the oldest first; read in pieces, so that it takes little memory.</summary>
    public async IAsyncEnumerable<AuditEntry> ExportAsync([EnumeratorCancellation] CancellationToken token)
    {
        long last = 0;
        while (true)
        {
            var chunk = await store.ReadAsync(last, Chunk, token);
            foreach (var entry in chunk)
                yield return entry;
            if (chunk.Count < Chunk)
                yield break;
            last = chunk[^1].Number;
        }
    }

    /// <summary>Goes through the whole chain.</summary>
    public async Task<AuditVerification> VerifyAsync(CancellationToken token)
    {
        long count = 0;
        var previous = AuditChain.Start;
        await foreach (var entry in ExportAsync(token))
        {
            count++;
            var intact = entry.Number == count
                && CryptographicOperations.FixedTimeEquals(entry.PreviousHash, previous)
                && CryptographicOperations.FixedTimeEquals(entry.Hash, AuditChain.HashOf(key, entry));
            if (!intact)
                return new AuditVerification(count - 1, entry.Number, previous);
            previous = entry.Hash;
        }
        return new AuditVerification(count, null, previous);
    }

    private static string Cut(string text) => text.Length <= MaxText ? text : text[..MaxText];
}

/// <summary>What came of going through the chain.</summary>
/// <param name="Intact">Entries from the first on that are as they were written.</param>
/// <param name="Broken">Number of the first entry that is not, or null.</param>
/// <param name="Head">Hash of the last intact one: note it elsewhere, to see later that nothing was cut off.</param>
public sealed record AuditVerification(long Intact, long? Broken, byte[] Head);
