using System.Globalization;
using Homeport.Contract;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Trust;
using Homeport.Routing;
using Homeport.Routing.Sinks.Webhooks;

namespace Homeport.Operations.Exports;

/// <summary>Reads what callers write of destinations, says what is wrong with it, and hides their secrets.</summary>
/// <param name="sinks">The types of endpoints that destinations are made of.</param>
public sealed class DestinationForm(IReadOnlyDictionary<string, ISinkFactory> sinks)
{
    private const string Masked = DestinationDescription.Masked;
    private static readonly string[] BusFields = ["Endpoint", "SharedAccessKeyName", "SharedAccessKey", "EntityPath"];
    private const string Needs = "Send authorization with the type connectionString.";

    // Types of IoT Central, and which type of endpoint each is.
    private static readonly Dictionary<string, string> Types = new(StringComparer.Ordinal)
    {
        ["webhook@v1"] = "webhook",
        ["eventhubs@v1"] = "amqp",
        ["servicebusqueue@v1"] = "amqp",
        ["servicebustopic@v1"] = "amqp",
        ["blobstorage@v1"] = BlobStorage,
        ["cloudevents@x1"] = "webhook",
        ["amqp@x1"] = "amqp",
        ["mqtt@x1"] = "mqtt",
        ["postgres@x1"] = "postgres",
        ["file@x1"] = "files",
    };

    /// <summary>The type of endpoints for containers of storage accounts: <c>address</c> is the container, <c>secret</c> the connection string.</summary>
    public const string BlobStorage = "blobStorage";

    /// <summary>Reads a destination; secrets that are masked come from the one that there is.</summary>
    public Outcome<DestinationDescription> Read(string id, DestinationDescription sent, DestinationDescription? present)
    {
        if (ExportForm.CheckName(id, sent.Id, sent.DisplayName) is { } badName)
            return Bad(badName.Seen, badName.Fix);
        if (sent.Type is null || !Types.ContainsKey(sent.Type))
            return Bad(sent.Type is null ? "it has no type" : $"'{ExportForm.Cut(sent.Type)}' is no type of destinations here", $"Use one of {string.Join(", ", Types.Keys)}.");
        if (present is not null && present.Type != sent.Type)
            return Bad($"its type is '{present.Type}' and cannot change", "Delete it and create another one.");
        var read = Gathered(sent) with { Id = id, DisplayName = sent.DisplayName ?? present?.DisplayName ?? id };
        read = Unmasked(read, present);
        if (HasMasked(read))
            return Bad("a secret is masked, and there is none to keep", "Send the secret itself; for another place it has to be given again.");
        if (!PeerTrust.IsPem(read.CertificateAuthority))
            return Bad("certificateAuthority holds no certificate in PEM form", "Send the PEM text of the CA, or leave it out.");
        if (CheckAuthorization(read) is { } wrong)
            return Bad(wrong.Seen, wrong.Fix);
        return EndpointOf(read, "check") is { } endpoint && sinks[endpoint.Type!].Check(endpoint) is { } bad ? Bad(bad.Seen, bad.Fix) : read;
    }

    /// <summary>The endpoint that a destination is.</summary>
    /// <param name="destination">As it was read.</param>
    /// <param name="id">Id for the endpoint.</param>
    public static RoutingEndpointDescription EndpointOf(DestinationDescription destination, string id)
    {
        var endpoint = new RoutingEndpointDescription
        {
            Id = id,
            Type = Types[destination.Type!],
            Url = destination.Url,
            Address = destination.Address,
            UserName = destination.UserName,
            Secret = destination.Secret,
            CertificateAuthority = destination.CertificateAuthority,
            BatchFrequencyInSeconds = destination.BatchFrequencyInSeconds,
        };
        switch (destination.Type)
        {
            case "webhook@v1" or "cloudevents@x1":
                return WebhookOf(destination, endpoint);
            case "eventhubs@v1" or "servicebusqueue@v1" or "servicebustopic@v1":
                var fields = Fields(destination);
                return endpoint with
                {
                    Url = "amqps://" + fields.GetValueOrDefault("Endpoint", "").Replace("sb://", "", StringComparison.OrdinalIgnoreCase).TrimEnd('/'),
                    Address = fields.GetValueOrDefault("EntityPath"),
                    UserName = fields.GetValueOrDefault("SharedAccessKeyName"),
                    Secret = fields.GetValueOrDefault("SharedAccessKey"),
                };
            case "blobstorage@v1":
                return endpoint with { Address = destination.Authorization?.ContainerName, Secret = destination.Authorization?.ConnectionString, BatchFrequencyInSeconds = destination.BatchFrequencyInSeconds ?? ExportForm.FileSeconds };
            case "file@x1":
                return endpoint with { BatchFrequencyInSeconds = destination.BatchFrequencyInSeconds ?? ExportForm.FileSeconds };
            default:
                return endpoint;
        }
    }

    /// <summary>A destination as it may be shown.</summary>
    public static DestinationDescription Mask(DestinationDescription destination) => destination with
    {
        Secret = destination.Secret is null ? null : Masked,
        HeaderCustomizations = Mask(destination.HeaderCustomizations),
        QueryCustomizations = Mask(destination.QueryCustomizations),
        Authorization = destination.Authorization is not { } own ? null : own with
        {
            ConnectionString = own.ConnectionString is null ? null : MaskKey(own.ConnectionString),
            Value = own.Value is null ? null : Masked,
            ClientSecret = own.ClientSecret is null ? null : Masked,
        },
    };

    private static RoutingEndpointDescription WebhookOf(DestinationDescription destination, RoutingEndpointDescription endpoint)
    {
        var headers = (destination.HeaderCustomizations ?? new Dictionary<string, DestinationCustomization>()).ToDictionary(h => h.Key, h => h.Value.Value ?? "", StringComparer.OrdinalIgnoreCase);
        if (destination.Authorization is { Type: "header", Value: { } value })
            headers["Authorization"] = value;
        var query = string.Join('&', (destination.QueryCustomizations ?? new Dictionary<string, DestinationCustomization>()).Select(q => $"{Uri.EscapeDataString(q.Key)}={Uri.EscapeDataString(q.Value.Value ?? "")}"));
        var url = query.Length == 0 ? destination.Url : destination.Url + (destination.Url?.Contains('?', StringComparison.Ordinal) == true ? "&" : "?") + query;
        return endpoint with
        {
            Url = url,
            Headers = headers.Count > 0 ? headers : null,
            Schema = destination.Type == "webhook@v1" ? WebhookSinks.Bodies : null,
            Authorization = destination.Authorization is not { Type: "oAuth2" } own ? null
                : new WebhookAuthorization { TokenUrl = own.TokenUrl, ClientId = own.ClientId, ClientSecret = own.ClientSecret, Audience = own.Audience, Scope = own.Scope },
        };
    }

    /// <summary>What may stand outside of authorization, as in the service's examples, moves there.</summary>
    private static DestinationDescription Gathered(DestinationDescription sent)
    {
        var read = sent with { ConnectionString = null, ContainerName = null, Status = null, Errors = null, LastExportTime = null };
        if (sent.ConnectionString is null && sent.ContainerName is null)
            return read;
        var own = sent.Authorization ?? new DestinationAuthorization { Type = "connectionString" };
        return read with { Authorization = own with { ConnectionString = sent.ConnectionString ?? own.ConnectionString, ContainerName = sent.ContainerName ?? own.ContainerName } };
    }

    private static (string Seen, string Fix)? CheckAuthorization(DestinationDescription destination)
    {
        var isWebhook = Types[destination.Type!] == "webhook";
        var own = destination.Authorization;
        foreach (var (name, custom) in (destination.HeaderCustomizations ?? new Dictionary<string, DestinationCustomization>()).Concat(destination.QueryCustomizations ?? new Dictionary<string, DestinationCustomization>()))
        {
            if (!isWebhook)
                return ("it has customizations", "Only webhooks have them.");
            if (custom?.Value is null || name.Length is 0 or > 128)
                return ($"the customization '{ExportForm.Cut(name)}' has no value, or no name", "Send {\"value\":\"...\",\"secret\":false}.");
        }
        if (own?.Type?.Contains("Identity", StringComparison.OrdinalIgnoreCase) == true || own?.Type == "servicePrincipal")
            return ($"its authorization is '{own.Type}', and this server has no identity in Azure", Needs);
        if (isWebhook)
            return own is null or { Type: "header", Value.Length: > 0 } or { Type: "oAuth2" } ? null : ("its authorization is none of a webhook", "Use the type header with a value, or oAuth2 with tokenUrl, clientId and clientSecret.");
        if (destination.Type!.EndsWith("@x1", StringComparison.Ordinal))
            return own is null ? null : ("it has an authorization", "Send userName and secret.");
        if (own is not { Type: "connectionString", ConnectionString.Length: > 0 })
            return ("it has no connection string", Needs);
        if (destination.Url is not null || destination.Address is not null || destination.Secret is not null)
            return ("it has a url, an address or a secret beside the connection string", "Leave them out.");
        if (!ConnectionStringFields.TryRead(own.ConnectionString, out var fields, out var reason))
            return ($"its connection string cannot be read: {reason}", "Copy it again.");
        if (destination.Type == "blobstorage@v1")
            return string.IsNullOrEmpty(own.ContainerName) ? ("it has no containerName", "Send the name of the container.") : null;
        return BusFields.FirstOrDefault(f => string.IsNullOrEmpty(fields.GetValueOrDefault(f))) is { } missing
            ? ($"its connection string has no {missing}", "Send Endpoint=sb://...;SharedAccessKeyName=...;SharedAccessKey=...;EntityPath=...") : null;
    }

    /// <summary>A secret goes where its owner sent it and nowhere else: it is kept when the place is the same.</summary>
    private static DestinationDescription Unmasked(DestinationDescription read, DestinationDescription? present)
    {
        if (present is null || present.Url != read.Url || present.Address != read.Address || present.Authorization?.ContainerName != read.Authorization?.ContainerName)
            return read;
        return read with
        {
            Secret = Kept(read.Secret, present.Secret),
            HeaderCustomizations = Kept(read.HeaderCustomizations, present.HeaderCustomizations),
            QueryCustomizations = Kept(read.QueryCustomizations, present.QueryCustomizations),
            Authorization = read.Authorization is not { } own ? null : own with
            {
                Value = Kept(own.Value, present.Authorization?.Value),
                ClientSecret = own.TokenUrl == present.Authorization?.TokenUrl ? Kept(own.ClientSecret, present.Authorization?.ClientSecret) : own.ClientSecret,
                ConnectionString = own.ConnectionString is { } text && present.Authorization?.ConnectionString is { } before && text == MaskKey(before) ? before : own.ConnectionString,
            },
        };
    }

    private static bool HasMasked(DestinationDescription read)
        => read.Secret == Masked || read.Authorization?.Value == Masked || read.Authorization?.ClientSecret == Masked
            || read.Authorization?.ConnectionString?.Contains("=" + Masked, StringComparison.Ordinal) == true
            || (read.HeaderCustomizations?.Values ?? []).Concat(read.QueryCustomizations?.Values ?? []).Any(c => c?.Value == Masked);

    private static string? Kept(string? sent, string? present) => sent == Masked ? present ?? sent : sent;

    private static Dictionary<string, DestinationCustomization>? Kept(IReadOnlyDictionary<string, DestinationCustomization>? sent, IReadOnlyDictionary<string, DestinationCustomization>? present)
        => sent?.ToDictionary(c => c.Key, c => c.Value?.Value == Masked ? present?.GetValueOrDefault(c.Key) ?? c.Value : c.Value!, StringComparer.Ordinal);

    private static Dictionary<string, DestinationCustomization>? Mask(IReadOnlyDictionary<string, DestinationCustomization>? own)
        => own?.ToDictionary(c => c.Key, c => c.Value.Secret ? c.Value with { Value = Masked } : c.Value, StringComparer.Ordinal);

    private static string MaskKey(string connectionString) => string.Join(';', connectionString.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(part =>
        part.Split('=')[0].ToUpper(CultureInfo.InvariantCulture) is "ACCOUNTKEY" or "SHAREDACCESSKEY" or "SHAREDACCESSSIGNATURE" ? $"{part.Split('=')[0]}={Masked}" : part));

    private static Dictionary<string, string> Fields(DestinationDescription destination)
    {
        ConnectionStringFields.TryRead(destination.Authorization?.ConnectionString ?? "", out var fields, out _);
        return fields;
    }

    private static Refusal Bad(string seen, string fix) => new(ExportErrors.InvalidDestination, ExportForm.Upper(seen), fix);
}
