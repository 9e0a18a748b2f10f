using Homeport.Contract.Errors;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Registrations;

/// <summary>What came of a registration.</summary>
public enum RegistrationStatus
{
    Assigned,
    Failed,
    Disabled,
}

/// <summary>How a device came to its hub.</summary>
public enum RegistrationSubstatus
{
    /// <summary>For the first time.</summary>
    InitialAssignment,
    /// <summary>From another hub, with its twin.</summary>
    DeviceDataMigrated,
    /// <summary>From another hub, to start from the initial twin.</summary>
    DeviceDataReset,
}

/// <summary>The record of a device's registration. It holds no secret: the device's key is in its hub.</summary>
public sealed record Registration
{
    /// <summary>Operations that can still be asked for. A device that repeats its call polls for one of the last.</summary>
    public const int MaxOperations = 4;

    /// <summary>In the letters of the first registration. Case does not tell ids apart.</summary>
    public required string RegistrationId { get; init; }

    /// <summary>Changes with every write and is never used twice. Without quotes.</summary>
    public required string ETag { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    public required RegistrationStatus Status { get; init; }

    /// <summary>How the device came to <see cref="AssignedHub"/>.</summary>
    public RegistrationSubstatus? Substatus { get; init; }

    /// <summary>Host name of the last hub; it stays when a later registration fails.</summary>
    public string? AssignedHub { get; init; }

    /// <summary>Name in that hub.</summary>
    public string? DeviceId { get; init; }

    /// <summary>Group through which the device came, null for an individual enrollment.</summary>
    public string? EnrollmentGroupId { get; init; }

    /// <summary>How the device proved itself when it was assigned.</summary>
    public AttestationType Attestation { get; init; }

    /// <summary>With what it did.</summary>
    public CredentialUsed? Credential { get; init; }

    /// <summary>TPM2B_PUBLIC of the endorsement key that the device showed; null without a TPM.</summary>
    public byte[]? EndorsementKey { get; init; }

    /// <summary>SHA-256 of that key's modulus, by which the same TPM is found under another registration id.</summary>
    public byte[]? EndorsementHash { get; init; }

    /// <summary>The model that the device named in its payload, or null.</summary>
    public string? ModelId { get; init; }

    /// <summary>TPM2B_PUBLIC for which the hub key is wrapped.</summary>
    public byte[]? StorageRootKey { get; init; }

    /// <summary>Why it failed: number of the error catalogue.</summary>
    public int? ErrorCode { get; init; }

    /// <summary>Why it failed, with the tracking id of the explanation.</summary>
    public string? ErrorMessage { get; init; }

    /// <summary>JSON for the device, from the webhook that chose its hub; or null.</summary>
    public string? Payload { get; init; }

    /// <summary>Certificates issued for the request of the last registration, Base64 of DER, the device's own first; or null.</summary>
    public IReadOnlyList<string>? IssuedChain { get; init; }

    /// <summary>Hubs that the device left and that may still have it.</summary>
    public IReadOnlyList<LeftBehind> LeftBehind { get; init; } = [];

    /// <summary>Ids of the last operations, the newest last.</summary>
    public required IReadOnlyList<string> Operations { get; init; }
}

/// <summary>An identity in a hub that its device left.</summary>
/// <param name="Hub">Host name.</param>
/// <param name="DeviceId">Name there.</param>
public sealed record LeftBehind(string Hub, string DeviceId);

/// <summary>What a register call led to: an operation to poll for, or a challenge to answer.</summary>
/// <param name="OperationId">The operation, or null.</param>
/// <param name="Challenge">The <c>authenticationKey</c> for the TPM, or null.</param>
/// <param name="Failure">Why the operation ended without a hub; for the explanation.</param>
public sealed record RegisterReply(string? OperationId, byte[]? Challenge = null, Refusal? Failure = null);

/// <summary>A registration as its device may see it.</summary>
/// <param name="Registration">The record.</param>
/// <param name="AuthenticationKey">The hub key, wrapped for the device's TPM; null for other devices.</param>
public sealed record RegistrationView(Registration Registration, byte[]? AuthenticationKey)
{
    /// <summary>How long a device that is not let in shall stay away, or null.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
