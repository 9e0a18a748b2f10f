using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Homeport.People.Audit;

/// <summary>
/// Hashes entries of the audit log into a chain: whoever changes, takes out or puts in an entry breaks it from there on. The key is
/// not in the log's table, so that who can write the table alone cannot mend the chain.
/// </summary>
internal static class AuditChain
{
    /// <summary>What the first entry has in front of it.</summary>
    public static readonly byte[] Start = new byte[HMACSHA256.HashSizeInBytes];

    /// <summary>Hash of an entry: HMAC-SHA-256 over the previous hash and every member, each with its length in front.</summary>
    public static byte[] HashOf(byte[] key, AuditEntry entry)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        hash.AppendData(entry.PreviousHash);
        Span<byte> number = stackalloc byte[8];
        foreach (var value in (ReadOnlySpan<long>)[entry.Number, entry.Time.ToUnixTimeMilliseconds(), (long)entry.ActorKind, (long)entry.Result])
        {
            BinaryPrimitives.WriteInt64BigEndian(number, value);
            hash.AppendData(number);
        }
        foreach (var text in (ReadOnlySpan<string?>)[entry.ActorId, entry.ActorName, entry.Address, entry.Action, entry.EntityType, entry.EntityId, entry.Detail])
        {
            // A missing text and an empty one differ.
            BinaryPrimitives.WriteInt64BigEndian(number, text is null ? -1 : Encoding.UTF8.GetByteCount(text));
            hash.AppendData(number);
            hash.AppendData(Encoding.UTF8.GetBytes(text ?? ""));
        }
        return hash.GetHashAndReset();
    }
}
