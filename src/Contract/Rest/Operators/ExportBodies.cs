using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest.Operators;

/// <summary>
/// Where exported data goes. Which members count depends on <see cref="Type"/>. Source: IoT Central data plane, api-version 2022-10-31-preview; types
/// that end with <c>@x1</c>, and the members <c>address</c>, <c>userName</c>, <c>secret</c> and <c>certificateAuthority</c>, are Homeport's own.
/// </summary>
public sealed record DestinationDescription
{
    /// <summary>What is shown in the place of a secret; sent back, it leaves the secret as it is.</summary>
    public const string Masked = "*****";

    /// <summary>1 to 255 of A-Z, a-z, 0-9, <c>-</c> and <c>_</c>.</summary>
    public string? Id { get; init; }

    public string? DisplayName { get; init; }

    /// <summary>
    /// <c>webhook@v1</c>, <c>eventhubs@v1</c>, <c>servicebusqueue@v1</c>, <c>servicebustopic@v1</c>, <c>blobstorage@v1</c>, <c>cloudevents@x1</c>, <c>amqp@x1</c>, <c>mqtt@x1</c>,
    /// <c>postgres@x1</c> or <c>file@x1</c>. It does not change.
    /// </summary>
    public string? Type { get; init; }

    /// <summary>Of a webhook, cloudevents, amqp, mqtt and postgres: where it is.</summary>
    public string? Url { get; init; }

    /// <summary>Of a webhook: parameters to add to the address, by their names.</summary>
    public IReadOnlyDictionary<string, DestinationCustomization>? QueryCustomizations { get; init; }

    /// <summary>Of a webhook and cloudevents: headers to send, by their names.</summary>
    public IReadOnlyDictionary<string, DestinationCustomization>? HeaderCustomizations { get; init; }

    /// <summary>How the destination knows who sends.</summary>
    public DestinationAuthorization? Authorization { get; init; }

    /// <summary>The same as in <see cref="Authorization"/>; never shown here.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>The same as in <see cref="Authorization"/>; never shown here.</summary>
    public string? ContainerName { get; init; }

    /// <summary>Queue or topic (amqp), topic (mqtt), table (postgres).</summary>
    public string? Address { get; init; }

    /// <summary>Of amqp, mqtt and postgres.</summary>
    public string? UserName { get; init; }

    /// <summary>Password; of cloudevents the key of its signature. Never shown.</summary>
    public string? Secret { get; init; }

    /// <summary>PEM of the CAs of its certificate; absent when the machine trusts it anyway.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>Of blobstorage and file: seconds until a file is written, 1 to 720; 60 when absent.</summary>
    public int? BatchFrequencyInSeconds { get; init; }

    /// <summary>Shown only: <c>waiting</c> (nothing was exported yet), <c>healthy</c> or <c>error</c>.</summary>
    public string? Status { get; init; }

    /// <summary>Shown only: what failed last.</summary>
    public IReadOnlyList<ExportError>? Errors { get; init; }

    /// <summary>Shown only.</summary>
    public DateTimeOffset? LastExportTime { get; init; }
}

/// <summary>A header, or a parameter of an address.</summary>
public sealed record DestinationCustomization
{
    public string? Value { get; init; }

    /// <summary>True when the value is never to be shown.</summary>
    public bool Secret { get; init; }
}

/// <summary>How a destination knows who sends.</summary>
public sealed record DestinationAuthorization
{
    /// <summary><c>connectionString</c>; of a webhook <c>header</c> or <c>oAuth2</c> (client credentials).</summary>
    public string? Type { get; init; }

    /// <summary>Of an event hub, a queue, a topic or a storage account. Its key is never shown.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>Container of the storage account.</summary>
    public string? ContainerName { get; init; }

    /// <summary>Value of the header <c>Authorization</c>. Never shown.</summary>
    public string? Value { get; init; }

    /// <summary>Where tokens are given, https.</summary>
    public string? TokenUrl { get; init; }

    public string? ClientId { get; init; }

    /// <summary>Never shown.</summary>
    public string? ClientSecret { get; init; }

    public string? Audience { get; init; }

    public string? Scope { get; init; }
}

/// <summary>Which data of devices goes to which destinations, and in which form. Source: IoT Central data plane, api-version 2022-10-31-preview.</summary>
public sealed record DataExportDescription
{
    /// <summary>1 to 255 of A-Z, a-z, 0-9, <c>-</c> and <c>_</c>.</summary>
    public string? Id { get; init; }

    public string? DisplayName { get; init; }

    /// <summary>True when absent. An export takes data from the moment in which it is turned on.</summary>
    public bool? Enabled { get; init; }

    /// <summary><c>telemetry</c>, <c>properties</c>, <c>deviceLifecycle</c>, <c>deviceTemplateLifecycle</c> or <c>deviceConnectivity</c>. It does not change.</summary>
    public string? Source { get; init; }

    /// <summary>For example <c>SELECT * FROM dtmi:example:pump;1 WHERE temperature &gt; 30 AND $simulated = false</c>; absent for all.</summary>
    public string? Filter { get; init; }

    /// <summary>What is added to each message, by names of your own.</summary>
    public IReadOnlyDictionary<string, ExportEnrichmentDescription>? Enrichments { get; init; }

    /// <summary>1 to 5 of them.</summary>
    public IReadOnlyList<ExportTargetDescription>? Destinations { get; init; }

    /// <summary>Shown only: <c>notStarted</c> (it is off), <c>starting</c> (nothing was exported yet), <c>healthy</c> or <c>error</c>.</summary>
    public string? Status { get; init; }

    /// <summary>Shown only: what failed last.</summary>
    public IReadOnlyList<ExportError>? Errors { get; init; }

    /// <summary>Shown only.</summary>
    public DateTimeOffset? LastExportTime { get; init; }
}

/// <summary>A text, a member of the device, or a property of it.</summary>
public sealed record ExportEnrichmentDescription
{
    public string? Value { get; init; }

    /// <summary>
    /// <c>$enabled</c>, <c>$displayName</c>, <c>$templateDisplayName</c>, <c>$organizations</c>, <c>$provisioned</c>, <c>$simulated</c>; or the name of a property, when
    /// <see cref="Target"/> is given.
    /// </summary>
    public string? Path { get; init; }

    /// <summary>The template or interface that has the property.</summary>
    public string? Target { get; init; }
}

/// <summary>A destination of an export.</summary>
public sealed record ExportTargetDescription
{
    public string? Id { get; init; }

    /// <summary>A query of jq that makes other messages of each message; absent for the form <c>default@v1</c>.</summary>
    public string? Transform { get; init; }
}

/// <summary>What failed.</summary>
/// <param name="Code"><c>DestinationUnavailable</c> or <c>MessageRefused</c>.</param>
/// <param name="Message">One line, without secrets.</param>
public sealed record ExportError(string Code, string Message);

/// <summary>How an export to one of its destinations goes.</summary>
/// <param name="DestinationId">The destination.</param>
/// <param name="Health">Messages that passed the filter are counted.</param>
/// <param name="Dead">The newest messages that it refused for good.</param>
public sealed record ExportTargetHealth(string DestinationId, EndpointHealthDescription Health, IReadOnlyList<DeadMessageDescription> Dead);

/// <summary>Serialization of exports and destinations.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DestinationDescription))]
[JsonSerializable(typeof(Collection<DestinationDescription>))]
[JsonSerializable(typeof(DataExportDescription))]
[JsonSerializable(typeof(Collection<DataExportDescription>))]
[JsonSerializable(typeof(Collection<ExportTargetHealth>))]
public sealed partial class ExportJson : JsonSerializerContext;
