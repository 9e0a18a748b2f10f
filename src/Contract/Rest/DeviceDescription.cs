using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest;

/// <summary>A device of the identity registry as the service REST API shows it. Source: IoT Hub data plane, <c>Device</c>.</summary>
public sealed record DeviceDescription
{
    public string? DeviceId { get; init; }
    public string? GenerationId { get; init; }
    public string? Etag { get; init; }
    public string? ConnectionState { get; init; }
    public string? Status { get; init; }
    public string? StatusReason { get; init; }
    public ServiceTime ConnectionStateUpdatedTime { get; init; }
    public ServiceTime StatusUpdatedTime { get; init; }
    public ServiceTime LastActivityTime { get; init; }
    public int CloudToDeviceMessageCount { get; init; }
    public AuthenticationDescription? Authentication { get; init; }
    public CapabilitiesDescription? Capabilities { get; init; }
    public string? DeviceScope { get; init; }
    public IReadOnlyList<string>? ParentScopes { get; init; }
}

/// <summary>A module of a device. Status is the device's. Source: IoT Hub data plane, <c>Module</c>.</summary>
public sealed record ModuleDescription
{
    public string? ModuleId { get; init; }
    public string? ManagedBy { get; init; }
    public string? DeviceId { get; init; }
    public string? GenerationId { get; init; }
    public string? Etag { get; init; }
    public string? ConnectionState { get; init; }
    public ServiceTime ConnectionStateUpdatedTime { get; init; }
    public ServiceTime LastActivityTime { get; init; }
    public int CloudToDeviceMessageCount { get; init; }
    public AuthenticationDescription? Authentication { get; init; }
}

/// <summary>How a device proves who it is.</summary>
public sealed record AuthenticationDescription
{
    public SymmetricKeyDescription? SymmetricKey { get; init; }
    [JsonPropertyName("x509Thumbprint")]
    public ThumbprintDescription? X509Thumbprint { get; init; }
    /// <summary><c>sas</c>, <c>selfSigned</c>, <c>certificateAuthority</c> or <c>none</c>.</summary>
    public string? Type { get; init; }
}

/// <summary>Two keys, both valid, in Base64.</summary>
public sealed record SymmetricKeyDescription(string? PrimaryKey, string? SecondaryKey)
{
    /// <summary>Without the keys.</summary>
    public override string ToString() => nameof(SymmetricKeyDescription);
}

/// <summary>Two certificate thumbprints (SHA-1 or SHA-256, hex), both valid.</summary>
public sealed record ThumbprintDescription(string? PrimaryThumbprint, string? SecondaryThumbprint);

/// <summary>What a device may be used as.</summary>
public sealed record CapabilitiesDescription(bool IotEdge);

/// <summary>Counts of the registry.</summary>
public sealed record DeviceStatistics(long TotalDeviceCount, long EnabledDeviceCount, long DisabledDeviceCount);

/// <summary>Counts of the running service.</summary>
public sealed record ServiceStatistics(long ConnectedDeviceCount);
