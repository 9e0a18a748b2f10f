using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Homeport.Contract.Access;

/// <summary>An Azure IoT connection string, <c>HostName=...;SharedAccessKeyName=...;SharedAccessKey=...</c> and its device and module forms.</summary>
/// <param name="HostName">Host of the hub or of the provisioning service.</param>
/// <param name="SharedAccessKey">Base64 text of the key, or null.</param>
/// <param name="SharedAccessKeyName">Policy, for service connection strings.</param>
/// <param name="DeviceId">Device, for device connection strings.</param>
/// <param name="ModuleId">Module of the device.</param>
/// <param name="SharedAccessSignature">A ready token in place of the key.</param>
/// <param name="GatewayHostName">Host to connect to in place of <paramref name="HostName"/>.</param>
public sealed record ConnectionString(
    string HostName,
    string? SharedAccessKey = null,
    string? SharedAccessKeyName = null,
    string? DeviceId = null,
    string? ModuleId = null,
    string? SharedAccessSignature = null,
    string? GatewayHostName = null)
{
    /// <summary>Reads a connection string. Never throws; <paramref name="reason"/> says what is wrong, without its values.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ConnectionString? result, [NotNullWhen(false)] out string? reason)
    {
        result = null;
        reason = null;
        var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var part in (text ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
                reason = "a part of the connection string has no 'Name=' in front";
            else if (!fields.TryAdd(part[..equals], part[(equals + 1)..]))
                reason = $"'{part[..equals]}' stands twice in the connection string";
            if (reason is not null)
                return false;
        }
        if (!fields.TryGetValue("HostName", out var host) || host.Length == 0)
        {
            reason = "the connection string has no HostName";
            return false;
        }
        string? Field(string name) => fields.GetValueOrDefault(name);
        result = new ConnectionString(host, Field("SharedAccessKey"), Field("SharedAccessKeyName"), Field("DeviceId"), Field("ModuleId"),
            Field("SharedAccessSignature"), Field("GatewayHostName"));
        return true;
    }

    /// <summary>The whole text, with its key: for the one place where a user asked for it.</summary>
    public string Reveal()
    {
        var text = new StringBuilder("HostName=").Append(HostName);
        void Add(string name, string? value)
        {
            if (value is not null)
                text.Append(';').Append(name).Append('=').Append(value);
        }
        Add(nameof(DeviceId), DeviceId);
        Add(nameof(ModuleId), ModuleId);
        Add(nameof(SharedAccessKeyName), SharedAccessKeyName);
        Add(nameof(SharedAccessKey), SharedAccessKey);
        Add(nameof(SharedAccessSignature), SharedAccessSignature);
        Add(nameof(GatewayHostName), GatewayHostName);
        return text.ToString();
    }

    /// <summary>The text without its key, fit for logs.</summary>
    public override string ToString()
        => (this with { SharedAccessKey = SharedAccessKey is null ? null : "***", SharedAccessSignature = SharedAccessSignature is null ? null : "***" }).Reveal();
}
