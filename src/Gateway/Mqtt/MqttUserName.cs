using System.Diagnostics.CodeAnalysis;
using Homeport.Contract;

namespace Homeport.Gateway.Mqtt;

/// <summary>
/// The user name of a CONNECT: <c>{host}/{device}[/{module}]/?api-version=...&amp;...</c>, in old clients without the question mark.
/// </summary>
/// <param name="Host">Host that the client means.</param>
/// <param name="DeviceId">Device.</param>
/// <param name="ModuleId">Module, or null.</param>
/// <param name="Options">The pairs at the end, decoded; unknown ones are kept.</param>
internal sealed record MqttUserName(string Host, string DeviceId, string? ModuleId, IReadOnlyDictionary<string, string> Options)
{
    /// <summary>True for the provisioning service's form, <c>{idScope}/registrations/{registrationId}/api-version=...</c>.</summary>
    public static bool IsRegistration(string? text) => text?.Split('/') is [_, "registrations", _, { } last] && !last.StartsWith('?');

    /// <summary>Reads a user name; <paramref name="reason"/> says what is missing.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out MqttUserName? name, [NotNullWhen(false)] out string? reason)
    {
        name = null;
        reason = null;
        var parts = (text ?? "").Split('/');
        if (parts.Length is < 3 or > 4 || parts[..^1].Any(p => p.Length == 0))
        {
            reason = "the user name is not of the form {host}/{device}[/{module}]/?api-version=...";
            return false;
        }
        var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var pair in parts[^1].TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            options[equals < 0 ? pair : pair[..equals]] = equals < 0 ? "" : PercentEncoding.Decode(pair[(equals + 1)..]);
        }
        if (!options.ContainsKey("api-version"))
        {
            reason = "the user name has no api-version";
            return false;
        }
        name = new MqttUserName(parts[0], parts[1], parts.Length == 4 ? parts[2] : null, options);
        return true;
    }
}
