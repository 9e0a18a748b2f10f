using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Homeport.Contract.Access;

/// <summary>
/// A security token as the Azure IoT SDKs make it: <c>SharedAccessSignature sr={audience}&amp;sig={signature}&amp;se={expiry}[&amp;skn={policy}]</c>
/// with <c>sig = Base64(HMAC-SHA256(key, sr + "\n" + se))</c>.
/// </summary>
/// <remarks>
/// The signature covers the <c>sr</c> text exactly as it stands in the token: SDKs send <c>%2F</c>, <c>%2f</c> and a bare
/// <c>/</c>, and decoding before the HMAC would refuse two of the three.
/// Source: Azure "Control access to IoT Hub with shared access signatures", section "Security token structure".
/// </remarks>
public sealed class SharedAccessSignature
{
    /// <summary>Longest accepted token, in characters. SDK tokens have 120 to 400.</summary>
    public const int MaxLength = 4096;

    private const string Scheme = "SharedAccessSignature";
    private readonly byte[] _signature;
    private readonly string _signedText;

    private SharedAccessSignature(string rawResource, string rawExpiry, long expiry, string? keyName, byte[] signature)
    {
        RawResource = rawResource;
        Expiry = expiry;
        KeyName = keyName;
        _signature = signature;
        _signedText = rawResource + "\n" + rawExpiry;
    }

    /// <summary>The audience as it stands in the token.</summary>
    public string RawResource { get; }

    /// <summary>The audience, percent-decoded once.</summary>
    public string Resource => PercentEncoding.Decode(RawResource);

    /// <summary>End of validity, in seconds since 1970-01-01T00:00:00Z.</summary>
    public long Expiry { get; }

    /// <summary>Name of the shared access policy, or null for a device's or module's own key. An empty <c>skn</c> counts as absent.</summary>
    public string? KeyName { get; }

    /// <summary>Reads a token. Never throws; <paramref name="reason"/> names what is wrong, without parts of the token.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out SharedAccessSignature? token, [NotNullWhen(false)] out string? reason)
    {
        token = null;
        reason = Read(text, out token);
        return reason is null;
    }

    private static string? Read(string? text, out SharedAccessSignature? token)
    {
        token = null;
        if (string.IsNullOrEmpty(text))
            return "there is no token";
        if (text.Length > MaxLength)
            return $"the token is longer than {MaxLength} characters";
        if (!text.StartsWith(Scheme + " ", StringComparison.Ordinal))
            return "the token does not start with 'SharedAccessSignature '";

        string? resource = null, signature = null, expiry = null, keyName = null;
        var fields = text.AsSpan(Scheme.Length + 1).Trim();
        foreach (var range in fields.Split('&'))
        {
            var field = fields[range];
            var equals = field.IndexOf('=');
            if (equals < 0)
                return "a field of the token has no '='";
            var value = field[(equals + 1)..].ToString();
            switch (field[..equals])
            {
                case "sr": resource = value; break;
                case "sig": signature = value; break;
                case "se": expiry = value; break;
                case "skn": keyName = value; break;
                default: break;
            }
        }
        if (string.IsNullOrEmpty(resource) || string.IsNullOrEmpty(signature) || string.IsNullOrEmpty(expiry))
            return "the token lacks one of the fields sr, sig and se";
        // C and some scripts write fractions of a second. .NET also reads "NaN" here, which no comparison holds for.
        if (!double.TryParse(expiry, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) || seconds is not (>= 0 and <= 253402300799))
            return "the field se is not a number of seconds since 1970";

        var mac = new byte[32];
        if (!Convert.TryFromBase64String(PercentEncoding.Decode(signature), mac, out var length) || length != 32)
            return "the field sig is not the Base64 text of 32 bytes";
        token = new SharedAccessSignature(resource, expiry, (long)seconds, string.IsNullOrEmpty(keyName) ? null : PercentEncoding.Decode(keyName), mac);
        return null;
    }

    /// <summary>True when <paramref name="key"/> made the signature. Takes the same time whatever the difference is.</summary>
    public bool IsSignedBy(ReadOnlySpan<byte> key)
    {
        Span<byte> mac = stackalloc byte[32];
        HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(_signedText), mac);
        return CryptographicOperations.FixedTimeEquals(mac, _signature);
    }

    /// <summary>Makes a token as the SDKs do, with upper-case percent-encoding.</summary>
    /// <param name="resource">Audience, not encoded: <c>{host}/devices/{id}</c>.</param>
    /// <param name="key">The key's bytes (Base64-decoded).</param>
    /// <param name="expiry">End of validity.</param>
    /// <param name="keyName">Policy name for hub-level tokens.</param>
    public static string Create(string resource, ReadOnlySpan<byte> key, DateTimeOffset expiry, string? keyName = null)
    {
        var copy = key.ToArray();
        return Create(resource, text => HMACSHA256.HashData(copy, text), expiry, keyName);
    }

    /// <summary>Makes a token with a signature from elsewhere, such as a TPM.</summary>
    /// <param name="resource">Audience, not encoded.</param>
    /// <param name="sign">HMAC-SHA256 of the given bytes.</param>
    /// <param name="expiry">End of validity.</param>
    /// <param name="keyName">Policy name, <c>registration</c> for provisioning.</param>
    public static string Create(string resource, Func<byte[], byte[]> sign, DateTimeOffset expiry, string? keyName = null)
    {
        var encoded = Uri.EscapeDataString(resource);
        var se = expiry.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var mac = sign(Encoding.UTF8.GetBytes(encoded + "\n" + se));
        var token = $"{Scheme} sr={encoded}&sig={Uri.EscapeDataString(Convert.ToBase64String(mac))}&se={se}";
        return keyName is null ? token : token + "&skn=" + Uri.EscapeDataString(keyName);
    }
}
