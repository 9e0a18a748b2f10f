using System.Security.Cryptography;
using System.Text;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Structures;

namespace Homeport.Tests.Tpm;

/// <summary>Server arithmetic and device commands against swtpm.</summary>
public sealed class LiveTpmTests : IClassFixture<TestTpm>
{
    private readonly TestTpm _tpm;

    public LiveTpmTests(TestTpm tpm) => _tpm = tpm;

    [Theory]
    [InlineData(1)]
    [InlineData(32)]
    [InlineData(64)]
    public void A_wrapped_key_signs_as_the_server_expects(int keyBytes)
    {
        var hmacKey = RandomNumberGenerator.GetBytes(keyBytes);
        var message = Encoding.UTF8.GetBytes("0ne00000001%2Fregistrations%2Fdevice\n1900000000");
        var signature = _tpm.Source.Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            keys.Activate(Challenge.Create(keys.GetEndorsementKey(), keys.GetStorageRootKey(), hmacKey));
            return keys.Sign(message);
        });
        signature.ShouldBe(HMACSHA256.HashData(hmacKey, message));
        _tpm.ShouldBeClean();
    }

    [Fact]
    public void A_second_activation_replaces_the_first()
    {
        byte[] nonce = RandomNumberGenerator.GetBytes(32), deviceKey = RandomNumberGenerator.GetBytes(32);
        _tpm.Source.Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            foreach (var key in new[] { nonce, deviceKey })
            {
                keys.Activate(Challenge.Create(
                    keys.GetEndorsementKey(), keys.GetStorageRootKey(), key, Encoding.UTF8.GetBytes("https://localhost"), ChallengeRandomness.Generate()));
                keys.Sign([1, 2, 3]).ShouldBe(HMACSHA256.HashData(key, new byte[] { 1, 2, 3 }));
            }
        });
        _tpm.ShouldBeClean();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1023)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(5000)]
    public void A_message_of_any_length_is_signed(int length)
    {
        var key = RandomNumberGenerator.GetBytes(48);
        var message = RandomNumberGenerator.GetBytes(length);
        _tpm.Source.Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            keys.Imprint(key, 0x81000107);
            return keys.Sign(message, 0x81000107);
        }).ShouldBe(HMACSHA256.HashData(key, message));
        _tpm.ShouldBeClean();
    }

    [Fact]
    public void The_keys_are_kept_and_pass_the_checks_of_the_server()
    {
        var (endorsementKey, storageRootKey) = _tpm.Source.Use(static tpm => (new TpmKeys(tpm).GetEndorsementKey(), new TpmKeys(tpm).GetStorageRootKey()));
        TpmKeyCheck.CheckEndorsementKey(endorsementKey).ShouldBeNull();
        TpmKeyCheck.CheckStorageRootKey(storageRootKey).ShouldBeNull();
        endorsementKey.Encode().Length.ShouldBe(316);
        storageRootKey.Encode().Length.ShouldBe(284);
        _tpm.Source.Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            keys.ReadPublic(TpmHandle.EndorsementKey)!.Encode().ShouldBe(endorsementKey.Encode());
            keys.GetStorageRootKey().Encode().ShouldBe(storageRootKey.Encode());
            keys.DeriveEndorsementKey(TemplateForm.Tcg).Encode().ShouldBe(endorsementKey.Encode());
            keys.DeriveEndorsementKey(TemplateForm.EmptyUnique).Encode().ShouldNotBe(endorsementKey.Encode());
            keys.ReadEndorsementCertificate().ShouldBeNull();
        });
        _tpm.ShouldBeClean();
    }

    [Fact]
    public void The_challenge_of_the_TPM_itself_agrees_with_the_arithmetic()
    {
        var credential = RandomNumberGenerator.GetBytes(16);
        _tpm.Source.Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            var endorsementKey = keys.GetEndorsementKey();
            var storageRootKey = keys.GetStorageRootKey();
            var external = tpm.Execute(new LoadExternalCommand(endorsementKey, TpmHandle.Endorsement));
            external.Name.ShouldBe(endorsementKey.Name);
            var made = tpm.Execute(new MakeCredentialCommand(external.Handle, credential, storageRootKey.Name));
            tpm.FlushQuietly(external.Handle);
            made.IdObject.Length.ShouldBe(52);
            made.Secret.Length.ShouldBe(256);

            var session = tpm.Execute(new StartPolicySessionCommand(new byte[20]));
            tpm.Execute(new PolicySecretCommand(TpmHandle.Endorsement, TpmAuthorization.Empty, session));
            tpm.Execute(new ActivateCredentialCommand(
                TpmHandle.StorageRootKey, TpmAuthorization.Empty, TpmHandle.EndorsementKey, TpmAuthorization.Policy(session), made.IdObject, made.Secret))
                .ShouldBe(credential);
        });
        _tpm.ShouldBeClean();
    }

    [Fact]
    public void Every_way_to_fail_leaves_nothing_behind_in_the_TPM()
    {
        var (endorsementKey, storageRootKey) = _tpm.Source.Use(static tpm => (new TpmKeys(tpm).GetEndorsementKey(), new TpmKeys(tpm).GetStorageRootKey()));
        var good = Challenge.Create(endorsementKey, storageRootKey, new byte[32]);
        TpmPublic.TryParse(Vectors.Root["softwareKeys"]!["inputs"]!.Base64("srkPub2bBase64"), out var foreign, out _).ShouldBeTrue();
        (int Offset, TpmResponseCode[] Codes)[] corruptions =
        [
            (30, [TpmResponseCode.Integrity]),
            (100, [TpmResponseCode.Failure, TpmResponseCode.Integrity, TpmResponseCode.Value]),
            (400, [TpmResponseCode.Integrity]),
            (600, [TpmResponseCode.Failure, TpmResponseCode.Integrity, TpmResponseCode.Value]),
            (750, [TpmResponseCode.Integrity]),
        ];

        // More rounds than a TPM has sessions: the fourth would fail with TPM_RC_SESSION_MEMORY after a leak.
        for (var round = 0; round < 3; round++)
        {
            foreach (var (offset, codes) in corruptions)
            {
                var bad = good.ToArray();
                bad[offset] ^= 1;
                var error = Should.Throw<TpmException>(() => _tpm.Source.Use(tpm => new TpmKeys(tpm).Activate(bad)));
                codes.ShouldContain(error.Code, $"offset {offset}: {error.Message}");
                _tpm.ShouldBeClean();
            }

            var wrongParent = Challenge.Create(endorsementKey, foreign!, new byte[32]);
            Should.Throw<TpmException>(() => _tpm.Source.Use(tpm => new TpmKeys(tpm).Activate(wrongParent))).Code.ShouldBe(TpmResponseCode.Integrity);
            _tpm.ShouldBeClean();
        }

        _tpm.Source.Use(tpm => new TpmKeys(tpm).Activate(good));
    }

    [Fact]
    public void A_failed_activation_keeps_the_key_that_was_there()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        _tpm.Source.Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            keys.Imprint(key, TpmHandle.IdentityKey);
            var bad = Challenge.Create(keys.GetEndorsementKey(), keys.GetStorageRootKey(), new byte[32]);
            bad[400] ^= 1;
            Should.Throw<TpmException>(() => keys.Activate(bad));
            keys.Sign([7]).ShouldBe(HMACSHA256.HashData(key, new byte[] { 7 }));
        });
    }

    [Fact]
    public void A_missing_key_is_named()
    {
        var act = () => _tpm.Source.Use(static tpm => new TpmKeys(tpm).Sign([1], 0x81000177));
        act.ShouldThrow<TpmException>().Message.ShouldContain("TPM2_Hmac: TPM_RC_HANDLE (0x18b), handle 1: nothing exists at this handle");
        _tpm.Source.Use(static tpm => new TpmKeys(tpm).Remove(0x81000177)).ShouldBeFalse();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(28)]
    [InlineData(513)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(2048)]
    public void A_record_of_any_size_is_written_and_read(int size)
    {
        var content = RandomNumberGenerator.GetBytes(size);
        _tpm.Source.Use(tpm =>
        {
            var storage = new TpmStorage(tpm);
            storage.Read(0x01400120).ShouldBeNull();
            storage.Create(0x01400120, content);
            storage.Read(0x01400120).ShouldBe(content);
            var area = storage.ReadPublic(0x01400120)!;
            area.Size.ShouldBe(size);
            ((uint)area.Attributes).ShouldBe(0x22040004u);
            Should.Throw<TpmException>(() => storage.Create(0x01400120, content)).Code.ShouldBe(TpmResponseCode.NvDefined);
            storage.Remove(0x01400120).ShouldBeTrue();
            storage.Remove(0x01400120).ShouldBeFalse();
        });
    }

    [Fact]
    public void Sixteen_logical_devices_fit()
    {
        using var own = new TestTpm();
        own.Source.Use(static tpm =>
        {
            var keys = new TpmKeys(tpm);
            var storage = new TpmStorage(tpm);
            for (uint slot = 0; slot < 16; slot++)
            {
                storage.Create(TpmHandle.DeviceRecord + slot, Encoding.UTF8.GetBytes($"hub.example.test/device-{slot}"));
                keys.Imprint(SHA256.HashData([(byte)slot]), TpmHandle.IdentityKey + slot);
            }

            for (uint slot = 0; slot < 16; slot++)
            {
                Encoding.UTF8.GetString(storage.Read(TpmHandle.DeviceRecord + slot)!).ShouldBe($"hub.example.test/device-{slot}");
                keys.Sign([1], TpmHandle.IdentityKey + slot).ShouldBe(HMACSHA256.HashData(SHA256.HashData([(byte)slot]), new byte[] { 1 }));
            }

            var status = new TpmStatus(tpm);
            status.GetHandles(TpmHandle.FirstPersistent).Count(static handle => handle is >= 0x81000100 and < 0x81000110).ShouldBe(16);
            status.GetHandles(TpmHandle.FirstNonVolatile).Count.ShouldBe(16);
        });
        own.ShouldBeClean();
    }

    [Fact]
    public void Clearing_keeps_the_endorsement_key_and_changes_the_storage_root_key()
    {
        using var own = new TestTpm();
        own.Source.Use(static tpm =>
        {
            var keys = new TpmKeys(tpm);
            var endorsementKey = keys.GetEndorsementKey().Encode();
            var storageRootKey = keys.GetStorageRootKey().Encode();
            var before = Challenge.Create(keys.GetEndorsementKey(), keys.GetStorageRootKey(), new byte[32]);
            keys.Imprint([1], TpmHandle.IdentityKey);
            new TpmStorage(tpm).Create(TpmHandle.DeviceRecord, [1]);

            new TpmStatus(tpm).Clear();

            keys.ReadPublic(TpmHandle.IdentityKey).ShouldBeNull();
            new TpmStorage(tpm).Read(TpmHandle.DeviceRecord).ShouldBeNull();
            keys.GetEndorsementKey().Encode().ShouldBe(endorsementKey);
            keys.GetStorageRootKey().Encode().ShouldNotBe(storageRootKey);
            Should.Throw<TpmException>(() => keys.Activate(before)).Code.ShouldBe(TpmResponseCode.Integrity);
            keys.Activate(Challenge.Create(keys.GetEndorsementKey(), keys.GetStorageRootKey(), [9]));
            keys.Sign([1]).ShouldBe(HMACSHA256.HashData(new byte[] { 9 }, new byte[] { 1 }));
        });
        own.ShouldBeClean();
    }

    [Fact]
    public void Passwords_of_the_hierarchies_are_asked_for_and_used()
    {
        using var own = new TestTpm();
        byte[] secret = [1, 2, 3, 4];
        own.Source.Use(tpm =>
        {
            foreach (var hierarchy in new[] { TpmHandle.Owner, TpmHandle.Endorsement, TpmHandle.Lockout })
                tpm.Execute(new HierarchyChangeAuthCommand(hierarchy, TpmAuthorization.Empty, secret));
            new TpmStatus(tpm).GetHealth().ShouldSatisfyAllConditions(
                static health => health.OwnerPasswordSet.ShouldBeTrue(),
                static health => health.EndorsementPasswordSet.ShouldBeTrue(),
                static health => health.LockoutPasswordSet.ShouldBeTrue());
            var error = Should.Throw<TpmException>(() => new TpmKeys(tpm).GetEndorsementKey());
            error.Code.ShouldBe(TpmResponseCode.BadAuth);
            error.Message.ShouldContain("Somebody set an owner, endorsement or lockout password");
        });
        var source = new TpmSource(own.Source.Name, own.Software.Open)
        {
            Passwords = new TpmPasswords { Owner = secret, Endorsement = secret, Lockout = secret },
        };
        source.Use(static tpm =>
        {
            var keys = new TpmKeys(tpm);
            keys.Activate(Challenge.Create(keys.GetEndorsementKey(), keys.GetStorageRootKey(), [5]));
            keys.Sign([1]).ShouldBe(HMACSHA256.HashData(new byte[] { 5 }, new byte[] { 1 }));
            new TpmStatus(tpm).ResetLockout();
            new TpmStatus(tpm).Clear();
            new TpmStatus(tpm).GetHealth().OwnerPasswordSet.ShouldBeFalse();
        });
    }

    [Fact]
    public void The_make_says_that_it_is_software()
    {
        var make = _tpm.Source.Use(static tpm => new TpmStatus(tpm).GetMake());
        make.Manufacturer.ShouldBe("IBM");
        make.Vendor.ShouldStartWith("SW");
        make.IsSoftware.ShouldBeTrue();
        make.Firmware.Length.ShouldBe(17);
        var health = _tpm.Source.Use(static tpm => new TpmStatus(tpm).GetHealth());
        health.InLockout.ShouldBeFalse();
        health.MaxAuthFailures.ShouldBe(3u);
    }

    [Fact]
    public void Random_bytes_self_test_PCRs_and_quote_work()
    {
        _tpm.Source.Use(static tpm =>
        {
            var status = new TpmStatus(tpm);
            status.Start();
            status.SelfTest();
            var random = status.GetRandom(200);
            random.Length.ShouldBe(200);
            random.Distinct().Count().ShouldBeGreaterThan(50);
            var pcrs = tpm.Execute(new PcrReadCommand(new PcrSelection(0x0000FFFF)));
            pcrs.Digests.Count.ShouldBe(8);
            pcrs.Selection.Mask.ShouldBe(0xFFu);
            tpm.Execute(new GetCapabilityCommand(TpmCapability.Algorithms, 0, 64)).Entries.ShouldContain(static entry => entry.Property == 0x000B);
            tpm.Execute(new GetCapabilityCommand(TpmCapability.Commands, 0, 254)).Entries.Count.ShouldBeGreaterThan(50);

            var signer = new TpmPublic
            {
                Type = TpmAlgorithm.Rsa,
                Attributes = TpmObjectAttributes.FixedTpm | TpmObjectAttributes.FixedParent | TpmObjectAttributes.SensitiveDataOrigin
                    | TpmObjectAttributes.UserWithAuth | TpmObjectAttributes.Restricted | TpmObjectAttributes.Sign,
                Scheme = new TpmScheme(TpmAlgorithm.RsaSsa, TpmAlgorithm.Sha256),
                RsaKeyBits = 2048,
            };
            var made = tpm.Execute(new CreatePrimaryCommand(TpmHandle.Owner, TpmAuthorization.Empty, signer));
            var quote = tpm.Execute(new QuoteCommand(made.Handle, TpmAuthorization.Empty, new byte[] { 1, 2, 3 }, new PcrSelection(0xFF)));
            tpm.FlushQuietly(made.Handle);
            TpmPublic.TryParse(made.Public, out var key, out _).ShouldBeTrue();
            using var rsa = RSA.Create(new RSAParameters { Modulus = key!.Unique.ToArray(), Exponent = [1, 0, 1] });
            rsa.VerifyData(quote.Attest, quote.Signature.AsSpan(6), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).ShouldBeTrue();
        });
        _tpm.ShouldBeClean();
    }
}
