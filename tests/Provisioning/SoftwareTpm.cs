using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Contract.Rest;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Provisioning;

/// <summary>
/// The device's side of a challenge in software: opens an authenticationKey with the private halves of two RSA keys, and checks
/// every integrity value as a TPM does. It shares no code with the server's side.
/// </summary>
internal sealed class SoftwareTpm(RSA endorsement, RSA storage, byte[] endorsementPublic, byte[] storagePublic)
{
    public byte[] EndorsementKey => endorsementPublic;

    public byte[] StorageRootKey => storagePublic;

    public TpmAttestationDescription Description => new(Convert.ToBase64String(endorsementPublic), Convert.ToBase64String(storagePublic));

    /// <summary>The keys of the known answers.</summary>
    public static SoftwareTpm Known { get; } = Load();

    /// <summary>A known answer: a blob for <see cref="Known"/> and the key in it.</summary>
    public static (byte[] Blob, byte[] Key) KnownAnswer { get; } = LoadAnswer();

    /// <summary>Another TPM.</summary>
    public static SoftwareTpm Create()
    {
        var (endorsement, storage) = (RSA.Create(2048), RSA.Create(2048));
        return new SoftwareTpm(endorsement, storage, Public(endorsement, 0x000300B2), Public(storage, 0x00030472));
    }

    /// <summary>The same TPM after a change of its owner: the endorsement key stays.</summary>
    public SoftwareTpm WithNewOwner()
    {
        var renewed = RSA.Create(2048);
        return new SoftwareTpm(endorsement, renewed, endorsementPublic, Public(renewed, 0x00030472));
    }

    /// <summary>A public area with other attributes than a storage root key has.</summary>
    public static byte[] Public(RSA key, uint attributes) => new TpmPublic
    {
        Type = TpmAlgorithm.Rsa,
        Attributes = (TpmObjectAttributes)attributes,
        Symmetric = TpmSymmetric.Aes128Cfb,
        RsaKeyBits = 2048,
        Unique = key.ExportParameters(false).Modulus!,
    }.Encode();

    /// <summary>Opens a blob: ActivateCredential, Import and Load. Gives the HMAC key.</summary>
    /// <exception cref="CryptographicException">The blob is not for this TPM, or was changed.</exception>
    public byte[] Activate(ReadOnlySpan<byte> blob)
    {
        var fields = new byte[6][];
        for (var i = 0; i < fields.Length; i++)
            fields[i] = Take(ref blob);
        Check(blob.IsEmpty, "bytes behind the blob");
        var wrapKey = ActivateCredential(fields[0], fields[1]);
        var inner = Import(fields[2], fields[3], fields[4]);
        ReadOnlySpan<byte> plain = DecryptCfb(wrapKey, inner);
        var integrity = Take(ref plain);
        var name = Name(fields[4]);
        Check(integrity.AsSpan().SequenceEqual(SHA256.HashData([.. plain, .. name])), "inner integrity");
        ReadOnlySpan<byte> sensitive = Take(ref plain);
        Check(sensitive[..4].SequenceEqual((byte[])[0, 8, 0, 0]), "type and auth of the sensitive area");
        sensitive = sensitive[4..];
        var obfuscation = Take(ref sensitive);
        var key = Take(ref sensitive);
        Check(fields[4].AsSpan(^32).SequenceEqual(SHA256.HashData([.. obfuscation, .. key])), "unique of the public area");
        return key;
    }

    private byte[] ActivateCredential(byte[] idObject, byte[] secret)
    {
        var seed = DecryptOaep(endorsement, secret, "IDENTITY\0");
        var name = Name(storagePublic.AsSpan(2));
        ReadOnlySpan<byte> rest = idObject;
        var mac = Take(ref rest);
        Check(mac.AsSpan().SequenceEqual(HMACSHA256.HashData(Kdfa(seed, "INTEGRITY", [], 256), (byte[])[.. rest, .. name])), "credential HMAC");
        ReadOnlySpan<byte> credential = DecryptCfb(Kdfa(seed, "STORAGE", name, 128), rest);
        return Take(ref credential);
    }

    private byte[] Import(byte[] duplicate, byte[] secret, byte[] keyPublic)
    {
        var seed = DecryptOaep(storage, secret, "DUPLICATE\0");
        var name = Name(keyPublic);
        ReadOnlySpan<byte> rest = duplicate;
        var mac = Take(ref rest);
        Check(mac.AsSpan().SequenceEqual(HMACSHA256.HashData(Kdfa(seed, "INTEGRITY", [], 256), (byte[])[.. rest, .. name])), "outer HMAC");
        return DecryptCfb(Kdfa(seed, "STORAGE", name, 128), rest);
    }

    private static byte[] Name(ReadOnlySpan<byte> area) => [0, 0x0B, .. SHA256.HashData(area)];

    private static byte[] Kdfa(byte[] key, string label, byte[] context, int bits)
        => SP800108HmacCounterKdf.DeriveBytes(key, HashAlgorithmName.SHA256, Encoding.ASCII.GetBytes(label), context, bits / 8);

    private static byte[] DecryptCfb(byte[] key, ReadOnlySpan<byte> cipher)
    {
        using var aes = Aes.Create();
        aes.Key = key;
        var plain = new byte[cipher.Length];
        var register = new byte[16];
        for (var i = 0; i < cipher.Length; i += 16)
        {
            var stream = aes.EncryptEcb(register, PaddingMode.None);
            var length = Math.Min(16, cipher.Length - i);
            for (var j = 0; j < length; j++)
                plain[i + j] = (byte)(cipher[i + j] ^ stream[j]);
            if (length == 16)
                cipher.Slice(i, 16).CopyTo(register);
        }
        return plain;
    }

    private static byte[] DecryptOaep(RSA rsa, byte[] cipher, string label)
    {
        var key = rsa.ExportParameters(true);
        // By the Chinese remainder theorem, which is four times as fast.
        var (p, q) = (Number(key.P!), Number(key.Q!));
        var second = BigInteger.ModPow(Number(cipher) % q, Number(key.DQ!), q);
        var difference = (BigInteger.ModPow(Number(cipher) % p, Number(key.DP!), p) - second) * Number(key.InverseQ!) % p;
        var number = second + ((difference.Sign < 0 ? difference + p : difference) * q);
        var block = new byte[key.Modulus!.Length];
        var bytes = number.ToByteArray(isUnsigned: true, isBigEndian: true);
        bytes.CopyTo(block, block.Length - bytes.Length);
        var seed = Xor(block.AsSpan(1, 32), Mgf1(block.AsSpan(33), 32));
        var data = Xor(block.AsSpan(33), Mgf1(seed, block.Length - 33));
        Check(block[0] == 0 && data.AsSpan(0, 32).SequenceEqual(SHA256.HashData(Encoding.ASCII.GetBytes(label))), "OAEP label");
        var one = data.AsSpan(32).IndexOf((byte)1);
        return data[(32 + one + 1)..];
    }

    private static BigInteger Number(byte[] bytes) => new(bytes, isUnsigned: true, isBigEndian: true);

    private static byte[] Mgf1(ReadOnlySpan<byte> seed, int length)
    {
        var mask = new List<byte>();
        for (byte i = 0; mask.Count < length; i++)
            mask.AddRange(SHA256.HashData([.. seed, 0, 0, 0, i]));
        return [.. mask.Take(length)];
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
        Check(bytes.Length >= 2 && bytes.Length >= 2 + ((bytes[0] << 8) | bytes[1]), "size of a field");
        var length = (bytes[0] << 8) | bytes[1];
        var field = bytes.Slice(2, length).ToArray();
        bytes = bytes[(2 + length)..];
        return field;
    }

    private static void Check(bool good, string what)
    {
        if (!good)
            throw new CryptographicException($"The TPM refuses the blob: {what}.");
    }

    private static JsonNode Fixture() => JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "software-tpm.json")))!;

    private static SoftwareTpm Load()
    {
        var (endorsement, storage) = (RSA.Create(), RSA.Create());
        endorsement.ImportPkcs8PrivateKey(Base64("ekPkcs8Base64"), out _);
        storage.ImportPkcs8PrivateKey(Base64("srkPkcs8Base64"), out _);
        return new SoftwareTpm(endorsement, storage, Base64("ekPub2bBase64"), Base64("srkPub2bBase64"));
    }

    private static (byte[], byte[]) LoadAnswer()
        => (Base64("authenticationKeyBase64"), Convert.FromHexString(Fixture()["hmacKeyHex"]!.GetValue<string>()));

    private static byte[] Base64(string name) => Convert.FromBase64String(Fixture()[name]!.GetValue<string>());
}
