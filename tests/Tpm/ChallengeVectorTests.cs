using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Tpm;

public sealed class ChallengeVectorTests
{
    public static TheoryData<string> Exchanges => Vectors.ExchangeNames;

    [Fact]
    public void The_vectors_hold_twelve_challenges_of_a_TPM_and_one_of_software_keys() => Vectors.Exchanges.Count.ShouldBe(13);

    [Fact]
    public void Kdfa_gives_the_known_answers()
    {
        var vectors = Vectors.Root["primitives"]!["kdfa"]!.AsArray();
        vectors.Count.ShouldBeGreaterThan(1);
        foreach (var vector in vectors)
        {
            TpmCryptography.Kdfa(
                vector!.Hex("key"), vector!.Text("label"), vector!.Hex("contextU"), vector!.Hex("contextV"), vector!["bits"]!.GetValue<int>())
                .ShouldBe(vector!.Hex("out"));
        }
    }

    [Fact]
    public void Cfb_keeps_a_length_that_is_no_multiple_of_the_block()
    {
        var vector = Vectors.Root["primitives"]!["aesCfb128_zeroIv_18bytes"]!;
        TpmCryptography.EncryptCfb(vector.Hex("key"), vector.Hex("plain")).ShouldBe(vector.Hex("cipher"));
    }

    [Fact]
    public void The_default_registration_id_is_the_one_of_the_C_and_Node_SDKs()
    {
        var vector = Vectors.Root["primitives"]!["registrationIdFromEk"]!;
        EndorsementKeyId.DefaultRegistrationId(vector.Base64("ekBase64")).ShouldBe(vector.Text("registrationId"));
        foreach (var tpmCase in Vectors.Root["tpmCases"]!.AsArray())
        {
            var key = tpmCase!["exchanges"]![0]!["inputs"]!.Base64("ekPub2bBase64");
            EndorsementKeyId.DefaultRegistrationId(key).ShouldBe(tpmCase!.Text("registrationIdFromEk"));
        }
    }

    [Theory]
    [MemberData(nameof(Exchanges))]
    public void Every_derived_value_is_the_recorded_one(string name)
    {
        var exchange = Vectors.Exchanges[name];
        var inputs = exchange["inputs"]!;
        var derived = exchange["derived"]!;
        var endorsementKey = Key(inputs, "ekPub2bBase64");
        var storageRootKey = Key(inputs, "srkPub2bBase64");
        endorsementKey.Name.ShouldBe(derived.Hex("ekName"));
        storageRootKey.Name.ShouldBe(derived.Hex("srkName"));

        var values = Challenge.Derive(endorsementKey, storageRootKey, inputs.Hex("hmacKey"), inputs.Hex("uriPlain"), Vectors.Randomness(inputs));

        values.KeyUnique.ShouldBe(derived.Hex("idKey_unique"));
        values.KeyPublic.ShouldBe(derived.Hex("idKey_public"));
        values.KeyName.ShouldBe(derived.Hex("idKey_name"));
        values.KeySensitive.ShouldBe(derived.Hex("idKey_sensitive2b"));
        values.InnerIntegrity.ShouldBe(derived.Hex("inner_integrity"));
        values.InnerPlain.ShouldBe(derived.Hex("inner_plain"));
        values.InnerEncrypted.ShouldBe(derived.Hex("inner_enc"));
        values.OuterSymmetricKey.ShouldBe(derived.Hex("outer_symKey"));
        values.OuterHmacKey.ShouldBe(derived.Hex("outer_hmacKey"));
        values.OuterSensitive.ShouldBe(derived.Hex("outer_dupSensitive"));
        values.OuterHmac.ShouldBe(derived.Hex("outer_hmac"));
        values.Duplicate.ShouldBe(derived.Hex("duplicate_private"));
        values.DuplicateSecret.ShouldBe(derived.Hex("duplicate_encSeed"));
        values.CredentialSymmetricKey.ShouldBe(derived.Hex("cred_symKey"));
        values.CredentialEncIdentity.ShouldBe(derived.Hex("cred_encIdentity"));
        values.CredentialHmacKey.ShouldBe(derived.Hex("cred_hmacKey"));
        values.CredentialHmac.ShouldBe(derived.Hex("cred_hmac"));
        values.IdObject.ShouldBe(derived.Hex("cred_idObject"));
        values.CredentialSecret.ShouldBe(derived.Hex("cred_encSecret"));
        values.EncryptedUri.ShouldBe(derived.Hex("uri_enc"));
        values.ToBlob().Encode().ShouldBe(derived.Hex("authenticationKeyBlob"));
        values.ToBlob().Encode().ShouldBe(exchange.Base64("authenticationKeyBase64"));
    }

    [Fact]
    public void The_blob_has_the_field_sizes_of_genuine_ones_and_nothing_behind_them()
    {
        var inputs = Vectors.Root["softwareKeys"]!["inputs"]!;
        var bytes = Challenge.Create(Key(inputs, "ekPub2bBase64"), Key(inputs, "srkPub2bBase64"), RandomNumberGenerator.GetBytes(32));
        bytes.Length.ShouldBe(766);
        AuthenticationKeyBlob.TryParse(bytes, out var blob, out var error).ShouldBeTrue(error);
        var sizes = new[]
        {
            blob!.IdObject.Length, blob.CredentialSecret.Length, blob.Duplicate.Length, blob.DuplicateSecret.Length, blob.KeyPublic.Length,
        };
        foreach (var genuine in Vectors.Root["genuineAzureBlobs"]!.AsArray())
        {
            genuine!["sizes"]!.AsArray().Select(static size => size!.GetValue<int>()).Take(5).ShouldBe(sizes);
            genuine.Hex("idKeyPublic").Length.ShouldBe(48);
            blob.KeyPublic.Span[..^32].SequenceEqual(genuine.Hex("idKeyPublic").AsSpan()[..^32]).ShouldBeTrue();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(64)]
    public void Software_keys_unwrap_what_was_wrapped(int keyBytes)
    {
        var vector = Vectors.Root["softwareKeys"]!;
        var inputs = vector["inputs"]!;
        var storageRootKey = Key(inputs, "srkPub2bBase64");
        var hmacKey = RandomNumberGenerator.GetBytes(keyBytes);
        AuthenticationKeyBlob.TryParse(Challenge.Create(Key(inputs, "ekPub2bBase64"), storageRootKey, hmacKey), out var blob, out _).ShouldBeTrue();
        SoftwareUnwrap.Unwrap(blob!, vector.Base64("ekPkcs8Base64"), vector.Base64("srkPkcs8Base64"), storageRootKey.Name).ShouldBe(hmacKey);
    }

    [Fact]
    public void Two_challenges_for_the_same_key_share_no_field_but_the_shape()
    {
        var inputs = Vectors.Root["softwareKeys"]!["inputs"]!;
        var key = RandomNumberGenerator.GetBytes(32);
        AuthenticationKeyBlob.TryParse(Challenge.Create(Key(inputs, "ekPub2bBase64"), Key(inputs, "srkPub2bBase64"), key), out var one, out _).ShouldBeTrue();
        AuthenticationKeyBlob.TryParse(Challenge.Create(Key(inputs, "ekPub2bBase64"), Key(inputs, "srkPub2bBase64"), key), out var two, out _).ShouldBeTrue();
        one!.IdObject.Span.SequenceEqual(two!.IdObject.Span).ShouldBeFalse();
        one.CredentialSecret.Span.SequenceEqual(two.CredentialSecret.Span).ShouldBeFalse();
        one.Duplicate.Span.SequenceEqual(two.Duplicate.Span).ShouldBeFalse();
        one.DuplicateSecret.Span.SequenceEqual(two.DuplicateSecret.Span).ShouldBeFalse();
        one.KeyPublic.Span.SequenceEqual(two.KeyPublic.Span).ShouldBeFalse();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(65)]
    public void A_key_that_no_TPM_imports_is_refused(int keyBytes)
    {
        var inputs = Vectors.Root["softwareKeys"]!["inputs"]!;
        var act = () => Challenge.Create(Key(inputs, "ekPub2bBase64"), Key(inputs, "srkPub2bBase64"), new byte[keyBytes]);
        act.ShouldThrow<ArgumentException>().Message.ShouldContain($"{keyBytes} bytes");
    }

    internal static TpmPublic Key(JsonNode node, string name)
    {
        TpmPublic.TryParse(node.Base64(name), out var key, out var error).ShouldBeTrue(error);
        return key!;
    }
}

/// <summary>The device's half of the arithmetic with private keys in software, written apart from the code under test.</summary>
internal static class SoftwareUnwrap
{
    public static byte[] Unwrap(AuthenticationKeyBlob blob, byte[] endorsementPkcs8, byte[] storagePkcs8, byte[] storageName)
    {
        var credentialSeed = DecryptOaep(endorsementPkcs8, blob.CredentialSecret.Span, "IDENTITY\0");
        var id = new TpmReader(blob.IdObject.Span);
        var idHmac = id.Sized();
        var encIdentity = id.All().ToArray();
        Hmac(Kdf(credentialSeed, "INTEGRITY", [], 32), [.. encIdentity, .. storageName]).ShouldBe(idHmac.ToArray());
        var wrapKey = DecryptCfb(Kdf(credentialSeed, "STORAGE", storageName, 16), encIdentity)[2..];

        byte[] keyName = [0, 0x0B, .. SHA256.HashData(blob.KeyPublic.Span)];
        var duplicateSeed = DecryptOaep(storagePkcs8, blob.DuplicateSecret.Span, "DUPLICATE\0");
        var outer = new TpmReader(blob.Duplicate.Span);
        var outerHmac = outer.Sized().ToArray();
        var dupSensitive = outer.All().ToArray();
        Hmac(Kdf(duplicateSeed, "INTEGRITY", [], 32), [.. dupSensitive, .. keyName]).ShouldBe(outerHmac);
        var inner = DecryptCfb(wrapKey, DecryptCfb(Kdf(duplicateSeed, "STORAGE", keyName, 16), dupSensitive));

        var reader = new TpmReader(inner);
        var integrity = reader.Sized().ToArray();
        var sensitive = reader.All().ToArray();
        SHA256.HashData([.. sensitive, .. keyName]).ShouldBe(integrity);
        var fields = new TpmReader(sensitive);
        fields.U16().ShouldBe((ushort)(sensitive.Length - 2));
        fields.U16().ShouldBe((ushort)8);
        fields.Sized().Length.ShouldBe(0);
        var obfuscation = fields.Sized().ToArray();
        var key = fields.Sized().ToArray();
        fields.Complete.ShouldBeTrue();
        SHA256.HashData([.. obfuscation, .. key]).ShouldBe(blob.KeyPublic.Span[^32..].ToArray());
        return key;
    }

    private static byte[] Hmac(byte[] key, byte[] data) => HMACSHA256.HashData(key, data);

    private static byte[] Kdf(byte[] key, string label, byte[] context, int bytes)
        => Hmac(key, [0, 0, 0, 1, .. Encoding.ASCII.GetBytes(label), 0, .. context, 0, 0, (byte)(bytes * 8 / 256), (byte)(bytes * 8 % 256)])[..bytes];

    private static byte[] DecryptCfb(byte[] key, byte[] cipher)
    {
        using var aes = Aes.Create();
        aes.Key = key;
        var plain = new byte[cipher.Length];
        var feedback = new byte[16];
        for (var offset = 0; offset < cipher.Length; offset += 16)
        {
            var stream = aes.EncryptEcb(feedback, PaddingMode.None);
            var length = Math.Min(16, cipher.Length - offset);
            for (var i = 0; i < length; i++)
                plain[offset + i] = (byte)(cipher[offset + i] ^ stream[i]);
            if (length == 16)
                Array.Copy(cipher, offset, feedback, 0, 16);
        }

        return plain;
    }

    private static byte[] DecryptOaep(byte[] pkcs8, ReadOnlySpan<byte> cipher, string label)
    {
        using var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(pkcs8, out _);
        var parameters = rsa.ExportParameters(includePrivateParameters: true);
        var power = BigInteger.ModPow(
            new BigInteger(cipher, isUnsigned: true, isBigEndian: true),
            new BigInteger(parameters.D, isUnsigned: true, isBigEndian: true),
            new BigInteger(parameters.Modulus, isUnsigned: true, isBigEndian: true));
        var number = power.ToByteArray(isUnsigned: true, isBigEndian: true);
        var encoded = new byte[256];
        number.CopyTo(encoded, 256 - number.Length);
        encoded[0].ShouldBe((byte)0);
        var seed = encoded[1..33];
        var block = encoded[33..];
        Mask(seed, block);
        Mask(block, seed);
        block[..32].ShouldBe(SHA256.HashData(Encoding.ASCII.GetBytes(label)));
        var one = Array.IndexOf(block, (byte)1, 32);
        block[32..one].ShouldAllBe(static value => value == 0);
        return block[(one + 1)..];
    }

    private static void Mask(byte[] target, byte[] seed)
    {
        for (var i = 0; i < target.Length; i++)
            target[i] ^= SHA256.HashData([.. seed, 0, 0, 0, (byte)(i / 32)])[i % 32];
    }
}
