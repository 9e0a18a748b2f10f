using System.Text.Json;

namespace Homeport.Contract.Rest;

/// <summary>What a custom allocation webhook is asked. Source: DPS, "Understand custom allocation policies".</summary>
public sealed record AllocationRequestBody
{
    public EnrollmentDescription? EnrollmentGroup { get; init; }
    public EnrollmentDescription? IndividualEnrollment { get; init; }
    public required DeviceRuntimeContext DeviceRuntimeContext { get; init; }
    /// <summary>The hubs of which it names one.</summary>
    public required IReadOnlyList<string> LinkedHubs { get; init; }
}

/// <summary>The device of an allocation.</summary>
public sealed record DeviceRuntimeContext
{
    public required string RegistrationId { get; init; }
    public string? CurrentIotHubHostName { get; init; }
    public string? CurrentDeviceId { get; init; }
    /// <summary>An empty object for a device that came with a certificate.</summary>
    public JsonElement? X509 { get; init; }
    /// <summary>An empty object for a device that came with a symmetric key.</summary>
    public JsonElement? SymmetricKey { get; init; }
    /// <summary>The endorsement key of a device that came with a TPM.</summary>
    public TpmAttestationDescription? Tpm { get; init; }
    /// <summary>What the device sent along.</summary>
    public JsonElement? Payload { get; init; }
}

/// <summary>What a custom allocation webhook answers.</summary>
public sealed record AllocationAnswerBody
{
    /// <summary>One of the hubs that it was asked about.</summary>
    public string? IotHubHostName { get; init; }
    /// <summary><c>{"tags":{...},"properties":{"desired":{...}}}</c>; goes before the enrollment's and before a twin that moves along.</summary>
    public JsonElement? InitialTwin { get; init; }
    /// <summary>Goes back to the device.</summary>
    public JsonElement? Payload { get; init; }
}

/// <summary>A linked hub. Source: DPS management, <c>IotHubDefinitionDescription</c>; the key of the connection string is never shown.</summary>
public sealed record LinkedHubDescription
{
    /// <summary>Host name; in the address when it is written.</summary>
    public string? Name { get; init; }
    /// <summary>Service connection string; only when it is written. The server's own hub has none.</summary>
    public string? ConnectionString { get; init; }
    public string? Location { get; init; }
    public int? AllocationWeight { get; init; }
    public bool? ApplyAllocationPolicy { get; init; }
    /// <summary>PEM of the CA of its server certificate, when the machine does not trust that anyway.</summary>
    public string? CertificateAuthority { get; init; }
    /// <summary>True for the hub of this server; only in answers.</summary>
    public bool? IsOwn { get; init; }
    /// <summary>Policy of the connection string; only in answers.</summary>
    public string? SharedAccessKeyName { get; init; }
    public string? Etag { get; init; }

    /// <summary>The name only: the connection string has a key.</summary>
    public override string ToString() => $"{nameof(LinkedHubDescription)} {Name}";
}

/// <summary>How the service chooses hubs when an enrollment does not say it.</summary>
public sealed record AllocationSettingsDescription
{
    /// <summary><c>hashed</c>, <c>geoLatency</c> or <c>static</c>.</summary>
    public string? AllocationPolicy { get; init; }
    public IReadOnlyList<RegionDescription>? Regions { get; init; }
}

/// <summary>Which locations are near to the devices of a network, the nearest first.</summary>
public sealed record RegionDescription(string? Network, IReadOnlyList<string>? Locations);
