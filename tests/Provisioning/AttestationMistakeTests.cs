using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Tests.Hub.Access;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.Provisioning;

/// <summary>
/// The mistakes of <see cref="MistakeTests"/> that are made with certificates and TPMs, and at the door: what the first line of the explanation
/// names for each.
/// </summary>
public sealed class AttestationMistakeTests
{
    private static readonly DateTimeOffset Now = ManualTime.Start;
    private static readonly SoftwareTpm One = SoftwareTpm.Known;
    private static readonly SoftwareTpm Two = SoftwareTpm.Create();

    private static readonly Dictionary<string, (Func<Bench, Task<Refusal>> Make, string Cause)> Rows = new(StringComparer.Ordinal)
    {
        // Certificates of individual enrollments.
        ["another certificate than the enrolled one"] = (b => b.CertificateAsync("ind", b.Root.Issue("CN=ind", Now)), "has the thumbprint"),
        ["no certificate"] = (b => b.RefusedAsync(TestApplication.Call("ind", b.Enrolled) with { Certificate = null }), "showed no client certificate, but its individual enrollment is for X.509"),
        ["a token in place of the certificate"] = (b => b.RefusedAsync(b.App.Call("ind", new byte[32])), "showed no client certificate, but its individual enrollment is for X.509"),
        ["a certificate in place of the key"] = (b => b.CertificateAsync("keyed", b.Root.Issue("CN=keyed", Now)), "came with a client certificate, but its individual enrollment is for SymmetricKey"),
        ["an expired certificate"] = (b => b.LaterAsync(TimeSpan.FromDays(11), () => b.CertificateAsync("ind", b.Enrolled)), "is not valid now: it expired at"),
        ["a clock that is behind"] = (b => b.LaterAsync(TimeSpan.FromDays(-3), () => b.CertificateAsync("ind", b.Enrolled)), "is not valid now: it is not valid before"),
        ["the common name of another device"] = (b => b.CertificateAsync("ind", b.Root.Issue("CN=other", Now)), "has the common name 'other'"),
        ["no common name"] = (b => b.CertificateAsync("ind", b.Root.Issue("O=ind", Now)), "has no common name of its own, or several"),
        ["two common names"] = (b => b.CertificateAsync("ind", b.Root.Issue("CN=ind, CN=other", Now)), "has no common name of its own, or several"),
        ["a certificate that may not sign"] = (b => b.CertificateAsync("ind", b.Root.Issue("CN=ind", Now, usage: X509KeyUsageFlags.KeyEncipherment)), "without DigitalSignature"),
        ["a blocked device of a group"] = (b => b.BlockedDeviceAsync(), "individual enrollment 'd1', which is disabled"),

        // Certificates of groups.
        ["a missing intermediate"] = (b => b.CertificateAsync("d1", b.Line.Issue("CN=d1", Now)), "whose issuer is 'CN=Line'; the device sent 0 intermediate certificate(s)"),
        ["the wrong intermediate"] = (b => b.CertificateAsync("d1", b.Line.Issue("CN=d1", Now), b.Root.Intermediate("Other", Now)), "whose issuer is 'CN=Line'; the device sent 1 intermediate certificate(s)"),
        ["an unverified root"] = (b => b.UnverifiedAsync(), "'factory' is not verified: nobody proved to have its key"),
        ["a named CA that was never uploaded"] = (b => b.NeverUploadedAsync(), "the CA 'factory' that the enrollment group 'named' names is not uploaded"),
        ["a strange root"] = (b => b.CertificateAsync("d1", b.Strange.Issue("CN=d1", Now), b.Strange), "whose issuer is 'CN=Strange'"),
        ["another CA of the same name"] = (b => b.CertificateAsync("d1", b.Namesake.Issue("CN=d1", Now)), "is not accepted under the enrollment group 'plant', primary CA 'CN=Root'"),
        ["an expired intermediate"] = (b => b.ExpiredIntermediateAsync(), "certificate 'CN=Short': it expired at"),
        ["an intermediate that is no CA"] = (b => b.NoAuthorityAsync(), "it issued a certificate and is no CA"),
        ["a certificate for servers"] = (b => b.CertificateAsync("d1", b.Root.Issue("CN=d1", Now, purpose: "1.3.6.1.5.5.7.3.1")), "extended key usage does not allow"),
        ["a revoked certificate"] = (b => b.RevokedAsync(), "it was revoked by its issuer"),
        ["a blocked intermediate"] = (b => b.BlockedIntermediateAsync(), "enrollment group 'stolen', which is disabled"),
        ["a revoked certificate of a registration"] = (b => b.IssuedAsync(revoke: true), "was issued to it at a registration, but is revoked"),
        ["an old certificate of a registration"] = (b => b.IssuedAsync(revoke: false), "was issued to it at a registration, but is superseded"),

        // TPMs of individual enrollments.
        ["another TPM"] = (b => b.TpmAsync("chip", Two), "it has the endorsement key of another TPM"),
        ["the other form of the endorsement key"] = (b => b.TpmAsync("chip", Two), "or the other form of this one's"),
        ["a TPM that was cleared with its seed"] = (b => b.ClearedAsync("chip"), "the device registered with the enrolled endorsement key before, so its TPM was replaced, or cleared"),
        ["a TPM in place of the key"] = (b => b.TpmAsync("keyed", One), "individual enrollment 'keyed': its attestation is SymmetricKey"),
        ["an answer to no challenge"] = (b => b.RefusedAsync(TestApplication.Call("chip", One) with { Authorization = b.App.Token("chip", new byte[32]) }), "answers none of the last two challenges to its TPM"),
        ["an answer that is too old"] = (b => b.ReplayAsync(), "answers none of the last two challenges to its TPM"),
        ["an answer without the TPM's keys"] = (b => b.WithoutKeysAsync(), "answers a challenge, but shows no TPM keys"),
        ["one chip under two names"] = (b => b.TwoNamesAsync(), "which has the registration 'chip' as well"),
        ["a storage root key that can leave its TPM"] = (b => Bench.Evidence(One.EndorsementKey, 0x00030470u), "The storage root key lacks the attributes FixedTpm"),
        ["half an endorsement key"] = (b => Bench.Evidence(One.EndorsementKey[..100], 0x00030472u), "announces 314 bytes but 98 follow"),

        // TPM groups.
        ["no TPM group at all"] = (b => b.WithoutGroupAsync(), "there is neither an individual enrollment 'd1' nor a TPM group"),
        ["a chip in no list and without a certificate"] = (b => b.TpmAsync("d1", Two), "certificate of the endorsement key: not shown, and the key is in no list"),
        ["a listed chip that was cleared with its seed"] = (b => b.ClearedListedAsync(), "the device registered with another endorsement key before"),
        ["a list that binds the chip to another name"] = (b => b.ListedAsync("d2"), "it has the key, for the registration id 'd2'"),
        ["a chip certificate for another key"] = (b => b.ChipAsync(b.Maker.Certify(One)), "the certificate is for another key than the endorsement key that was shown"),
        ["a chip of another maker"] = (b => b.ChipAsync(b.OtherMaker.Certify(Two)), "no TPM group trusts its issuer 'CN=Stranger EK CA'"),
        ["a chip of another model"] = (b => b.ChipAsync(b.Maker.Certify(Two, model: "SLB9665")), "its model is 'SLB9665', not 'SLB9670'"),
        ["a chip with old firmware"] = (b => b.ChipAsync(b.Maker.Certify(Two, version: "id:0006")), "its version is 'id:0006', not 'id:0007*'"),
        ["a chip of another manufacturer"] = (b => b.ChipAsync(b.Maker.Certify(Two, manufacturer: "id:414D4400")), "its manufacturer is 'id:414D4400' (AMD), not 'IFX'"),
        ["the certificate of something else than a chip"] = (b => b.ChipAsync(b.Maker.Certify(Two, purpose: "1.3.6.1.5.5.7.3.2")), "extended key usage"),
        ["the name of another device"] = (b => b.NameTakenAsync(), "but the registration 'd1' is that of another device"),
        ["the name of a device that is in the hub"] = (b => b.HubNameTakenAsync(), "The hub has a device 'by-hand' that did not come by a registration of this TPM"),
        ["a disabled TPM group"] = (b => b.DisabledChipsAsync(), "enrollment group 'chips', which is disabled"),

        // At the door.
        ["the wrong ID scope"] = (b => b.DoorAsync(TestApplication.Call("ind", b.Enrolled) with { IdScope = "0ne00FFFFFF" }), "The address has the ID scope '0ne00FFFFFF'"),
        ["no API version"] = (b => b.DoorAsync(TestApplication.Call("ind", b.Enrolled) with { ApiVersion = "" }), "There is no api-version"),
        ["too many refused attempts"] = (b => b.GuessedAsync(), "Too many attempts of the address 192.0.2.7 were refused lately"),
        ["too many challenges without an answer"] = (b => b.FloodedAsync(), "The address 192.0.2.7 asked for many TPM challenges and answered few"),
    };

    public static TheoryData<string> Mistakes => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task The_first_line_names_the_cause(string mistake)
    {
        var (make, cause) = Rows[mistake];
        var bench = await Bench.OpenAsync();
        var refusal = await make(bench);
        refusal.Seen.ShouldContain(cause, Case.Sensitive);
        refusal.Fix.ShouldNotBeNullOrWhiteSpace();
    }

    /// <summary>An application in which everything is right, until a row makes its mistake.</summary>
    private sealed class Bench
    {
        private static readonly IPAddress Address = IPAddress.Parse("192.0.2.7");
        private RegistrationDoor _door = null!;

        public TestApplication App { get; } = new();

        public TestAuthority Root { get; } = TestAuthority.Root("Root", Now, usage: X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign);

        public TestAuthority Namesake { get; } = TestAuthority.Root("Root", Now);

        public TestAuthority Strange { get; } = TestAuthority.Root("Strange", Now);

        public TestAuthority Line { get; private set; } = null!;

        public TestManufacturer Maker { get; } = new(Now);

        public TestManufacturer OtherMaker { get; } = new(Now, "Stranger");

        public X509Certificate2 Enrolled { get; private set; } = null!;

        public static async Task<Bench> OpenAsync()
        {
            var bench = new Bench();
            bench.Line = bench.Root.Intermediate("Line", Now);
            bench.Enrolled = bench.Root.Issue("CN=ind", Now);
            await bench.App.EnrollAsync(TestApplication.Individual("keyed"));
            await bench.App.EnrollAsync(Individual("ind", bench.Enrolled));
            await bench.App.EnrollAsync(TestApplication.TpmEnrollment("chip", One));
            await bench.App.EnrollAsync(X509AttestationTests.Group("plant", bench.Root.Certificate));
            await bench.App.EnrollAsync(bench.Chips());
            bench._door = new RegistrationDoor(
                TestApplication.IdScope, bench.App.Registrations, new RegistrationLimits(bench.App.Time), new Explanations(bench.App.Time, NullLogger<Explanations>.Instance), bench.App.Time, NullLogger<RegistrationDoor>.Instance);
            return bench;
        }

        public async Task<Refusal> RefusedAsync(RegistrationCall call) => (await App.Registrations.RegisterAsync(call, default)).Bad();

        public Task<Refusal> CertificateAsync(string id, X509Certificate2 certificate, params TestAuthority[] sent)
            => RefusedAsync(TestApplication.Call(id, certificate, [.. sent.Select(a => a.Certificate)]));

        public async Task<Refusal> LaterAsync(TimeSpan later, Func<Task<Refusal>> make)
        {
            App.Time.Now += later;
            return await make();
        }

        public async Task<Refusal> BlockedDeviceAsync()
        {
            var device = Root.Issue("CN=d1", Now);
            await App.EnrollAsync(Individual("d1", device) with { ProvisioningStatus = "disabled" });
            return await FailureAsync(TestApplication.Call("d1", device));
        }

        public async Task<Refusal> UnverifiedAsync()
        {
            await NamedAsync();
            (await App.Authorities.PutAsync("factory", Strange.Pem, attested: false, IfMatch.Absent, default)).Good();
            return await CertificateAsync("d1", Strange.Issue("CN=d1", Now));
        }

        public async Task<Refusal> NeverUploadedAsync()
        {
            await NamedAsync();
            return await CertificateAsync("d1", Strange.Issue("CN=d1", Now));
        }

        public async Task<Refusal> ExpiredIntermediateAsync()
        {
            var brief = Root.Intermediate("Short", Now, days: 2);
            App.Time.Now += TimeSpan.FromDays(3);
            return await CertificateAsync("d1", brief.Issue("CN=d1", Now), brief);
        }

        public Task<Refusal> NoAuthorityAsync()
        {
            var device = Root.Intermediate("device", Now, isAuthority: false);
            return CertificateAsync("d1", device.Issue("CN=d1", Now), device);
        }

        public async Task<Refusal> RevokedAsync()
        {
            var lost = Root.Issue("CN=d1", Now);
            (await App.Authorities.PutAsync("root", Root.Pem, attested: true, IfMatch.Absent, default)).Good();
            (await App.Authorities.PutListAsync("root", Root.Revoke(Now, lost), default)).Good();
            return await CertificateAsync("d1", lost);
        }

        public async Task<Refusal> BlockedIntermediateAsync()
        {
            await App.EnrollAsync(X509AttestationTests.Group("stolen", Line.Certificate) with { ProvisioningStatus = "disabled" });
            return await FailureAsync(TestApplication.Call("d1", Line.Issue("CN=d1", Now), Line.Certificate));
        }

        /// <summary>A device that renews with a certificate that does not count any more.</summary>
        public async Task<Refusal> IssuedAsync(bool revoke)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            App.Issuers["default"] = new AuthorityIssuer(Root.Certificate, TimeSpan.FromDays(10), App.Time);
            var enrolled = await App.EnrollAsync(TestApplication.Individual("renews") with { ClientCertificateIssuancePolicy = new IssuancePolicyDescription("default") });
            var call = App.Call("renews", enrolled.Attestation.PrimaryKey!) with { CertificateRequest = new CertificateRequest("CN=renews", key, HashAlgorithmName.SHA256).CreateSigningRequest() };
            var first = (await App.RegisterAsync(call)).Good().Registration.IssuedChain![0];
            for (var i = 0; i < 2; i++)
            {
                App.Time.Now += TimeSpan.FromMinutes(1);
                (await App.RegisterAsync(call)).Good();
            }
            using var old = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(first));
            if (revoke)
                (await App.Issuance.RevokeAsync(old.SerialNumber, "lost", default)).Good();
            return await CertificateAsync("renews", old);
        }

        public async Task<Refusal> TpmAsync(string id, SoftwareTpm tpm)
        {
            var first = TestApplication.Call(id, tpm);
            return await RefusedAsync(await App.AnswerAsync(first, tpm));
        }

        public async Task<Refusal> ClearedAsync(string id)
        {
            (await App.RegisterAsync(await App.AnswerAsync(TestApplication.Call(id, One), One))).Good();
            return await TpmAsync(id, Two);
        }

        public async Task<Refusal> ReplayAsync()
        {
            var first = await App.AnswerAsync(TestApplication.Call("chip", One), One);
            for (var i = 0; i < 2; i++)
            {
                App.Time.Now += ChallengeKeys.Repeat;
                await App.AnswerAsync(TestApplication.Call("chip", One), One);
            }
            return await RefusedAsync(first);
        }

        public async Task<Refusal> WithoutKeysAsync()
        {
            var call = await App.AnswerAsync(TestApplication.Call("chip", One), One);
            (await App.RegisterAsync(call)).Good();
            return await RefusedAsync(call with { Tpm = null });
        }

        public async Task<Refusal> TwoNamesAsync()
        {
            (await App.RegisterAsync(await App.AnswerAsync(TestApplication.Call("chip", One), One))).Good();
            await App.EnrollAsync(TestApplication.TpmEnrollment("second", One));
            return await FailureAsync(await App.AnswerAsync(TestApplication.Call("second", One), One));
        }

        public static Task<Refusal> Evidence(byte[] endorsementKey, uint attributes)
        {
            using var rsa = RSA.Create(2048);
            return Task.FromResult(TpmEvidence.Read(endorsementKey, SoftwareTpm.Public(rsa, attributes)).Bad());
        }

        public async Task<Refusal> WithoutGroupAsync()
        {
            (await App.Enrollments.DeleteAsync(EnrollmentKind.Group, "chips", IfMatch.Absent, default)).ShouldBeNull();
            return await TpmAsync("d1", Two);
        }

        public async Task<Refusal> ClearedListedAsync()
        {
            await ImportAsync(Convert.ToBase64String(One.EndorsementKey));
            (await App.RegisterAsync(await App.AnswerAsync(TestApplication.Call("d1", One), One))).Good();
            return await TpmAsync("d1", Two);
        }

        public async Task<Refusal> ListedAsync(string boundTo)
        {
            await ImportAsync($"endorsementKey,registrationId\n{Convert.ToBase64String(Two.EndorsementKey)},{boundTo}");
            return await TpmAsync("d1", Two);
        }

        public async Task<Refusal> ChipAsync(X509Certificate2 certificate)
            => await RefusedAsync(await App.AnswerAsync(Chip("d1", Two, certificate), Two));

        public async Task<Refusal> NameTakenAsync()
        {
            await RegisterChipAsync("d1", One);
            return await RefusedAsync(await App.AnswerAsync(Chip("d1", Two, Maker.Certify(Two)), Two));
        }

        public async Task<Refusal> HubNameTakenAsync()
        {
            await App.HubStore.InsertAsync(new Identity { DeviceId = "by-hand", GenerationId = "1", Authentication = new Authentication(AuthenticationType.Sas, new byte[32], new byte[32]) }, null, default);
            return await FailureAsync(await App.AnswerAsync(Chip("by-hand", Two, Maker.Certify(Two)), Two));
        }

        public async Task<Refusal> DisabledChipsAsync()
        {
            await App.EnrollAsync(Chips() with { ProvisioningStatus = "disabled" }, "*");
            return await FailureAsync(await App.AnswerAsync(Chip("d1", Two, Maker.Certify(Two)), Two));
        }

        public async Task<Refusal> DoorAsync(RegistrationCall call)
            => (await _door.RegisterAsync(call with { Address = Address }, "{}"u8.ToArray(), default)).Refusal.ShouldNotBeNull();

        public async Task<Refusal> GuessedAsync()
        {
            Refusal refusal;
            do
                refusal = await DoorAsync(App.Call("keyed", new byte[32]));
            while (refusal.Error == ProvisioningErrors.CredentialMismatch);
            return refusal;
        }

        public async Task<Refusal> FloodedAsync()
        {
            var tpm = new { endorsementKey = Convert.ToBase64String(One.EndorsementKey), storageRootKey = Convert.ToBase64String(One.StorageRootKey) };
            var body = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new { tpm });
            var call = new RegistrationCall { IdScope = TestApplication.IdScope, RegistrationId = "chip", ApiVersion = "2019-03-31", Address = Address };
            RegistrationAnswer answer;
            do
                answer = await _door.RegisterAsync(call, body, default);
            while (answer.Refusal is null);
            return answer.Refusal;
        }

        private async Task<Refusal> FailureAsync(RegistrationCall call) => (await App.Registrations.RegisterAsync(call, default)).Good().Failure.ShouldNotBeNull();

        private async Task NamedAsync() => await App.EnrollAsync(new EnrollmentDescription
        {
            EnrollmentGroupId = "named",
            Attestation = new AttestationDescription { Type = "x509", X509 = new X509AttestationDescription { CaReferences = new CaReferencesDescription("factory") } },
        });

        private async Task RegisterChipAsync(string id, SoftwareTpm tpm) => (await App.RegisterAsync(await App.AnswerAsync(Chip(id, tpm, Maker.Certify(tpm)), tpm))).Good();

        private RegistrationCall Chip(string id, SoftwareTpm tpm, X509Certificate2 certificate)
        {
            var first = TestApplication.Call(id, tpm);
            return first with { Tpm = first.Tpm!.WithCertificate(certificate.ExportCertificatePem(), [Maker.Issuer.ExportCertificatePem()]).Good() };
        }

        private async Task ImportAsync(string csv)
        {
            var group = (await App.Lists.FindGroupAsync("chips", default)).Good();
            await foreach (var progress in App.Lists.ImportAsync(group, PipeReader.Create(new MemoryStream(Encoding.UTF8.GetBytes(csv))), default))
                progress.Invalid.ShouldBe(0);
        }

        private EnrollmentDescription Chips() => new()
        {
            EnrollmentGroupId = "chips",
            Attestation = new AttestationDescription
            {
                Type = "tpm",
                Tpm = new TpmAttestationDescription
                {
                    SigningCertificates = new CertificatePairDescription(new CertificateWithInfo(Maker.Root.ExportCertificatePem())),
                    Filter = new TpmFilterDescription("IFX", "SLB9670", "id:0007*"),
                },
            },
        };

        private static EnrollmentDescription Individual(string id, X509Certificate2 certificate) => TestApplication.Individual(id, new AttestationDescription
        {
            Type = "x509",
            X509 = new X509AttestationDescription { ClientCertificates = new CertificatePairDescription(new CertificateWithInfo(certificate.ExportCertificatePem())) },
        });
    }
}
