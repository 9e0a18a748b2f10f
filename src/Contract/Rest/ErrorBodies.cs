namespace Homeport.Contract.Rest;

/// <summary>Error body of the hub's REST API. The C# SDK reads the first <c>;</c>-field of the message, so it has to be <c>ErrorCode:{Name}</c>.</summary>
public sealed record HubErrorBody(
    [property: System.Text.Json.Serialization.JsonPropertyName("Message")] string Message,
    [property: System.Text.Json.Serialization.JsonPropertyName("ExceptionMessage")] string ExceptionMessage);

/// <summary>Error body of the provisioning service and of MQTT twin answers; <see cref="ErrorCode"/> is a number.</summary>
public sealed record DeviceErrorBody(int ErrorCode, string TrackingId, string Message, ServiceTime TimestampUtc);

/// <summary>A kept explanation, found by its tracking id.</summary>
public sealed record ExplanationBody(
    string TrackingId,
    ServiceTime Time,
    string Door,
    string Error,
    int Code,
    string Text,
    string Seen,
    IReadOnlyList<string> Tried,
    string? Nearest,
    string Fix);
