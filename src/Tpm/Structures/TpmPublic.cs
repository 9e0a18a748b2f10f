using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Homeport.Tpm.Structures;

/// <summary>A symmetric definition (TPMT_SYM_DEF_OBJECT): algorithm, key size in bits and mode. All zero but the algorithm when it is NULL.</summary>
public readonly record struct TpmSymmetric(TpmAlgorithm Algorithm, int KeyBits, TpmAlgorithm Mode)
{
    public static TpmSymmetric None { get; } = new(TpmAlgorithm.Null, 0, TpmAlgorithm.None);

    public static TpmSymmetric Aes128Cfb { get; } = new(TpmAlgorithm.Aes, 128, TpmAlgorithm.Cfb);
}

/// <summary>A signing or encryption scheme; <see cref="Hash"/> is <see cref="TpmAlgorithm.None"/> where the scheme carries none.</summary>
public readonly record struct TpmScheme(TpmAlgorithm Algorithm, TpmAlgorithm Hash)
{
    public static TpmScheme None { get; } = new(TpmAlgorithm.Null, TpmAlgorithm.None);

    public static TpmScheme HmacSha256 { get; } = new(TpmAlgorithm.Hmac, TpmAlgorithm.Sha256);
}

/// <summary>
/// The public area of a TPM object (TPMT_PUBLIC, TPM 2.0 Library Part 2, 12.2.4) of type RSA or KEYEDHASH, as exchanged in a TPM2B_PUBLIC:
/// a 16-bit size followed by the structure. ECC keys are recognised and refused. At most <see cref="MaxEncodedBytes"/> bytes.
/// </summary>
public sealed class TpmPublic
{
    /// <summary>The largest accepted TPM2B_PUBLIC in bytes; an RSA-4096 key needs fewer than 600.</summary>
    public const int MaxEncodedBytes = 1024;

    /// <summary>RSA or KEYEDHASH.</summary>
    public required TpmAlgorithm Type { get; init; }

    /// <summary>The hash of <see cref="Name"/>.</summary>
    public TpmAlgorithm NameAlgorithm { get; init; } = TpmAlgorithm.Sha256;

    public required TpmObjectAttributes Attributes { get; init; }

    public ReadOnlyMemory<byte> AuthPolicy { get; init; }

    /// <summary>How a storage key protects its children; NULL for keys that are not parents.</summary>
    public TpmSymmetric Symmetric { get; init; } = TpmSymmetric.None;

    public TpmScheme Scheme { get; init; } = TpmScheme.None;

    /// <summary>The size of the RSA modulus in bits, 0 for KEYEDHASH.</summary>
    public int RsaKeyBits { get; init; }

    /// <summary>The RSA exponent as encoded: 0 stands for 65537.</summary>
    public uint EncodedRsaExponent { get; init; }

    /// <summary>The RSA modulus (big-endian), or the digest that identifies a KEYEDHASH object. Empty or zero in a creation template.</summary>
    public ReadOnlyMemory<byte> Unique { get; init; }

    public uint RsaExponent => EncodedRsaExponent == 0 ? 65537 : EncodedRsaExponent;

    /// <summary>The name of the object: name algorithm and hash of the public area without its size (Part 1, 16). 34 bytes with SHA-256.</summary>
    public byte[] Name
    {
        get
        {
            var area = EncodeArea();
            return new TpmWriter().U16(NameAlgorithm).Bytes(TpmHash.Compute(NameAlgorithm, area)).ToArray();
        }
    }

    /// <summary>The TPM2B_PUBLIC: 16-bit size and public area.</summary>
    public byte[] Encode() => new TpmWriter().Sized(EncodeArea()).ToArray();

    /// <summary>Parses a whole TPM2B_PUBLIC; trailing bytes are an error.</summary>
    /// <param name="tpm2b">Size and public area, untrusted.</param>
    /// <param name="key">The key, or null.</param>
    /// <param name="error">What is wrong and where, in words for the person who sent it; null on success.</param>
    public static bool TryParse(ReadOnlySpan<byte> tpm2b, [NotNullWhen(true)] out TpmPublic? key, [NotNullWhen(false)] out string? error)
    {
        key = null;
        if (tpm2b.Length < 2 || tpm2b.Length > MaxEncodedBytes)
        {
            error = $"A TPM2B_PUBLIC has 2 to {MaxEncodedBytes} bytes, this one has {tpm2b.Length}.";
            return false;
        }

        var reader = new TpmReader(tpm2b);
        var size = reader.U16();
        if (size != tpm2b.Length - 2)
        {
            error = $"The TPM2B_PUBLIC announces {size} bytes but {tpm2b.Length - 2} follow; send the size and the public area, nothing else.";
            return false;
        }

        error = ReadArea(ref reader, out key);
        if (error is null && !reader.Complete)
            error = reader.Failed ? "The public area ends too early." : $"{reader.Remaining} bytes follow the public area.";
        if (error is null && key is not null)
            return true;
        key = null;
        error ??= "The public area is malformed.";
        return false;
    }

    private byte[] EncodeArea()
    {
        var writer = new TpmWriter()
            .U16(Type).U16(NameAlgorithm).U32((uint)Attributes).Sized(AuthPolicy.Span);
        if (Type == TpmAlgorithm.Rsa)
        {
            writer.U16(Symmetric.Algorithm);
            if (Symmetric.Algorithm != TpmAlgorithm.Null)
                writer.U16(Symmetric.KeyBits).U16(Symmetric.Mode);
        }

        writer.U16(Scheme.Algorithm);
        if (Scheme.Hash != TpmAlgorithm.None)
            writer.U16(Scheme.Hash);
        if (Type == TpmAlgorithm.Rsa)
            writer.U16(RsaKeyBits).U32(EncodedRsaExponent);
        return writer.Sized(Unique.Span).ToArray();
    }

    private static string? ReadArea(ref TpmReader reader, out TpmPublic? key)
    {
        key = null;
        var type = (TpmAlgorithm)reader.U16();
        var nameAlgorithm = (TpmAlgorithm)reader.U16();
        var attributes = (TpmObjectAttributes)reader.U32();
        var policy = reader.Sized().ToArray();
        if (reader.Failed)
            return "The public area ends before its policy.";
        if (!TpmHash.IsKnown(nameAlgorithm))
            return $"The name algorithm 0x{(ushort)nameAlgorithm:x4} is not supported; use a key with SHA-256.";
        if (policy.Length != 0 && policy.Length != TpmHash.Size(nameAlgorithm))
            return $"The policy has {policy.Length} bytes, the name algorithm asks for {TpmHash.Size(nameAlgorithm)} or none.";
        return type switch
        {
            TpmAlgorithm.Rsa => ReadRsa(ref reader, nameAlgorithm, attributes, policy, out key),
            TpmAlgorithm.KeyedHash => ReadKeyedHash(ref reader, nameAlgorithm, attributes, policy, out key),
            TpmAlgorithm.Ecc => "This is an ECC key; only RSA keys are supported. Send the RSA-2048 endorsement key (handle 0x81010001).",
            _ => $"The key type 0x{(ushort)type:x4} is not supported; an RSA-2048 key is needed.",
        };
    }

    private static string? ReadRsa(
        ref TpmReader reader, TpmAlgorithm nameAlgorithm, TpmObjectAttributes attributes, byte[] policy, out TpmPublic? key)
    {
        key = null;
        var symmetric = TpmSymmetric.None;
        var cipher = (TpmAlgorithm)reader.U16();
        if (cipher != TpmAlgorithm.Null)
            symmetric = new TpmSymmetric(cipher, reader.U16(), (TpmAlgorithm)reader.U16());
        var scheme = (TpmAlgorithm)reader.U16();
        var hash = TpmAlgorithm.None;
        switch (scheme)
        {
            case TpmAlgorithm.Null or TpmAlgorithm.RsaEs:
                break;
            case TpmAlgorithm.RsaSsa or TpmAlgorithm.RsaPss or TpmAlgorithm.Oaep:
                hash = (TpmAlgorithm)reader.U16();
                break;
            default:
                return reader.Failed ? "The public area ends before its scheme." : $"The RSA scheme 0x{(ushort)scheme:x4} is not known.";
        }

        var bits = reader.U16();
        var exponent = reader.U32();
        var modulus = reader.Sized().ToArray();
        if (!reader.Failed && scheme is not (TpmAlgorithm.Null or TpmAlgorithm.RsaEs) && hash == TpmAlgorithm.None)
            return "The RSA scheme names no hash algorithm.";
        key = new TpmPublic
        {
            Type = TpmAlgorithm.Rsa,
            NameAlgorithm = nameAlgorithm,
            Attributes = attributes,
            AuthPolicy = policy,
            Symmetric = symmetric,
            Scheme = new TpmScheme(scheme, hash),
            RsaKeyBits = bits,
            EncodedRsaExponent = exponent,
            Unique = modulus,
        };
        return null;
    }

    private static string? ReadKeyedHash(
        ref TpmReader reader, TpmAlgorithm nameAlgorithm, TpmObjectAttributes attributes, byte[] policy, out TpmPublic? key)
    {
        key = null;
        var scheme = (TpmAlgorithm)reader.U16();
        var hash = TpmAlgorithm.None;
        if (scheme == TpmAlgorithm.Hmac)
            hash = (TpmAlgorithm)reader.U16();
        else if (scheme != TpmAlgorithm.Null)
            return $"The keyed-hash scheme 0x{(ushort)scheme:x4} is not supported.";
        if (!reader.Failed && scheme == TpmAlgorithm.Hmac && hash == TpmAlgorithm.None)
            return "The HMAC scheme names no hash algorithm.";
        key = new TpmPublic
        {
            Type = TpmAlgorithm.KeyedHash,
            NameAlgorithm = nameAlgorithm,
            Attributes = attributes,
            AuthPolicy = policy,
            Scheme = new TpmScheme(scheme, hash),
            Unique = reader.Sized().ToArray(),
        };
        return null;
    }
}

/// <summary>The hash algorithms that can name an object.</summary>
internal static class TpmHash
{
    public static bool IsKnown(TpmAlgorithm algorithm)
        => algorithm is TpmAlgorithm.Sha1 or TpmAlgorithm.Sha256 or TpmAlgorithm.Sha384 or TpmAlgorithm.Sha512;

    public static int Size(TpmAlgorithm algorithm) => algorithm switch
    {
        TpmAlgorithm.Sha1 => 20,
        TpmAlgorithm.Sha256 => 32,
        TpmAlgorithm.Sha384 => 48,
        TpmAlgorithm.Sha512 => 64,
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "Not a known hash algorithm."),
    };

    public static byte[] Compute(TpmAlgorithm algorithm, ReadOnlySpan<byte> data)
        => CryptographicOperations.HashData(
            algorithm switch
            {
                TpmAlgorithm.Sha1 => HashAlgorithmName.SHA1,
                TpmAlgorithm.Sha256 => HashAlgorithmName.SHA256,
                TpmAlgorithm.Sha384 => HashAlgorithmName.SHA384,
                TpmAlgorithm.Sha512 => HashAlgorithmName.SHA512,
                _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "Not a known hash algorithm."),
            },
            data);
}
