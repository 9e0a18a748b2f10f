using System.Text.Json;

namespace Homeport.Contract.Rest;

/// <summary>A direct method to call. Source: IoT Hub data plane, <c>CloudToDeviceMethod</c>.</summary>
public sealed record MethodDescription
{
    public string? MethodName { get; init; }
    /// <summary>Any JSON value, or undefined.</summary>
    public JsonElement Payload { get; init; }
    /// <summary>5 to 300; 30 when it is left out.</summary>
    public int? ResponseTimeoutInSeconds { get; init; }
    /// <summary>0 to 300; 0 when it is left out.</summary>
    public int? ConnectTimeoutInSeconds { get; init; }
}
