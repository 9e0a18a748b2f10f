using System.Text.Json;
using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest;

/// <summary>One element of a bulk call to the registry. Source: IoT Hub data plane, <c>ExportImportDevice</c>.</summary>
public sealed record BulkDevice
{
    public string? Id { get; init; }
    public string? ModuleId { get; init; }
    [JsonPropertyName("eTag")]
    public string? ETag { get; init; }
    [JsonPropertyName("twinETag")]
    public string? TwinETag { get; init; }
    /// <summary>
    /// <c>create</c>, <c>update</c>, <c>updateIfMatchETag</c>, <c>delete</c>, <c>deleteIfMatchETag</c>, <c>updateTwin</c> or
    /// <c>updateTwinIfMatchETag</c>.
    /// </summary>
    public string? ImportMode { get; init; }
    public string? Status { get; init; }
    public string? StatusReason { get; init; }
    public AuthenticationDescription? Authentication { get; init; }
    public CapabilitiesDescription? Capabilities { get; init; }
    public string? DeviceScope { get; init; }
    public IReadOnlyList<string>? ParentScopes { get; init; }
    public string? ManagedBy { get; init; }
    /// <summary>A JSON object, or undefined.</summary>
    public JsonElement Tags { get; init; }
    /// <summary>A JSON object with <c>desired</c>, or undefined.</summary>
    public JsonElement Properties { get; init; }
}

/// <summary>Answer to a bulk call. Source: IoT Hub data plane, <c>BulkRegistryOperationResult</c>.</summary>
public sealed record BulkResult(bool IsSuccessful, IReadOnlyList<BulkError> Errors, IReadOnlyList<BulkError> Warnings);

/// <summary>An element that was refused; the code is the error's name.</summary>
public sealed record BulkError(string? DeviceId, string? ModuleId, string ErrorCode, string ErrorStatus, string? Operation);
