using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Tpm;

public sealed class TpmPublicTests
{
    private static readonly byte[] EndorsementKeyBytes = Vectors.Root["softwareKeys"]!["inputs"]!.Base64("ekPub2bBase64");
    private static readonly byte[] StorageKeyBytes = Vectors.Root["softwareKeys"]!["inputs"]!.Base64("srkPub2bBase64");

    [Fact]
    public void A_default_endorsement_key_parses_and_encodes_to_the_same_bytes()
    {
        var key = Parse(EndorsementKeyBytes);
        key.Type.ShouldBe(TpmAlgorithm.Rsa);
        key.Attributes.ShouldBe((TpmObjectAttributes)0x000300B2);
        key.AuthPolicy.Length.ShouldBe(32);
        key.Symmetric.ShouldBe(TpmSymmetric.Aes128Cfb);
        key.RsaKeyBits.ShouldBe(2048);
        key.EncodedRsaExponent.ShouldBe(0u);
        key.RsaExponent.ShouldBe(65537u);
        key.Unique.Length.ShouldBe(256);
        key.Encode().ShouldBe(EndorsementKeyBytes);
        EndorsementKeyBytes.Length.ShouldBe(316);
        TpmKeyCheck.CheckEndorsementKey(key).ShouldBeNull();
    }

    [Fact]
    public void A_storage_root_key_parses_and_encodes_to_the_same_bytes()
    {
        var key = Parse(StorageKeyBytes);
        key.AuthPolicy.Length.ShouldBe(0);
        key.Encode().ShouldBe(StorageKeyBytes);
        StorageKeyBytes.Length.ShouldBe(284);
        TpmKeyCheck.CheckStorageRootKey(key).ShouldBeNull();
    }

    [Fact]
    public void The_public_area_of_an_HMAC_key_parses()
    {
        byte[] bytes = [0, 48, .. Vectors.Root["genuineAzureBlobs"]![0]!.Hex("idKeyPublic")];
        var key = Parse(bytes);
        key.Type.ShouldBe(TpmAlgorithm.KeyedHash);
        key.Scheme.ShouldBe(TpmScheme.HmacSha256);
        key.Encode().ShouldBe(bytes);
        TpmKeyCheck.CheckStorageRootKey(key)!.ShouldContain("not an RSA key");
    }

    [Theory]
    [InlineData("", "2 to 1024")]
    [InlineData("00", "2 to 1024")]
    [InlineData("0000", "before its policy")]
    [InlineData("0005000102", "announces 5")]
    [InlineData("000a0023000b000300b20000", "ECC")]
    [InlineData("000a0025000b000300b20000", "0x0025")]
    [InlineData("000a000100ff000300b20000", "name algorithm 0x00ff")]
    [InlineData("000b0001000b000300b2000100", "policy has 1 bytes")]
    [InlineData("000c0001000b000300b200000010", "before its scheme")]
    [InlineData("000e0001000b000300b2000000100099", "RSA scheme 0x0099")]
    [InlineData("000c0008000b0004044000000099", "keyed-hash scheme 0x0099")]
    [InlineData("000e0008000b00040440000000050000", "no hash")]
    public void A_malformed_key_is_refused_with_the_reason(string hex, string reason)
    {
        TpmPublic.TryParse(Convert.FromHexString(hex), out var key, out var error).ShouldBeFalse();
        key.ShouldBeNull();
        error!.ShouldContain(reason);
    }

    [Fact]
    public void Bytes_behind_the_public_area_are_refused()
    {
        byte[] inside = [.. EndorsementKeyBytes, 0];
        inside[1]++;
        TpmPublic.TryParse(inside, out _, out var error).ShouldBeFalse();
        error!.ShouldContain("1 bytes follow");
        TpmPublic.TryParse([.. EndorsementKeyBytes, 0], out _, out error).ShouldBeFalse();
        error!.ShouldContain("announces 314 bytes but 315 follow");
        TpmPublic.TryParse(new byte[1025], out _, out error).ShouldBeFalse();
    }

    public static TheoryData<string, TpmPublic, string> BadKeys
    {
        get
        {
            var key = Parse(StorageKeyBytes);
            var modulus = key.Unique.ToArray();
            var evenModulus = modulus[..];
            evenModulus[^1] &= 0xFE;
            return new TheoryData<string, TpmPublic, string>
            {
                { "importable software key", With(key, attributes: key.Attributes & ~TpmObjectAttributes.FixedTpm), "FixedTpm" },
                { "movable", With(key, attributes: key.Attributes & ~TpmObjectAttributes.FixedParent), "FixedParent" },
                { "secret from outside", With(key, attributes: key.Attributes & ~TpmObjectAttributes.SensitiveDataOrigin), "SensitiveDataOrigin" },
                { "not a storage key", With(key, attributes: key.Attributes & ~TpmObjectAttributes.Restricted), "Restricted" },
                { "no decryption", With(key, attributes: key.Attributes & ~TpmObjectAttributes.Decrypt), "Decrypt" },
                { "signs", With(key, attributes: key.Attributes | TpmObjectAttributes.Sign), "--allow-signing" },
                { "SHA-384 name", With(key, nameAlgorithm: TpmAlgorithm.Sha384), "0x000c" },
                { "AES-256", With(key, symmetric: new TpmSymmetric(TpmAlgorithm.Aes, 256, TpmAlgorithm.Cfb)), "256 bits" },
                { "scheme", With(key, scheme: new TpmScheme(TpmAlgorithm.Oaep, TpmAlgorithm.Sha256)), "scheme" },
                { "exponent 3", With(key, exponent: 3), "exponent 3" },
                { "1024 bits", With(key, bits: 1024, modulus: modulus[..128]), "1024 bits" },
                { "short modulus", With(key, modulus: modulus[..255]), "255 bytes" },
                { "small modulus", With(key, modulus: new byte[256]), "RSA-2048" },
                { "even modulus", With(key, modulus: evenModulus), "even" },
            };
        }
    }

    [Theory]
    [MemberData(nameof(BadKeys))]
    public void A_key_unfit_to_receive_a_secret_is_refused_with_the_reason(string what, TpmPublic key, string reason)
    {
        var error = TpmKeyCheck.CheckStorageRootKey(key);
        error.ShouldNotBeNull(what);
        error.ShouldContain(reason);
        var create = () => Challenge.Create(Parse(EndorsementKeyBytes), key, new byte[32]);
        create.ShouldThrow<ArgumentException>();
    }

    [Fact]
    public void An_endorsement_key_may_come_from_the_maker_but_must_not_sign()
    {
        var key = Parse(EndorsementKeyBytes);
        TpmKeyCheck.CheckEndorsementKey(With(key, attributes: key.Attributes & ~TpmObjectAttributes.SensitiveDataOrigin)).ShouldBeNull();
        TpmKeyCheck.CheckEndorsementKey(With(key, attributes: (TpmObjectAttributes)0x000600B2))!.ShouldContain("Restricted");
        TpmKeyCheck.CheckEndorsementKey(With(key, attributes: key.Attributes | TpmObjectAttributes.Sign))!.ShouldContain("sign");
    }

    private static TpmPublic Parse(byte[] bytes)
    {
        TpmPublic.TryParse(bytes, out var key, out var error).ShouldBeTrue(error);
        return key!;
    }

    private static TpmPublic With(
        TpmPublic key,
        TpmObjectAttributes? attributes = null,
        TpmAlgorithm? nameAlgorithm = null,
        TpmSymmetric? symmetric = null,
        TpmScheme? scheme = null,
        uint? exponent = null,
        int? bits = null,
        byte[]? modulus = null) => new()
        {
            Type = key.Type,
            Attributes = attributes ?? key.Attributes,
            NameAlgorithm = nameAlgorithm ?? key.NameAlgorithm,
            AuthPolicy = key.AuthPolicy,
            Symmetric = symmetric ?? key.Symmetric,
            Scheme = scheme ?? key.Scheme,
            EncodedRsaExponent = exponent ?? key.EncodedRsaExponent,
            RsaKeyBits = bits ?? key.RsaKeyBits,
            Unique = modulus ?? key.Unique,
        };
}
