using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;

namespace Homeport.Provisioning.Enrollments;

/// <summary>Reads what a service client sends as enrollment, and shows an enrollment.</summary>
public static class EnrollmentForm
{
    private const int MaxName = 148;

    /// <summary>Reads the settings; a refusal names the member that is wrong.</summary>
    internal static Outcome<EnrollmentSettings> ReadSettings(EnrollmentKind kind, EnrollmentDescription sent)
    {
        if (!TryReadStatus(sent.ProvisioningStatus, out var enabled))
            return Invalid("provisioningStatus", $"'{Shown.Text(sent.ProvisioningStatus)}' is not known", "Send enabled or disabled.");
        var policy = ReadAllocationPolicy(sent.AllocationPolicy);
        if (policy.Refusal is { } badPolicy)
            return badPolicy;
        if (kind == EnrollmentKind.Individual && sent.DeviceId is not null && DeviceIdRules.Check(sent.DeviceId) is { } deviceId)
            return Invalid("deviceId", deviceId, "Send a device id that a hub takes, or none.");
        if (CheckTwin(sent.InitialTwin) is { } badTwin)
            return badTwin;
        if (sent.OptionalDeviceInformation is { ValueKind: not (JsonValueKind.Object or JsonValueKind.Null) })
            return Invalid("optionalDeviceInformation", "it is not a JSON object", "Send an object, or leave it out.");
        if (!JsonBody.IsWritable(sent.OptionalDeviceInformation) || !JsonBody.IsWritable(sent.InitialTwin))
            return Invalid("optionalDeviceInformation, initialTwin", "a text has half of a surrogate pair, which is no Unicode character", "Correct the sequence \\ud800 to \\udfff.");
        if (sent.Approval?.ToLowerInvariant() is not (null or "" or "inherit" or "automatic" or "manual"))
            return Invalid("approval", $"'{Shown.Text(sent.Approval)}' is not known", "Send automatic, manual or inherit.");
        if (sent.DisplayName is { } name && (name.Length > MaxName || name.Any(char.IsControl)))
            return Invalid("displayName", $"it has more than {MaxName} characters, or several lines", "Send a shorter one.");
        return new EnrollmentSettings
        {
            DeviceId = kind == EnrollmentKind.Individual ? sent.DeviceId : null,
            Enabled = enabled,
            IotEdge = sent.Capabilities?.IotEdge,
            OptionalDeviceInformation = sent.OptionalDeviceInformation,
            InitialTwin = sent.InitialTwin,
            IotHubHostName = string.IsNullOrEmpty(sent.IotHubHostName) ? null : sent.IotHubHostName,
            IotHubs = sent.IotHubs,
            AllocationPolicy = policy.Value?.Policy,
            ReprovisionPolicy = sent.ReprovisionPolicy is { } reprovision ? new ReprovisionPolicy(reprovision.UpdateHubAssignment, reprovision.MigrateDeviceData) : null,
            CustomAllocation = sent.CustomAllocationDefinition is { } custom ? new CustomAllocation(custom.WebhookUrl, custom.ApiVersion) : null,
            IssuingAuthority = string.IsNullOrEmpty(sent.ClientCertificateIssuancePolicy?.CertificateAuthorityName) ? null : sent.ClientCertificateIssuancePolicy.CertificateAuthorityName,
        };
    }

    /// <summary>Shows an enrollment as GET and query do: a symmetric key only by its type.</summary>
    public static EnrollmentDescription Show(Enrollment enrollment) => Describe(enrollment, ShowAttestation(enrollment.Attestation, withKeys: false));

    /// <summary>Shows an enrollment as the answer to PUT does: with its symmetric keys, since the service may have made them.</summary>
    public static EnrollmentDescription ShowWithKeys(Enrollment enrollment) => Describe(enrollment, ShowAttestation(enrollment.Attestation, withKeys: true));

    /// <summary>Shows how the devices prove themselves, with the symmetric keys.</summary>
    public static AttestationDescription ShowAttestation(AttestationMechanism attestation) => ShowAttestation(attestation, withKeys: true);

    /// <summary>An ETag as it stands in a JSON body: quotes are part of the text.</summary>
    public static string Quote(string etag) => $"\"{etag}\"";

    internal static Refusal Invalid(string member, string reason, string fix) => new(ProvisioningErrors.InvalidArgument, $"{member}: {reason}", fix);

    private static EnrollmentDescription Describe(Enrollment enrollment, AttestationDescription attestation)
    {
        var settings = enrollment.Settings;
        return new EnrollmentDescription
        {
            RegistrationId = enrollment.Kind == EnrollmentKind.Individual ? enrollment.Id : null,
            EnrollmentGroupId = enrollment.Kind == EnrollmentKind.Group ? enrollment.Id : null,
            DeviceId = settings.DeviceId,
            OptionalDeviceInformation = settings.OptionalDeviceInformation,
            Attestation = attestation,
            Capabilities = settings.IotEdge is { } edge ? new CapabilitiesDescription(edge) : null,
            IotHubHostName = settings.IotHubHostName,
            InitialTwin = settings.InitialTwin,
            Etag = Quote(enrollment.ETag),
            ProvisioningStatus = settings.Enabled ? "enabled" : "disabled",
            ReprovisionPolicy = settings.ReprovisionPolicy is { } policy ? new ReprovisionPolicyDescription(policy.UpdateHubAssignment, policy.MigrateDeviceData) : null,
            CreatedDateTimeUtc = new ServiceTime(enrollment.Created),
            LastUpdatedDateTimeUtc = new ServiceTime(enrollment.Updated),
            AllocationPolicy = settings.AllocationPolicy switch
            {
                AllocationPolicy.Hashed => "hashed",
                AllocationPolicy.GeoLatency => "geoLatency",
                AllocationPolicy.Static => "static",
                AllocationPolicy.Custom => "custom",
                _ => null,
            },
            IotHubs = settings.IotHubs,
            CustomAllocationDefinition = settings.CustomAllocation is { } custom ? new CustomAllocationDescription(custom.WebhookUrl, custom.ApiVersion) : null,
            ClientCertificateIssuancePolicy = settings.IssuingAuthority is { } issuer ? new IssuancePolicyDescription(issuer) : null,
            DisplayName = settings.DisplayName,
            Approval = settings.Approval switch
            {
                ApprovalMode.Automatic => "automatic",
                ApprovalMode.Manual => "manual",
                _ => null,
            },
        };
    }

    /// <summary>What is Homeport's own stays as it is when it is absent: clients of Azure do not know it, and must not open a door that an operator closed.</summary>
    internal static EnrollmentSettings Keep(EnrollmentSettings read, EnrollmentDescription sent, EnrollmentSettings? stored) => read with
    {
        DisplayName = sent.DisplayName ?? stored?.DisplayName,
        Approval = sent.Approval?.ToLowerInvariant() switch
        {
            null or "" => stored?.Approval,
            "automatic" => ApprovalMode.Automatic,
            "manual" => ApprovalMode.Manual,
            _ => null,
        },
    };

    private static AttestationDescription ShowAttestation(AttestationMechanism attestation, bool withKeys) => attestation.Type switch
    {
        AttestationType.Tpm => new AttestationDescription { Type = "tpm", Tpm = TpmForm.Show(attestation, withKeys) },
        AttestationType.X509 => new AttestationDescription { Type = "x509", X509 = CertificateForm.Show(attestation.Certificates!, withKeys) },
        _ => new AttestationDescription
        {
            Type = "symmetricKey",
            SymmetricKey = withKeys ? new SymmetricKeyDescription(Base64(attestation.PrimaryKey), Base64(attestation.SecondaryKey)) : null,
        },
    };

    private static string? Base64(byte[]? bytes) => bytes is null ? null : Convert.ToBase64String(bytes);

    private static bool TryReadStatus(string? text, out bool enabled)
    {
        enabled = string.IsNullOrEmpty(text) || text.Equals("enabled", StringComparison.OrdinalIgnoreCase);
        return enabled || text!.Equals("disabled", StringComparison.OrdinalIgnoreCase);
    }

    private static Outcome<ReadPolicy> ReadAllocationPolicy(string? text) => text?.ToLowerInvariant() switch
    {
        null or "" => new ReadPolicy(null),
        "hashed" => new ReadPolicy(AllocationPolicy.Hashed),
        "geolatency" => new ReadPolicy(AllocationPolicy.GeoLatency),
        "static" => new ReadPolicy(AllocationPolicy.Static),
        "custom" => new ReadPolicy(AllocationPolicy.Custom),
        _ => Invalid("allocationPolicy", $"'{Shown.Text(text)}' is not known", "Send hashed, geoLatency, static or custom."),
    };

    private static Refusal? CheckTwin(JsonElement? twin)
    {
        if (twin is not { } sent || sent.ValueKind == JsonValueKind.Null)
            return null;
        if (sent.ValueKind != JsonValueKind.Object)
            return BadTwin("it is not a JSON object");
        if (IsWrong(sent, "tags"))
            return BadTwin("tags is not a JSON object");
        if (IsWrong(sent, "properties"))
            return BadTwin("properties is not a JSON object");
        return sent.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object && IsWrong(properties, "desired")
            ? BadTwin("properties.desired is not a JSON object")
            : null;
    }

    private static bool IsWrong(JsonElement parent, string member)
        => parent.TryGetProperty(member, out var value) && value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null);

    private static Refusal BadTwin(string reason) => Invalid("initialTwin", reason, """Send {"tags":{...},"properties":{"desired":{...}}}.""");

    private sealed record ReadPolicy(AllocationPolicy? Policy);
}
