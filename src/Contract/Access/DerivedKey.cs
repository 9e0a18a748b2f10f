using System.Security.Cryptography;
using System.Text;

namespace Homeport.Contract.Access;

/// <summary>Device keys of a symmetric-key enrollment group: HMAC-SHA256(group key, registration id).</summary>
public static class DerivedKey
{
    /// <summary>Derives the key (32 bytes). The registration id counts letter by letter, as the device writes it.</summary>
    public static byte[] FromGroupKey(ReadOnlySpan<byte> groupKey, string registrationId)
        => HMACSHA256.HashData(groupKey, Encoding.UTF8.GetBytes(registrationId));
}
