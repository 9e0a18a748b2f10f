using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Attestation;

/// <summary>The arithmetic that a TPM uses to protect objects and credentials, all with SHA-256 and AES-128 (TPM 2.0 Library Part 1, 11.4.10 and annex B.4).</summary>
internal static class TpmCryptography
{
    /// <summary>KDFa: SP800-108 in counter mode with HMAC-SHA256. .NET adds the separating zero after the label and the length in bits.</summary>
    public static byte[] Kdfa(ReadOnlySpan<byte> key, string label, ReadOnlySpan<byte> contextU, ReadOnlySpan<byte> contextV, int bits)
    {
        var context = TpmWriter.Concat(contextU, contextV);
        return SP800108HmacCounterKdf.DeriveBytes(key, HashAlgorithmName.SHA256, Encoding.ASCII.GetBytes(label), context, bits / 8);
    }

    /// <summary>
    /// AES-CFB with 128-bit feedback and a zero vector. The text keeps its length: .NET refuses a length that is no multiple of the block here,
    /// hence the padding to whole blocks and the cut.
    /// </summary>
    public static byte[] EncryptCfb(ReadOnlySpan<byte> key, ReadOnlySpan<byte> plain)
    {
        var padded = new byte[(plain.Length + 15) / 16 * 16];
        plain.CopyTo(padded);
        using var aes = Aes.Create();
        aes.SetKey(key);
        var cipher = aes.EncryptCfb(padded, new byte[16], PaddingMode.None, feedbackSizeInBits: 128);
        CryptographicOperations.ZeroMemory(padded);
        return cipher[..plain.Length];
    }

    /// <summary>
    /// RSAES-OAEP with SHA-256 (RFC 8017, 7.1.1). By hand because the .NET API takes no label, and a TPM demands one that ends with a NUL.
    /// Only the public key takes part, so the arithmetic needs no constant time.
    /// </summary>
    public static byte[] EncryptOaep(TpmPublic key, ReadOnlySpan<byte> secret, string label, ReadOnlySpan<byte> seed)
    {
        const int HashSize = SHA256.HashSizeInBytes;
        var size = key.Unique.Length;
        if (secret.Length > size - (2 * HashSize) - 2)
            throw new ArgumentException($"The secret has {secret.Length} bytes, too many for a modulus of {size} bytes.", nameof(secret));
        var encoded = new byte[size];
        var maskedSeed = encoded.AsSpan(1, HashSize);
        var maskedBlock = encoded.AsSpan(1 + HashSize);
        SHA256.HashData(Encoding.ASCII.GetBytes(label + "\0"), maskedBlock);
        maskedBlock[^(secret.Length + 1)] = 1;
        secret.CopyTo(maskedBlock[^secret.Length..]);
        XorMgf1(maskedBlock, seed);
        seed.CopyTo(maskedSeed);
        XorMgf1(maskedSeed, maskedBlock);

        var modulus = new BigInteger(key.Unique.Span, isUnsigned: true, isBigEndian: true);
        var message = new BigInteger(encoded, isUnsigned: true, isBigEndian: true);
        var power = BigInteger.ModPow(message, key.RsaExponent, modulus);
        CryptographicOperations.ZeroMemory(encoded);
        var cipher = new byte[size];
        var count = power.GetByteCount(isUnsigned: true);
        power.TryWriteBytes(cipher.AsSpan(size - count), out _, isUnsigned: true, isBigEndian: true);
        return cipher;
    }

    /// <summary>XORs the MGF1-SHA-256 mask of <paramref name="seed"/> onto <paramref name="target"/>.</summary>
    internal static void XorMgf1(Span<byte> target, ReadOnlySpan<byte> seed)
    {
        Span<byte> input = stackalloc byte[seed.Length + 4];
        seed.CopyTo(input);
        Span<byte> mask = stackalloc byte[SHA256.HashSizeInBytes];
        for (var block = 0; block * mask.Length < target.Length; block++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(input[^4..], block);
            SHA256.HashData(input, mask);
            var part = target[(block * mask.Length)..];
            for (var i = 0; i < Math.Min(part.Length, mask.Length); i++)
                part[i] ^= mask[i];
        }
    }
}
