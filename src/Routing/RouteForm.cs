using System.Text;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Query;
using Homeport.Hub.Trust;
using Homeport.Log;

namespace Homeport.Routing;

/// <summary>Reads what callers write of routes and endpoints, and says what is wrong with it.</summary>
internal sealed class RouteForm(string hubName, IReadOnlyDictionary<string, ISinkFactory> sinks)
{
    /// <summary>The built-in endpoint: the log itself.</summary>
    public const string BuiltIn = "events";

    private const int MaxId = 64;
    private const int MaxEnrichments = 10;
    private static readonly string[] Reserved = [BuiltIn, "operationsMonitoringEvents", "fileNotifications", "$default"];

    /// <summary>Reads a route that leads to endpoints that there are.</summary>
    public static Outcome<RouteDescription> Read(string id, RouteDescription route, IReadOnlyList<string> endpoints)
    {
        if (CheckId(id) is { } badId)
            return Route(badId, "Give the route such an id.");
        if (route.Id is { } own && own != id)
            return Route($"the body names the route '{Cut(own)}' and the address '{Cut(id)}'", "Leave the id of the body out.");
        if (RoutingSources.Find(route.Source) is not { } source)
            return Route(route.Source is null ? "it has no source" : $"'{Cut(route.Source)}' is no source", $"Use one of {string.Join(", ", RoutingSources.Names)}.");
        if (!MessageCondition.Parse(route.Condition).Succeeded(out var condition, out var refusal))
            return new Refusal(RoutingErrors.InvalidRoute, refusal.Seen.Replace("Query, position", "Its condition, position", StringComparison.Ordinal), refusal.Fix.Replace("query", "condition", StringComparison.Ordinal));
        if (route.EndpointNames is not { Count: > 0 } names)
            return Route("it leads to no endpoint", $"Name one in endpointNames: {string.Join(", ", endpoints.Append(BuiltIn))}.");
        if (names.FirstOrDefault(name => !endpoints.Append(BuiltIn).Contains(name, StringComparer.OrdinalIgnoreCase)) is { } missing)
            return Route($"it leads to '{Cut(missing)}', which is not there", $"Create that endpoint first; there are {string.Join(", ", endpoints.Append(BuiltIn))}.");
        return new RouteDescription
        {
            Id = id,
            Source = RoutingSources.NameOf(source),
            Condition = condition.Text.Length == 0 ? "true" : condition.Text,
            EndpointNames = [.. names.Distinct(StringComparer.OrdinalIgnoreCase)],
            IsEnabled = route.IsEnabled ?? true,
        };
    }

    /// <summary>Reads an endpoint; secrets that are absent or masked come from the one that there is.</summary>
    public Outcome<RoutingEndpointDescription> Read(string id, RoutingEndpointDescription endpoint, RoutingEndpointDescription? present)
    {
        if (CheckId(id) is { } badId)
            return Endpoint(badId, "Give the endpoint such an id.");
        if (Reserved.Contains(id, StringComparer.OrdinalIgnoreCase))
            return Endpoint($"'{id}' is the hub's own", "Give it another id.");
        if (endpoint.Id is { } own && own != id)
            return Endpoint($"the body names the endpoint '{Cut(own)}' and the address '{Cut(id)}'", "Leave the id of the body out.");
        if (endpoint.Type is null || !sinks.TryGetValue(endpoint.Type, out var sink))
            return Endpoint(endpoint.Type is null ? "it has no type" : $"'{Cut(endpoint.Type)}' is no type of endpoints", $"Use one of {string.Join(", ", sinks.Keys)}.");
        if (present is not null && present.Type != endpoint.Type)
            return Endpoint($"its type is '{present.Type}' and cannot change", "Delete it and create another one.");
        // A secret goes where its owner sent it and nowhere else: a new place needs it anew.
        var keeps = present is not null && present.Url == endpoint.Url;
        var read = endpoint with { Id = id, Etag = null, Health = null, Secret = Kept(endpoint.Secret, present?.Secret, keeps), Headers = Kept(endpoint.Headers, present?.Headers, keeps), Authorization = Kept(endpoint.Authorization, present?.Authorization, keeps) };
        if (read.Secret == RoutingEndpointDescription.Masked || read.Authorization?.ClientSecret == RoutingEndpointDescription.Masked || read.Headers?.Values.Contains(RoutingEndpointDescription.Masked) == true)
            return Endpoint("a secret is masked, and there is none to keep", "Send the secret itself; with another url it has to be given again.");
        if ((CheckTrust(read) ?? CheckEnrichments(read) ?? sink.Check(read)) is { } wrong)
            return Endpoint(wrong.Seen, wrong.Fix);
        return read;
    }

    /// <summary>An endpoint that was read before.</summary>
    public ActiveEndpoint Activate(RoutingEndpointDescription endpoint)
        => new(endpoint, [.. (endpoint.Enrichments ?? new Dictionary<string, string>()).Select(e => Enrichment.Make(e.Key, e.Value, hubName, out _)).OfType<Enrichment>()]);

    /// <summary>A route that was read before.</summary>
    public static ActiveRoute Activate(StoredRoute stored) => new(
        stored.Route.Id!, RoutingSources.Find(stored.Route.Source)!.Value, MessageCondition.Parse(stored.Route.Condition).Value!, stored.Route.EndpointNames!, stored.Starts!);

    /// <summary>The message of a test.</summary>
    public static Outcome<RoutedMessage> ReadTest(RouteTestDescription test)
    {
        var source = MessageSource.Telemetry;
        if (test.RoutingSource is { } name)
        {
            if (RoutingSources.Find(name) is not { } found)
                return new Refusal(RoutingErrors.InvalidRoute, $"'{Cut(name)}' is no source", $"Use one of {string.Join(", ", RoutingSources.Names)}.");
            source = found;
        }
        var system = new Dictionary<string, string?>(test.Message?.SystemProperties ?? new Dictionary<string, string?>(), StringComparer.OrdinalIgnoreCase);
        var origin = new RecordOrigin(
            system.GetValueOrDefault("connectionDeviceId") ?? "", system.GetValueOrDefault("connectionModuleId"), system.GetValueOrDefault("connectionDeviceGenerationId") ?? "",
            system.GetValueOrDefault("connectionAuthMethod") ?? "", system.GetValueOrDefault("dt-dataschema"));
        var properties = system.Where(p => RoutedMessage.RecordName(p.Key) is not null).Select(p => new KeyValuePair<string, string?>(RoutedMessage.RecordName(p.Key)!, p.Value))
            .Concat(test.Message?.AppProperties ?? new Dictionary<string, string?>());
        return new RoutedMessage(0, 0, DateTimeOffset.UnixEpoch, source, origin, properties, Encoding.UTF8.GetBytes(test.Message?.Body ?? ""))
        {
            Twin = test.Twin is { ValueKind: JsonValueKind.Object } twin ? Encoding.UTF8.GetBytes(twin.GetRawText()) : default,
        };
    }

    /// <summary>Shortens a text that a caller sent.</summary>
    public static string Cut(string text) => text.Length <= 160 ? text : text[..160] + "…";

    private static string? Kept(string? sent, string? present, bool keeps) => sent is null or RoutingEndpointDescription.Masked ? (keeps ? present : null) ?? sent : sent.Length == 0 ? null : sent;

    private static Dictionary<string, string>? Kept(IReadOnlyDictionary<string, string>? sent, IReadOnlyDictionary<string, string>? present, bool keeps)
        => sent?.ToDictionary(h => h.Key, h => h.Value == RoutingEndpointDescription.Masked && keeps ? present?.GetValueOrDefault(h.Key) ?? h.Value : h.Value, StringComparer.OrdinalIgnoreCase);

    private static WebhookAuthorization? Kept(WebhookAuthorization? sent, WebhookAuthorization? present, bool keeps)
        => sent is null ? null : sent with { ClientSecret = Kept(sent.ClientSecret, present?.ClientSecret, keeps && sent.TokenUrl == present?.TokenUrl) };

    private static (string Seen, string Fix)? CheckTrust(RoutingEndpointDescription endpoint) => PeerTrust.IsPem(endpoint.CertificateAuthority)
        ? null : ("certificateAuthority holds no certificate in PEM form", "Send the PEM text of the CA, or leave it out.");

    private (string Seen, string Fix)? CheckEnrichments(RoutingEndpointDescription endpoint)
    {
        if (endpoint.Enrichments is not { } enrichments)
            return null;
        if (enrichments.Count > MaxEnrichments)
            return ($"it has {enrichments.Count} enrichments", $"An endpoint may have {MaxEnrichments}.");
        foreach (var (key, value) in enrichments)
        {
            if (Enrichment.Make(key, value ?? "", hubName, out var wrong) is null)
                return (wrong!, "A value is a text, $iothubname, or a path such as $twin.tags.site.");
        }
        return null;
    }

    private static string? CheckId(string id) => id.Length is >= 1 and <= MaxId && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        ? null : $"an id has 1 to {MaxId} of A-Z, a-z, 0-9, '-', '_' and '.', and '{Cut(id)}' does not";

    private static Refusal Route(string seen, string fix) => new(RoutingErrors.InvalidRoute, Upper(seen), fix);

    private static Refusal Endpoint(string seen, string fix) => new(RoutingErrors.InvalidRoutingEndpoint, Upper(seen), fix);

    private static string Upper(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
