using System.Buffers.Text;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Trust;

namespace Homeport.Routing.Sinks.Webhooks;

/// <summary>Endpoints of the type <c>webhook</c>: a receiver over HTTPS.</summary>
/// <param name="hubName">Name of the hub.</param>
/// <param name="time">The clock.</param>
public sealed class WebhookSinks(string hubName, TimeProvider time) : ISinkFactory
{
    /// <summary>Schema: a request for each message, with its body as it is.</summary>
    public const string Bodies = "body";

    private const int MaxHeaders = 20;
    private const int MaxValue = 4096;

    // What the sending itself decides, or would lead the request elsewhere.
    private static readonly string[] Taken = ["Host", "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "webhook-id", "webhook-timestamp", "webhook-signature"];

    /// <inheritdoc/>
    public string Type => "webhook";

    /// <inheritdoc/>
    public (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        if (PeerConnection.Check(endpoint.Url, "https") is { } bad)
            return bad;
        if (endpoint.Schema is not (null or "cloudEvents" or "eventGrid" or Bodies))
            return ("its schema is unknown", $"Use cloudEvents, eventGrid or {Bodies}.");
        if (endpoint.Secret is { } secret && WebhookSignature.KeyOf(secret) is null)
            return ("its secret is no key for signatures", "Send whsec_ and 24 to 64 bytes in Base64, or leave it out for no signature.");
        return CheckAuthorization(endpoint.Authorization) ?? CheckHeaders(endpoint.Headers ?? new Dictionary<string, string>());
    }

    /// <inheritdoc/>
    public IEndpointSink Open(RoutingEndpointDescription endpoint, int partition)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return new WebhookSink(endpoint, new EventJson(hubName), PeerTrust.FromPem(endpoint.CertificateAuthority), time);
    }

    private static (string Seen, string Fix)? CheckAuthorization(WebhookAuthorization? authorization)
    {
        if (authorization is null)
            return null;
        if (PeerConnection.Check(authorization.TokenUrl, "https") is { } bad)
            return ($"of its authorization {bad.Seen.Replace("its url", "tokenUrl", StringComparison.Ordinal).Replace("it has no url", "tokenUrl is missing", StringComparison.Ordinal)}", bad.Fix);
        return string.IsNullOrEmpty(authorization.ClientId) || string.IsNullOrEmpty(authorization.ClientSecret)
            ? ("its authorization has no clientId or no clientSecret", "Send both.") : null;
    }

    private static (string Seen, string Fix)? CheckHeaders(IReadOnlyDictionary<string, string> headers)
    {
        if (headers.Count > MaxHeaders)
            return ($"it has {headers.Count} headers", $"{MaxHeaders} are possible.");
        foreach (var (name, value) in headers)
        {
            if (name.Length is 0 or > 128 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
                return ("it has a header whose name is none", "Names have A-Z, a-z, 0-9, '-' and '_'.");
            if (Taken.Contains(name, StringComparer.OrdinalIgnoreCase))
                return ($"the header {name} cannot be given", "Leave it out.");
            if (value.Length > MaxValue || value.Any(c => c is < ' ' or > '~'))
                return ($"the value of the header {name} cannot be sent", $"Use up to {MaxValue} printable ASCII characters.");
        }
        return null;
    }
}

/// <summary>Signatures of webhooks. Source: Standard Webhooks, "Signature scheme", symmetric.</summary>
internal static class WebhookSignature
{
    private const string Prefix = "whsec_";

    /// <summary>The key of a secret, or null when it is none.</summary>
    public static byte[]? KeyOf(string secret)
    {
        var text = secret.StartsWith(Prefix, StringComparison.Ordinal) ? secret[Prefix.Length..] : "";
        var key = new byte[Base64.GetMaxDecodedFromUtf8Length(Math.Min(text.Length, 128))];
        return text.Length <= 128 && Convert.TryFromBase64String(text, key, out var length) && length is >= 24 and <= 64 ? key[..length] : null;
    }

    /// <summary>The header <c>webhook-signature</c>.</summary>
    public static string Sign(byte[] key, string id, string timestamp, ReadOnlySpan<byte> body)
    {
        using var mac = System.Security.Cryptography.IncrementalHash.CreateHMAC(System.Security.Cryptography.HashAlgorithmName.SHA256, key);
        mac.AppendData(System.Text.Encoding.UTF8.GetBytes($"{id}.{timestamp}."));
        mac.AppendData(body);
        return "v1," + Convert.ToBase64String(mac.GetHashAndReset());
    }
}
