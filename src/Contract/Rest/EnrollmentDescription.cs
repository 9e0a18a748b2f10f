using System.Text.Json;

namespace Homeport.Contract.Rest;

/// <summary>
/// An enrollment as the service REST API of the provisioning service shows it. An individual enrollment has a
/// <see cref="RegistrationId"/>, a group an <see cref="EnrollmentGroupId"/>. Source: DPS data plane, <c>IndividualEnrollment</c> and <c>EnrollmentGroup</c>.
/// </summary>
public sealed record EnrollmentDescription
{
    public string? RegistrationId { get; init; }
    public string? EnrollmentGroupId { get; init; }
    /// <summary>Name in the hub, for individual enrollments; absent: the registration id.</summary>
    public string? DeviceId { get; init; }
    /// <summary>What the device's registration led to; only in answers.</summary>
    public RegistrationStateDescription? RegistrationState { get; init; }
    public JsonElement? OptionalDeviceInformation { get; init; }
    public AttestationDescription? Attestation { get; init; }
    public CapabilitiesDescription? Capabilities { get; init; }
    public string? IotHubHostName { get; init; }
    /// <summary><c>{"tags":{...},"properties":{"desired":{...}}}</c></summary>
    public JsonElement? InitialTwin { get; init; }
    /// <summary>With quotes inside the text, as the service writes it.</summary>
    public string? Etag { get; init; }
    /// <summary><c>enabled</c> or <c>disabled</c>.</summary>
    public string? ProvisioningStatus { get; init; }
    public ReprovisionPolicyDescription? ReprovisionPolicy { get; init; }
    public ServiceTime? CreatedDateTimeUtc { get; init; }
    public ServiceTime? LastUpdatedDateTimeUtc { get; init; }
    /// <summary><c>hashed</c>, <c>geoLatency</c>, <c>static</c> or <c>custom</c>.</summary>
    public string? AllocationPolicy { get; init; }
    public IReadOnlyList<string>? IotHubs { get; init; }
    public CustomAllocationDescription? CustomAllocationDefinition { get; init; }
    /// <summary>Who issues certificates to its devices; absent: nobody does.</summary>
    public IssuancePolicyDescription? ClientCertificateIssuancePolicy { get; init; }
    /// <summary>Homeport's own, for groups: name for people; absent in a request: as it is.</summary>
    public string? DisplayName { get; init; }
    /// <summary>
    /// Homeport's own, for groups: <c>automatic</c> lets devices in, <c>manual</c> has them wait for an operator, <c>inherit</c> does as the
    /// application says; absent in a request: as it is.
    /// </summary>
    public string? Approval { get; init; }
}

/// <summary>What happens when a device registers again.</summary>
public sealed record ReprovisionPolicyDescription(bool UpdateHubAssignment, bool MigrateDeviceData);

/// <summary>A webhook that chooses the hub.</summary>
public sealed record CustomAllocationDescription(string? WebhookUrl, string? ApiVersion);

/// <summary>Names the CA that answers the certificate requests of devices. Source: DPS data plane 2021-11-01-preview, <c>ClientCertificateIssuancePolicy</c>.</summary>
public sealed record IssuancePolicyDescription(string? CertificateAuthorityName);

/// <summary>Body of a query.</summary>
public sealed record EnrollmentQueryDescription(string? Query);

/// <summary>Up to ten changes in one call. Source: DPS data plane, <c>BulkEnrollmentOperation</c>.</summary>
public sealed record BulkEnrollmentDescription
{
    /// <summary><c>create</c>, <c>update</c>, <c>updateIfMatchETag</c> or <c>delete</c>.</summary>
    public string? Mode { get; init; }
    public IReadOnlyList<EnrollmentDescription>? Enrollments { get; init; }
    public IReadOnlyList<EnrollmentDescription>? EnrollmentGroups { get; init; }
}

/// <summary>Which changes of a bulk call went wrong.</summary>
public sealed record BulkResultDescription(bool IsSuccessful, IReadOnlyList<BulkErrorDescription> Errors);

/// <summary>One change that went wrong; the id is the one that it named.</summary>
public sealed record BulkErrorDescription
{
    public string? RegistrationId { get; init; }
    public string? EnrollmentGroupId { get; init; }
    public int ErrorCode { get; init; }
    public string? ErrorStatus { get; init; }
}
