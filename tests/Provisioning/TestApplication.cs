using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Tests.Hub.Access;

namespace Homeport.Tests.Provisioning;

/// <summary>The domain of one application over stores in memory, with a clock and hubs that a test can look into.</summary>
internal sealed class TestApplication
{
    public const string IdScope = "0ne000A1B2C";
    public static readonly CancellationToken None = CancellationToken.None;

    private readonly MemoryEnrollmentStore _enrollments = new();
    private readonly MemoryCertificateStore _authorities = new();
    private readonly MemoryRevocationStore _revocations = new();

    public TestApplication(params string[] hubNames)
    {
        HubStores = (hubNames.Length == 0 ? ["hub1.test"] : hubNames).ToDictionary(n => n, _ => new MemoryIdentityStore());
        Keys = new ChallengeKeys(Time);
        Link([.. HubStores.Keys]);
    }

    public ManualTime Time { get; } = new();

    public Dictionary<string, MemoryIdentityStore> HubStores { get; }

    public MemoryIdentityStore HubStore => HubStores.Values.First();

    public MemoryRegistrationStore RegistrationStore { get; } = new();

    public ChallengeKeys Keys { get; }

    public LiveConnections Live { get; } = new();

    /// <summary>Puts something between provisioning and a hub, at the next <see cref="Link"/>.</summary>
    public Func<string, IDeviceHub, IDeviceHub>? Between { get; set; }

    public AllocationWebhook? Webhook { get; set; }

    public Dictionary<string, ICertificateIssuer> Issuers { get; } = [];

    public MemoryIssuedCertificateStore Issued { get; } = new();

    public CertificateIssuance Issuance { get; private set; } = null!;

    public EnrollmentService Enrollments { get; private set; } = null!;

    public MemoryEndorsementStore Listed { get; } = new();

    public EndorsementLists Lists { get; private set; } = null!;

    public ProvisioningAuthorities Authorities { get; private set; } = null!;

    public RegistrationService Registrations { get; private set; } = null!;

    /// <summary>Starts anew with these hubs, over the same stores.</summary>
    public void Link(params string[] hubNames)
    {
        var allocator = new HubAllocator([.. hubNames.Select(n => new LinkedHub(n, Hub(n)))]);
        Issuance = new CertificateIssuance(Issuers, Issued, allocator, Time);
        Enrollments = new EnrollmentService(_enrollments, Listed, allocator, Time) { CheckIssuer = Issuance.CheckAuthority };
        Authorities = new ProvisioningAuthorities(_authorities, _revocations, Time);
        Lists = new EndorsementLists(Enrollments, Listed, Authorities, Time);
        Registrations = new RegistrationService(new DeviceAttestation(Enrollments, Authorities, Keys, Time, Issuance), RegistrationStore, allocator, Time, Webhook, Issuance);
    }

    /// <summary>A hub over its store; a test can put something between.</summary>
    public IDeviceHub Hub(string name)
    {
        var registry = new IdentityRegistry(HubStores[name], Live, Time);
        IDeviceHub hub = new OwnHub(registry, new DeviceTwins(HubStores[name], registry, Live, Time));
        return Between is null ? hub : Between(name, hub);
    }

    public Task<Outcome<Enrollment>> PutAsync(EnrollmentDescription sent, string? ifMatch = null) => sent.EnrollmentGroupId is { } group
        ? Enrollments.PutAsync(EnrollmentKind.Group, group, sent, IfMatch.Parse(ifMatch), None)
        : Enrollments.PutAsync(EnrollmentKind.Individual, sent.RegistrationId!, sent, IfMatch.Parse(ifMatch), None);

    public async Task<Enrollment> EnrollAsync(EnrollmentDescription sent, string? ifMatch = null) => (await PutAsync(sent, ifMatch)).Good();

    /// <summary>Registers and polls. Gives what the device sees in the end, or the refusal.</summary>
    public async Task<Outcome<RegistrationView>> RegisterAsync(RegistrationCall call)
    {
        if (!(await Registrations.RegisterAsync(call, None)).Succeeded(out var reply, out var refusal))
            return refusal;
        return await Registrations.PollAsync(call with { Tpm = null }, reply.OperationId.ShouldNotBeNull(), None);
    }

    /// <summary>The call of a device with a symmetric key.</summary>
    public RegistrationCall Call(string registrationId, byte[] key) => new()
    {
        IdScope = IdScope,
        RegistrationId = registrationId,
        Authorization = Token(registrationId, key),
        ApiVersion = "2019-03-31",
    };

    /// <summary>The call of a device with a client certificate.</summary>
    public static RegistrationCall Call(string registrationId, X509Certificate2 certificate, params X509Certificate2[] intermediates) => new()
    {
        IdScope = IdScope,
        RegistrationId = registrationId,
        Certificate = certificate,
        Intermediates = [.. intermediates.Select(c => c.RawData)],
        ApiVersion = "2019-03-31",
    };

    /// <summary>The first call of a TPM.</summary>
    public static RegistrationCall Call(string registrationId, SoftwareTpm tpm) => new()
    {
        IdScope = IdScope,
        RegistrationId = registrationId,
        Tpm = TpmEvidence.Read(tpm.EndorsementKey, tpm.StorageRootKey).Good(),
        ApiVersion = "2019-03-31",
    };

    /// <summary>Answers the challenge of a first call: the second call.</summary>
    public async Task<RegistrationCall> AnswerAsync(RegistrationCall first, SoftwareTpm tpm)
    {
        var reply = (await Registrations.RegisterAsync(first, None)).Good();
        return first with { Authorization = Token(first.RegistrationId, tpm.Activate(reply.Challenge.ShouldNotBeNull())) };
    }

    public string Token(string registrationId, byte[] key, TimeSpan? life = null)
        => SharedAccessSignature.Create($"{IdScope}/registrations/{registrationId}", key, Time.Now + (life ?? TimeSpan.FromHours(1)), "registration");

    public static EnrollmentDescription Individual(string id, AttestationDescription? attestation = null) => new()
    {
        RegistrationId = id,
        Attestation = attestation ?? new AttestationDescription { Type = "symmetricKey" },
    };

    public static EnrollmentDescription Group(string id, byte[]? primary = null, byte[]? secondary = null) => new()
    {
        EnrollmentGroupId = id,
        Attestation = new AttestationDescription
        {
            Type = "symmetricKey",
            SymmetricKey = new SymmetricKeyDescription(primary is null ? null : Convert.ToBase64String(primary), secondary is null ? null : Convert.ToBase64String(secondary)),
        },
    };

    public static EnrollmentDescription TpmEnrollment(string id, SoftwareTpm tpm) => Individual(id, new AttestationDescription
    {
        Type = "tpm",
        Tpm = new TpmAttestationDescription(Convert.ToBase64String(tpm.EndorsementKey)),
    });
}

internal static class OutcomeExpectations
{
    /// <summary>The value; a refusal fails the test with its text.</summary>
    public static T Good<T>(this Outcome<T> outcome)
        where T : class
    {
        outcome.Succeeded(out var value, out var refusal).ShouldBeTrue(refusal?.Text);
        return value!;
    }

    /// <summary>The refusal; a value fails the test.</summary>
    public static Refusal Bad<T>(this Outcome<T> outcome)
        where T : class
        => outcome.Refusal.ShouldNotBeNull($"It was not refused but gave {outcome.Value}.");
}
