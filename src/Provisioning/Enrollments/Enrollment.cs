using System.Text.Json;

namespace Homeport.Provisioning.Enrollments;

/// <summary>One device, or all devices that hold a key of a group.</summary>
public enum EnrollmentKind
{
    Individual,
    Group,
}

/// <summary>An individual enrollment or an enrollment group, as the service keeps it.</summary>
public sealed record Enrollment
{
    public required EnrollmentKind Kind { get; init; }

    /// <summary>Registration id or group id, in the letters of its creator. Case does not tell ids apart.</summary>
    public required string Id { get; init; }

    /// <summary>Changes with every write and is never used twice. Without quotes.</summary>
    public required string ETag { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    public required AttestationMechanism Attestation { get; init; }

    public required EnrollmentSettings Settings { get; init; }

    /// <summary>Says which one, for explanations.</summary>
    public override string ToString() => Kind == EnrollmentKind.Individual ? $"individual enrollment '{Id}'" : $"enrollment group '{Id}'";
}

/// <summary>How a device of an enrollment proves who it is.</summary>
public enum AttestationType
{
    SymmetricKey,
    Tpm,
    X509,
}

/// <summary>The data against which a proof is checked.</summary>
/// <param name="Type">Which of the members count.</param>
/// <param name="PrimaryKey">16 to 64 bytes.</param>
/// <param name="SecondaryKey">16 to 64 bytes; as good as the primary key.</param>
/// <param name="EndorsementKey">TPM2B_PUBLIC of the TPM's endorsement key; null for groups.</param>
/// <param name="StorageRootKey">TPM2B_PUBLIC that the creator noted; shown again, not compared, since it changes when the TPM gets a new owner.</param>
/// <param name="Certificates">For X.509 those of the device or of CAs; for groups of TPMs the manufacturer's CAs.</param>
/// <param name="Tpm">What else is known of the TPM, or of the TPMs of a group.</param>
public sealed record AttestationMechanism(
    AttestationType Type,
    byte[]? PrimaryKey = null,
    byte[]? SecondaryKey = null,
    byte[]? EndorsementKey = null,
    byte[]? StorageRootKey = null,
    EnrolledCertificates? Certificates = null,
    EnrolledTpm? Tpm = null)
{
    /// <summary>Type only: the keys stay out of logs.</summary>
    public override string ToString() => Type.ToString();
}

/// <summary>Everything that an operator decides about the devices of an enrollment. Absent members stay absent when it is read again.</summary>
public sealed record EnrollmentSettings
{
    /// <summary>Name in the hub, for individual enrollments; null: the registration id.</summary>
    public string? DeviceId { get; init; }

    /// <summary>False keeps its devices from registering.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>May act as an IoT Edge gateway.</summary>
    public bool? IotEdge { get; init; }

    /// <summary>Notes about the device; any JSON.</summary>
    public JsonElement? OptionalDeviceInformation { get; init; }

    /// <summary>First tags and desired properties.</summary>
    public JsonElement? InitialTwin { get; init; }

    /// <summary>The hub of the static policy.</summary>
    public string? IotHubHostName { get; init; }

    /// <summary>Narrows the linked hubs; null or empty: all of them.</summary>
    public IReadOnlyList<string>? IotHubs { get; init; }

    /// <summary>Null: the service's policy, which is hashed.</summary>
    public AllocationPolicy? AllocationPolicy { get; init; }

    /// <summary>Null: decided by the API version of the device, see <see cref="Allocation.Reprovisioning"/>.</summary>
    public ReprovisionPolicy? ReprovisionPolicy { get; init; }

    /// <summary>The webhook of the custom policy.</summary>
    public CustomAllocation? CustomAllocation { get; init; }

    /// <summary>CA that issues certificates to its devices; null: none does.</summary>
    public string? IssuingAuthority { get; init; }

    /// <summary>Name of a group for people; null: its id.</summary>
    public string? DisplayName { get; init; }

    /// <summary>Whether devices that come by a group for the first time wait for an operator; null: as the application says.</summary>
    public ApprovalMode? Approval { get; init; }
}

/// <summary>What happens to a device that comes for the first time.</summary>
public enum ApprovalMode
{
    /// <summary>It is let in.</summary>
    Automatic,
    /// <summary>It waits until an operator approves it.</summary>
    Manual,
}

/// <summary>How the hub of a device is chosen.</summary>
public enum AllocationPolicy
{
    /// <summary>Spread over the hubs by weight; the same device gets the same hub.</summary>
    Hashed,
    /// <summary>The nearest hub: by what the device measured, else by the regions of its network; equally near ones as <see cref="Hashed"/>.</summary>
    GeoLatency,
    /// <summary>The one hub that the enrollment names.</summary>
    Static,
    /// <summary>A webhook decides.</summary>
    Custom,
}

/// <summary>What happens when an assigned device registers again.</summary>
/// <param name="UpdateHubAssignment">Choose its hub anew.</param>
/// <param name="MigrateDeviceData">Take its twin along to another hub; false: start from the initial twin.</param>
public sealed record ReprovisionPolicy(bool UpdateHubAssignment, bool MigrateDeviceData);

/// <summary>Webhook of the custom allocation policy.</summary>
public sealed record CustomAllocation(string? WebhookUrl, string? ApiVersion);
