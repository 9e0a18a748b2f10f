using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

#pragma warning disable CA1416 // The benchmarks run on Linux only: what a process uses, they read from /proc.
namespace Homeport.Tests.Benchmarks.Load;

/// <summary>
/// The arithmetic of a TPM that registers: ActivateCredential and Import for an authenticationKey, with OpenSSL's RSA as fast as a chip's
/// host could be. It shares no code with the server.
/// </summary>
internal sealed class SimulatedTpm : IDisposable
{
    private const int KeyBits = 2048;
    private readonly RSAOpenSsl _endorsement = new(KeyBits);
    private readonly RSAOpenSsl _storage;
    private readonly byte[] _storageName;

    /// <summary>A chip; storage root keys may be shared, since they identify nobody.</summary>
    public SimulatedTpm(RSAOpenSsl storage)
    {
        _storage = storage;
        EndorsementKey = Public(_endorsement, 0x000300B2);
        StorageRootKey = Public(storage, 0x00030472);
        _storageName = Name(StorageRootKey.AsSpan(2));
    }

    /// <summary>TPM2B_PUBLIC.</summary>
    public byte[] EndorsementKey { get; }

    /// <summary>TPM2B_PUBLIC.</summary>
    public byte[] StorageRootKey { get; }

    /// <summary>Opens a blob; gives the HMAC key in it.</summary>
    /// <exception cref="CryptographicException">It is not for this chip.</exception>
    public byte[] Activate(ReadOnlySpan<byte> blob)
    {
        var (identity, secret, duplicate, seed, area) = (Take(ref blob), Take(ref blob), Take(ref blob), Take(ref blob), Take(ref blob));
        var wrapKey = OpenCredential(identity, secret);
        var inner = OpenDuplicate(duplicate, seed, Name(area));
        ReadOnlySpan<byte> plain = Cfb(wrapKey, inner);
        var integrity = Take(ref plain);
        Require(integrity.AsSpan().SequenceEqual(SHA256.HashData([.. plain, .. Name(area)])));
        ReadOnlySpan<byte> sensitive = Take(ref plain);
        sensitive = sensitive[4..];
        Take(ref sensitive);
        return Take(ref sensitive);
    }

    public void Dispose() => _endorsement.Dispose();

    private byte[] OpenCredential(byte[] identity, byte[] secret)
    {
        var seed = Oaep(_endorsement, secret, "IDENTITY\0");
        ReadOnlySpan<byte> rest = identity;
        var mac = Take(ref rest);
        Require(mac.AsSpan().SequenceEqual(HMACSHA256.HashData(Kdfa(seed, "INTEGRITY", [], 256), (byte[])[.. rest, .. _storageName])));
        ReadOnlySpan<byte> credential = Cfb(Kdfa(seed, "STORAGE", _storageName, 128), rest);
        return Take(ref credential);
    }

    private byte[] OpenDuplicate(byte[] duplicate, byte[] seed, byte[] name)
    {
        var key = Oaep(_storage, seed, "DUPLICATE\0");
        ReadOnlySpan<byte> rest = duplicate;
        var mac = Take(ref rest);
        Require(mac.AsSpan().SequenceEqual(HMACSHA256.HashData(Kdfa(key, "INTEGRITY", [], 256), (byte[])[.. rest, .. name])));
        return Cfb(Kdfa(key, "STORAGE", name, 128), rest);
    }

    private static byte[] Public(RSA key, uint attributes)
    {
        // RSA, SHA-256, attributes, no policy, AES-128-CFB, no scheme, 2048 bits, exponent 65537.
        var head = Convert.FromHexString("0001000B00000000" + "0000" + "000600800043" + "0010" + "0800" + "00000000");
        var bytes = new byte[2 + head.Length + 2 + (KeyBits / 8)];
        head.CopyTo(bytes, 2);
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(bytes.Length - 2));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(6), attributes);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(26), 256);
        key.ExportParameters(includePrivateParameters: false).Modulus!.CopyTo(bytes, 28);
        return bytes;
    }

    private static byte[] Name(ReadOnlySpan<byte> area) => [0, 0x0B, .. SHA256.HashData(area)];

    private static byte[] Kdfa(byte[] key, string label, byte[] context, int bits)
        => SP800108HmacCounterKdf.DeriveBytes(key, HashAlgorithmName.SHA256, Encoding.ASCII.GetBytes(label), context, bits / 8);

    private static byte[] Cfb(byte[] key, ReadOnlySpan<byte> cipher)
    {
        using var aes = Aes.Create();
        aes.Key = key;
        var padded = new byte[(cipher.Length + 15) / 16 * 16];
        cipher.CopyTo(padded);
        return aes.DecryptCfb(padded, new byte[16], PaddingMode.None, feedbackSizeInBits: 128)[..cipher.Length];
    }

    /// <summary>.NET's own OAEP takes no label, so the padding is opened here, over OpenSSL's bare RSA.</summary>
    private static byte[] Oaep(RSAOpenSsl key, byte[] cipher, string label)
    {
        var block = OpenSslRsa.Decrypt(key, cipher);
        var seed = Xor(block.AsSpan(1, 32), Mask(block.AsSpan(33), 32));
        var data = Xor(block.AsSpan(33), Mask(seed, block.Length - 33));
        Require(block[0] == 0 && data.AsSpan(0, 32).SequenceEqual(SHA256.HashData(Encoding.ASCII.GetBytes(label))));
        return data[(33 + data.AsSpan(32).IndexOf((byte)1))..];
    }

    private static byte[] Mask(ReadOnlySpan<byte> seed, int length)
    {
        var mask = new byte[(length + 31) / 32 * 32];
        for (var i = 0; i * 32 < length; i++)
            SHA256.HashData([.. seed, 0, 0, 0, (byte)i], mask.AsSpan(i * 32));
        return mask[..length];
    }

    private static byte[] Xor(ReadOnlySpan<byte> a, byte[] b)
    {
        var result = new byte[b.Length];
        for (var i = 0; i < b.Length; i++)
            result[i] = (byte)(a[i] ^ b[i]);
        return result;
    }

    private static byte[] Take(ref ReadOnlySpan<byte> bytes)
    {
        var length = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        var field = bytes.Slice(2, length).ToArray();
        bytes = bytes[(2 + length)..];
        return field;
    }

    private static void Require(bool good)
    {
        if (!good)
            throw new CryptographicException("The blob is not for this chip.");
    }
}

/// <summary>RSA without padding, which .NET does not offer.</summary>
internal static partial class OpenSslRsa
{
    private const string Library = "libcrypto.so.3";
    private const int NoPadding = 3;

    /// <summary>The bare private operation: as many bytes as the modulus has.</summary>
    public static byte[] Decrypt(RSAOpenSsl key, byte[] cipher)
    {
        using var handle = key.DuplicateKeyHandle();
        var context = ContextNew(handle.DangerousGetHandle(), 0);
        try
        {
            var plain = new byte[cipher.Length];
            var length = (nuint)plain.Length;
            if (DecryptInit(context) != 1 || SetPadding(context, NoPadding) != 1 || Decrypt(context, plain, ref length, cipher, (nuint)cipher.Length) != 1)
                throw new CryptographicException("OpenSSL refuses to decrypt.");
            return plain;
        }
        finally
        {
            ContextFree(context);
        }
    }

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_CTX_new")]
    private static partial nint ContextNew(nint key, nint engine);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_CTX_free")]
    private static partial void ContextFree(nint context);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_decrypt_init")]
    private static partial int DecryptInit(nint context);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_CTX_set_rsa_padding")]
    private static partial int SetPadding(nint context, int padding);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_decrypt")]
    private static partial int Decrypt(nint context, [Out] byte[] plain, ref nuint length, byte[] cipher, nuint cipherLength);
}
