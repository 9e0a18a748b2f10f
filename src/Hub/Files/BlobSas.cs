using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>
/// Shared access signatures of blobs (<c>sr=b</c>) and containers (<c>sr=c</c>): a query that permits what it says to whoever has it.
/// </summary>
/// <remarks>
/// Source: Azure Storage "Create a service SAS", sections "Version 2015-04-05" to "Version 2020-12-06 and later". Stored access policies
/// (<c>si</c>) and address ranges (<c>sip</c>) are not offered, and a signature that has them is refused.
/// </remarks>
public static class BlobSas
{
    /// <summary>Version of the signatures made here: the one that IoT Hub gives to devices.</summary>
    public const string Version = "2018-03-28";

    private const string Oldest = "2015-04-05";
    private const string WithResource = "2018-11-09";
    private const string WithEncryptionScope = "2020-12-06";
    private static readonly string[] TimeForms = ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm'Z'", "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'"];

    /// <summary>Makes a signature, with the question mark in front.</summary>
    /// <param name="account">Signs with its first key.</param>
    /// <param name="container">The container.</param>
    /// <param name="blob">A blob of it, or null for the whole container.</param>
    /// <param name="permissions">Letters in the order r a c w d l.</param>
    /// <param name="expiry">End; fractions of a second are cut off.</param>
    public static string Create(BlobAccount account, string container, string? blob, string permissions, DateTimeOffset expiry)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["sv"] = Version,
            ["sr"] = blob is null ? "c" : "b",
            ["se"] = expiry.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            ["sp"] = permissions,
        };
        fields["sig"] = Convert.ToBase64String(Sign(account.Keys[0], TextToSign(fields, account.Name, container, blob)));
        return "?" + string.Join('&', ((string[])["sv", "sr", "sig", "se", "sp"]).Select(name => $"{name}={Uri.EscapeDataString(fields[name])}"));
    }

    /// <summary>Checks a query. Gives what it permits.</summary>
    /// <param name="account">Whose keys count.</param>
    /// <param name="query">Fields of the query, decoded.</param>
    /// <param name="container">Container of the request.</param>
    /// <param name="blob">Blob of the request, or null.</param>
    /// <param name="now">The time.</param>
    public static Outcome<BlobGrant> Verify(BlobAccount account, IReadOnlyDictionary<string, string> query, string container, string? blob, DateTimeOffset now)
    {
        if (!query.TryGetValue("sig", out var signature))
            return new Refusal(BlobErrors.NoAuthenticationInformation, "The query has no field sig", "Add the whole sasToken to the address.");
        var version = query.GetValueOrDefault("sv", "");
        if (version.Length != Oldest.Length || string.CompareOrdinal(version, Oldest) < 0)
            return Refuse($"sv is not a version from {Oldest} on", "Make the signature with a current version.");
        if (query.ContainsKey("si") || query.ContainsKey("sip"))
            return Refuse("stored access policies (si) and address ranges (sip) are not offered", "Make the signature without them.");
        // The signed text separates its fields by line feeds.
        if (query.Values.Any(value => value.Contains('\n', StringComparison.Ordinal)))
            return Refuse("a field has a line feed", "Use the sasToken as it was given.");
        var resource = query.GetValueOrDefault("sr", "");
        if (resource is not ("b" or "c"))
            return Refuse("sr is neither b nor c", "Make the signature for a blob or a container.");
        if (resource == "b" && blob is null)
            return new Refusal(BlobErrors.AuthorizationPermissionMismatch, "The signature is for a blob and the call is for its container", "Use a signature for the container (sr=c).");

        Span<byte> shown = stackalloc byte[32];
        if (!Convert.TryFromBase64String(signature, shown, out var length) || length != shown.Length)
            return Refuse("sig is not the Base64 text of 32 bytes", "Add the whole sasToken to the address, percent-encoded as it was given.");
        var text = TextToSign(query, account.Name, container, resource == "b" ? blob : null);
        var genuine = false;
        foreach (var key in account.Keys)
            genuine |= CryptographicOperations.FixedTimeEquals(Sign(key, text), shown);
        if (!genuine)
            return Refuse("it was made by no key of the account, or for another address", "Use the address and the sasToken as they were given.");
        return CheckTime(query, now) is { } late
            ? Refuse(late, "Ask for a new one; check the clock of the machine.")
            : new BlobGrant(query.GetValueOrDefault("sp", ""), resource == "c");
    }

    private static string? CheckTime(IReadOnlyDictionary<string, string> query, DateTimeOffset now)
    {
        if (!TryReadTime(query.GetValueOrDefault("se", ""), out var end))
            return "se is not a time";
        if (query.TryGetValue("st", out var text) && (!TryReadTime(text, out var start) || start > now))
            return "st is not a time that has come";
        return end <= now ? $"it ended at {end.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}" : null;
    }

    private static bool TryReadTime(string text, out DateTimeOffset time) => DateTimeOffset.TryParseExact(
        text, TimeForms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

    private static string TextToSign(IReadOnlyDictionary<string, string> fields, string account, string container, string? blob)
    {
        string Field(string name) => fields.GetValueOrDefault(name, "");
        var version = Field("sv");
        var lines = new List<string>(16)
        {
            Field("sp"), Field("st"), Field("se"), $"/blob/{account}/{container}{(blob is null ? "" : "/" + blob)}", Field("si"), Field("sip"), Field("spr"), version,
        };
        if (string.CompareOrdinal(version, WithResource) >= 0)
            lines.AddRange([Field("sr"), ""]);
        if (string.CompareOrdinal(version, WithEncryptionScope) >= 0)
            lines.Add(Field("ses"));
        lines.AddRange([Field("rscc"), Field("rscd"), Field("rsce"), Field("rscl"), Field("rsct")]);
        return string.Join('\n', lines);
    }

    private static byte[] Sign(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));

    private static Refusal Refuse(string seen, string fix) => new(BlobErrors.AuthenticationFailed, $"The signature was refused: {seen}", fix);
}

/// <summary>What a signature permits.</summary>
/// <param name="Permissions">Letters of <c>sp</c>.</param>
/// <param name="WholeContainer">True for <c>sr=c</c>.</param>
public sealed record BlobGrant(string Permissions, bool WholeContainer)
{
    /// <summary>True when one of the letters is there.</summary>
    public bool Permits(params ReadOnlySpan<char> letters) => Permissions.AsSpan().IndexOfAny(letters) >= 0;
}
