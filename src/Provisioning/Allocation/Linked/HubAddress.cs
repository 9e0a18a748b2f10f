using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Allocation.Linked;

/// <summary>Where another hub is, and the key that opens it.</summary>
/// <param name="HostName">Devices get to know it by this name.</param>
/// <param name="Port">Of its REST API.</param>
/// <param name="Policy">Policy of the key.</param>
/// <param name="Key">Of the policy.</param>
internal sealed record HubAddress(string HostName, int Port, string Policy, byte[] Key)
{
    private const int HttpsPort = 443;

    /// <summary>Names only: the key stays out of logs.</summary>
    public override string ToString() => $"{HostName} ({Policy})";

    /// <summary>Reads a connection string; its host name may have a port.</summary>
    public static Outcome<HubAddress> Read(string? text)
    {
        if (!ConnectionString.TryParse(text, out var connection, out var reason))
            return Bad(reason);
        if (string.IsNullOrEmpty(connection.SharedAccessKeyName) || string.IsNullOrEmpty(connection.SharedAccessKey))
            return Bad("it has no SharedAccessKeyName and SharedAccessKey");
        var key = new byte[connection.SharedAccessKey.Length];
        if (!Convert.TryFromBase64String(connection.SharedAccessKey, key, out var length) || length == 0)
            return Bad("its SharedAccessKey is no Base64");
        // A user name, a path or a query would be part of an address, and is none of a host.
        if (!Uri.TryCreate($"https://{connection.HostName}/", UriKind.Absolute, out var uri) || uri.UserInfo.Length > 0 || uri.AbsolutePath != "/" || uri.Query.Length > 0 || uri.Fragment.Length > 0)
            return Bad($"'{Shown.Text(connection.HostName)}' is no host name");
        return new HubAddress(uri.Host.ToLowerInvariant(), uri.IsDefaultPort ? HttpsPort : uri.Port, connection.SharedAccessKeyName, key[..length]);
    }

    private static Refusal Bad(string reason)
        => EnrollmentForm.Invalid("connectionString", reason, "Copy the service connection string of the hub: HostName=...;SharedAccessKeyName=...;SharedAccessKey=...");
}
