using System.Text.Json;
using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest.Operators;

/// <summary>A route: which messages go to which endpoints. Members are those of routes of IoT Hub in Azure's resource manager.</summary>
public sealed record RouteDescription
{
    /// <summary>1 to 64 of A-Z, a-z, 0-9, <c>-</c>, <c>_</c> and <c>.</c>.</summary>
    public string? Id { get; init; }

    /// <summary><c>DeviceMessages</c>, <c>TwinChangeEvents</c>, <c>DeviceLifecycleEvents</c>, <c>DeviceConnectionStateEvents</c>, <c>DigitalTwinChangeEvents</c>, <c>DeviceStatusEvents</c> or <c>DeviceTemplateEvents</c>.</summary>
    public string? Source { get; init; }

    /// <summary>A condition of IoT Hub's routing queries; absent, empty or <c>true</c> for all.</summary>
    public string? Condition { get; init; }

    /// <summary>Ids of endpoints; <c>events</c> is the built-in one, which has all messages anyway.</summary>
    public IReadOnlyList<string>? EndpointNames { get; init; }

    /// <summary>True when absent.</summary>
    public bool? IsEnabled { get; init; }

    public string? Etag { get; init; }

    /// <summary>Shown only: since when it takes messages; null while it is off.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Shown only: messages that it took and that were delivered.</summary>
    public long? Delivered { get; init; }
}

/// <summary>Where messages go. Which members count depends on <see cref="Type"/>.</summary>
public sealed record RoutingEndpointDescription
{
    /// <summary>What is shown in the place of a secret; sent back, it leaves the secret as it is.</summary>
    public const string Masked = "*****";

    /// <summary>1 to 64 of A-Z, a-z, 0-9, <c>-</c>, <c>_</c> and <c>.</c>; not <c>events</c>, <c>operationsMonitoringEvents</c>, <c>fileNotifications</c> or <c>$default</c>.</summary>
    public string? Id { get; init; }

    /// <summary><c>webhook</c>, <c>amqp</c>, <c>files</c>, <c>postgres</c> or <c>mqtt</c>.</summary>
    public string? Type { get; init; }

    /// <summary>Where it is: <c>https://</c>, <c>amqps://host</c>, <c>postgres://host/database</c>, <c>mqtts://host</c>. Absent for files.</summary>
    public string? Url { get; init; }

    /// <summary>Queue or topic (AMQP), table (PostgreSQL), topic (MQTT).</summary>
    public string? Address { get; init; }

    public string? UserName { get; init; }

    /// <summary>Password; of a webhook the key of its signature, <c>whsec_</c> and Base64. Never shown.</summary>
    public string? Secret { get; init; }

    /// <summary>Of a webhook: headers to send. Their values are never shown.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>Of a webhook: where to get a bearer token to send along.</summary>
    public WebhookAuthorization? Authorization { get; init; }

    /// <summary>Of a webhook: <c>cloudEvents</c> (without it), <c>eventGrid</c>, or <c>body</c> for a request for each message with its body as it is. Of MQTT: <c>cloudEvents</c>, or absent for bodies as they are.</summary>
    public string? Schema { get; init; }

    /// <summary>PEM of the CAs of its certificate; absent when the machine trusts it anyway.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>Properties to add to each message, ten at most: texts, <c>$iothubname</c>, or paths into the sender's twin such as <c>$twin.tags.site</c>.</summary>
    public IReadOnlyDictionary<string, string>? Enrichments { get; init; }

    /// <summary>Of files: with each of {iothub}, {partition}, {YYYY}, {MM}, {DD}, {HH}, {mm} once; <c>{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}.json</c> when absent.</summary>
    public string? FileNameFormat { get; init; }

    /// <summary>Of files: seconds until a file is written, 1 to 720 (Azure: 60 to 720); 300 when absent.</summary>
    public int? BatchFrequencyInSeconds { get; init; }

    /// <summary>Of files: bytes at which a file is written at once, 1,048,576 (Azure: 10,485,760) to 524,288,000; 314,572,800 when absent.</summary>
    public long? MaxChunkSizeInBytes { get; init; }

    public string? Etag { get; init; }

    /// <summary>Shown only.</summary>
    public EndpointHealthDescription? Health { get; init; }
}

/// <summary>OAuth 2.0 client credentials.</summary>
public sealed record WebhookAuthorization
{
    /// <summary>Address of the token endpoint, https.</summary>
    public string? TokenUrl { get; init; }

    public string? ClientId { get; init; }

    /// <summary>Never shown.</summary>
    public string? ClientSecret { get; init; }

    public string? Audience { get; init; }

    public string? Scope { get; init; }
}

/// <summary>How deliveries to an endpoint go.</summary>
public sealed record EndpointHealthDescription
{
    /// <summary><c>unknown</c> (nothing was tried), <c>healthy</c>, <c>unhealthy</c> (fails, and is tried again), <c>dead</c> (has failed for an hour; is still tried).</summary>
    public required string Status { get; init; }

    /// <summary>What the last failure was.</summary>
    public string? LastError { get; init; }

    public DateTimeOffset? LastErrorTime { get; init; }

    public DateTimeOffset? LastDeliveredTime { get; init; }

    /// <summary>Messages that the endpoint confirmed.</summary>
    public required long Delivered { get; init; }

    /// <summary>Messages that it refused for good; see the list of dead messages.</summary>
    public required long Dead { get; init; }

    /// <summary>Messages of the log that went with their age or by its size before they were looked at for this endpoint.</summary>
    public required long Dropped { get; init; }

    /// <summary>Messages of the log, wanted or not, that were not looked at yet.</summary>
    public required long Lag { get; init; }
}

/// <summary>A message that an endpoint refused for good.</summary>
/// <param name="Partition">Where it is in the log, as long as it is kept there.</param>
/// <param name="Offset">Its place in the partition.</param>
/// <param name="DeviceId">Who sent it.</param>
/// <param name="Time">When it was given up.</param>
/// <param name="Reason">What the endpoint said.</param>
public sealed record DeadMessageDescription(int Partition, long Offset, string DeviceId, DateTimeOffset Time, string Reason);

/// <summary>A message to try conditions with, in the form of Azure's <c>testall</c>.</summary>
public sealed record RouteTestDescription
{
    /// <summary>As <see cref="RouteDescription.Source"/>; DeviceMessages when absent.</summary>
    public string? RoutingSource { get; init; }

    public RouteTestMessage? Message { get; init; }

    /// <summary>Tags and properties of the sender: <c>{"tags":{},"properties":{"desired":{},"reported":{}}}</c>.</summary>
    public JsonElement? Twin { get; init; }

    /// <summary>A condition to try in the place of the routes that there are.</summary>
    public string? Condition { get; init; }
}

/// <summary>The message of a test.</summary>
public sealed record RouteTestMessage
{
    /// <summary>Text of the body.</summary>
    public string? Body { get; init; }

    public IReadOnlyDictionary<string, string?>? AppProperties { get; init; }

    /// <summary>By the names of routing queries, without the dollar: <c>contentType</c>, <c>connectionDeviceId</c>.</summary>
    public IReadOnlyDictionary<string, string?>? SystemProperties { get; init; }
}

/// <summary>What came of a test.</summary>
/// <param name="Routes">Routes that take the message.</param>
/// <param name="Matches">Whether the condition that was given takes it; absent when none was.</param>
public sealed record RouteTestResult(IReadOnlyList<RouteDescription> Routes, bool? Matches = null);

/// <summary>Serialization of routes and endpoints.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RouteDescription))]
[JsonSerializable(typeof(Collection<RouteDescription>))]
[JsonSerializable(typeof(RoutingEndpointDescription))]
[JsonSerializable(typeof(Collection<RoutingEndpointDescription>))]
[JsonSerializable(typeof(Collection<DeadMessageDescription>))]
[JsonSerializable(typeof(RouteTestDescription))]
[JsonSerializable(typeof(RouteTestResult))]
public sealed partial class RoutingJson : JsonSerializerContext;
