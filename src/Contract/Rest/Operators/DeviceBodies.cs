using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest.Operators;

/// <summary>A device in the form of IoT Central, version 2022-07-31. <see cref="Status"/> and what follows are Homeport's own.</summary>
public sealed record OperatorDeviceDescription
{
    public string? Id { get; init; }

    public string? Etag { get; init; }

    public string? DisplayName { get; init; }

    public bool Simulated { get; init; }

    public bool Provisioned { get; init; }

    public string? Template { get; init; }

    public bool Enabled { get; init; }

    public IReadOnlyList<string>? Organizations { get; init; }

    /// <summary><c>provisioned</c>, <c>registered</c>, <c>waitingForApproval</c> or <c>blocked</c>.</summary>
    public string? Status { get; init; }

    public string? ModelId { get; init; }

    public string? EnrollmentGroup { get; init; }

    /// <summary>With what it proved itself when it asked to be let in, or was assigned.</summary>
    public string? CredentialUsed { get; init; }

    public string? Address { get; init; }

    public DateTimeOffset? FirstSeen { get; init; }

    public DateTimeOffset? LastSeen { get; init; }

    public DateTimeOffset? LastProvisioned { get; init; }

    public string? ChangedBy { get; init; }
}

/// <summary>What a device needs to come.</summary>
public sealed record DeviceCredentialsDescription
{
    public required string IdScope { get; init; }

    public KeyPairDescription? SymmetricKey { get; init; }

    public OperatorCertificates? X509 { get; init; }

    public EndorsementBody? Tpm { get; init; }
}

/// <summary>Two keys in Base64.</summary>
public sealed record KeyPairDescription(string? PrimaryKey, string? SecondaryKey);

/// <summary>The endorsement key of a TPM in Base64.</summary>
public sealed record EndorsementBody(string? EndorsementKey);

/// <summary>How a device, or the devices of a group, prove themselves. <see cref="Type"/> says which of the members counts.</summary>
public sealed record OperatorAttestation
{
    /// <summary><c>symmetricKey</c>, <c>x509</c> or <c>tpm</c>.</summary>
    public string? Type { get; init; }

    public KeyPairDescription? SymmetricKey { get; init; }

    public OperatorCertificates? X509 { get; init; }

    public EndorsementBody? Tpm { get; init; }
}

/// <summary>Certificates: of a device, or of the CAs of a group.</summary>
public sealed record OperatorCertificates(OperatorCertificatePair? ClientCertificates = null, OperatorCertificatePair? SigningCertificates = null);

/// <summary>Two certificates that count alike.</summary>
public sealed record OperatorCertificatePair(OperatorCertificate? Primary, OperatorCertificate? Secondary = null);

/// <summary>A certificate: the text is what clients send, the rest is shown.</summary>
public sealed record OperatorCertificate
{
    public string? Certificate { get; init; }

    public bool? Verified { get; init; }

    public OperatorCertificateInfo? Info { get; init; }

    public string? Etag { get; init; }
}

/// <summary>What is shown of a certificate.</summary>
public sealed record OperatorCertificateInfo(string Sha1Thumbprint);

/// <summary>An enrollment group in the form of IoT Central. <see cref="Approval"/> is Homeport's own.</summary>
public sealed record OperatorGroupDescription
{
    public string? Id { get; init; }

    public string? DisplayName { get; init; }

    public bool? Enabled { get; init; }

    /// <summary><c>iot</c> or <c>iotEdge</c>.</summary>
    public string? Type { get; init; }

    public OperatorAttestation? Attestation { get; init; }

    /// <summary><c>automatic</c>, <c>manual</c> or <c>inherit</c>.</summary>
    public string? Approval { get; init; }

    public string? IdScope { get; init; }

    public string? Etag { get; init; }
}

/// <summary>The code for the proof of possession.</summary>
public sealed record VerificationCodeDescription(string VerificationCode);

/// <summary>How devices come to this application.</summary>
public sealed record ConnectionDescription
{
    public string? IdScope { get; init; }

    /// <summary>Host name of provisioning.</summary>
    public string? GlobalEndpoint { get; init; }

    public bool? AutoApprove { get; init; }

    public bool? ConnectWithoutTemplate { get; init; }
}

/// <summary>Devices for a change of many: by their ids, or by a filter in the form of <c>$filter</c>.</summary>
public sealed record DeviceSelection(IReadOnlyList<string>? DeviceIds, string? Filter = null, string? Template = null);

/// <summary>What came of a change of many.</summary>
public sealed record DeviceSelectionResult(int Count, IReadOnlyList<DeviceFailure> Failures, int MoreFailures);

/// <summary>A device that could not be changed.</summary>
public sealed record DeviceFailure(string DeviceId, string Code, string Message);

/// <summary>Devices by their state.</summary>
public sealed record DeviceCountsDescription(long Provisioned, long Registered, long WaitingForApproval, long Blocked);

/// <summary>Serialization of devices and of how they come.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(OperatorDeviceDescription))]
[JsonSerializable(typeof(Collection<OperatorDeviceDescription>))]
[JsonSerializable(typeof(DeviceCredentialsDescription))]
[JsonSerializable(typeof(OperatorAttestation))]
[JsonSerializable(typeof(OperatorCertificate))]
[JsonSerializable(typeof(OperatorCertificates))]
[JsonSerializable(typeof(OperatorGroupDescription))]
[JsonSerializable(typeof(Collection<OperatorGroupDescription>))]
[JsonSerializable(typeof(VerificationCodeDescription))]
[JsonSerializable(typeof(ConnectionDescription))]
[JsonSerializable(typeof(DeviceSelection))]
[JsonSerializable(typeof(DeviceSelectionResult))]
[JsonSerializable(typeof(DeviceCountsDescription))]
public sealed partial class DeviceJson : JsonSerializerContext;
