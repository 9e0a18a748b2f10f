using System.Security.Cryptography;

namespace Homeport.Tpm.Attestation;

/// <summary>The registration id that a device uses when nobody chose another one.</summary>
public static class EndorsementKeyId
{
    private const string Base32Alphabet = "abcdefghijklmnopqrstuvwxyz234567";

    /// <summary>
    /// Lower-case base32 without padding of the SHA-256 of the whole TPM2B_PUBLIC (316 bytes, with its size): 52 characters, as the
    /// C and Node SDKs of Azure IoT derive it.
    /// </summary>
    public static string DefaultRegistrationId(ReadOnlySpan<byte> endorsementKey)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(endorsementKey, hash);
        return ToBase32(hash);
    }

    private static string ToBase32(ReadOnlySpan<byte> bytes)
    {
        var text = new char[((bytes.Length * 8) + 4) / 5];
        int buffer = 0, bits = 0, length = 0;
        foreach (var value in bytes)
        {
            buffer = ((buffer << 8) | value) & 0xFFF;
            for (bits += 8; bits >= 5; bits -= 5)
                text[length++] = Base32Alphabet[(buffer >> (bits - 5)) & 31];
        }

        if (bits > 0)
            text[length] = Base32Alphabet[(buffer << (5 - bits)) & 31];
        return new string(text);
    }
}
