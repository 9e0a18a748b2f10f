namespace Homeport.Contract.Naming;

/// <summary>What a person types to imprint a device: each check names the field's mistake and its fix, or gives null.</summary>
public static class ImprintRules
{
    /// <summary>Shortest and longest key, in bytes.</summary>
    public const int MinKeyBytes = 16;

    /// <inheritdoc cref="MinKeyBytes"/>
    public const int MaxKeyBytes = 64;

    private const int MaxHostNameLength = 253;

    /// <summary>A host name such as <c>hub.example.com</c>.</summary>
    public static string? CheckHostName(string? hostName)
    {
        if (string.IsNullOrEmpty(hostName))
            return "Write the host name of the hub, such as hub.example.com.";
        if (hostName.Contains("://", StringComparison.Ordinal))
        {
            return Uri.TryCreate(hostName, UriKind.Absolute, out var uri) && uri.Host.Length > 0
                ? $"This is a URL. Write the host name alone: {uri.Host}"
                : "This is a URL. Write the host name alone, such as hub.example.com.";
        }

        if (hostName.StartsWith("HostName=", StringComparison.OrdinalIgnoreCase))
            return "This is a connection string. Write the part after HostName= and before the semicolon.";
        if (hostName.Contains('/', StringComparison.Ordinal))
            return $"A host name has no slash. Write {hostName.Split('/', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "the host name alone"}";
        if (hostName.Contains(':', StringComparison.Ordinal))
            return "A host name has no port. The SDKs use 8883, 5671 and 443.";
        if (hostName.Any(char.IsWhiteSpace))
            return "There is a space in the host name.";
        if (hostName.Length > MaxHostNameLength)
            return $"The host name has {hostName.Length} characters; the longest has {MaxHostNameLength}.";
        return hostName.Split('.').All(IsLabel)
            ? null
            : "Host names have letters, digits and dashes, and dots between their parts, such as hub.example.com.";
    }

    /// <summary>A host name, with a port if it is not the usual one.</summary>
    public static string? CheckEndpoint(string? endpoint)
    {
        var colon = endpoint?.LastIndexOf(':') ?? -1;
        var hasPort = colon > 0 && endpoint!.Length > colon + 1 && endpoint.AsSpan(colon + 1).IndexOfAnyExceptInRange('0', '9') < 0;
        return CheckHostName(hasPort ? endpoint![..colon] : endpoint);
    }

    /// <summary>A device id.</summary>
    public static string? CheckDeviceId(string? deviceId)
        => DeviceIdRules.Check(deviceId) is not { } reason ? null
            : string.IsNullOrEmpty(deviceId) ? "Write the device id as the hub has it." : $"The hub takes no such name: {reason}. Allowed are letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '";

    /// <summary>A key in Base64.</summary>
    public static string? CheckKey(string? key)
    {
        if (string.IsNullOrWhiteSpace(key))
            return "Paste the primary key of the device.";
        if (key.Contains("SharedAccessKey=", StringComparison.OrdinalIgnoreCase))
            return "This is a connection string. Paste what follows SharedAccessKey=.";
        if (key.StartsWith("SharedAccessSignature", StringComparison.OrdinalIgnoreCase))
            return "This is a token, which ends soon. Paste the primary key of the device.";
        var bytes = new byte[key.Length];
        if (!Convert.TryFromBase64String(key, bytes, out var length))
        {
            return key.Contains('-', StringComparison.Ordinal) || key.Contains('_', StringComparison.Ordinal)
                ? "This is no Base64: it has dashes or underlines. Copy the key again as the hub shows it."
                : "This is no Base64: keys have letters, digits, + and /, and end in = as a rule. Copy the whole key again.";
        }

        Array.Clear(bytes);
        return length is >= MinKeyBytes and <= MaxKeyBytes ? null : $"The key has {length} bytes; keys have {MinKeyBytes} to {MaxKeyBytes}. Copy the whole key again.";
    }

    private static bool IsLabel(string label)
        => label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' && label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');
}
