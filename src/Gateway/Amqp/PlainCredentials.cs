using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Homeport.Gateway.Amqp;

/// <summary>
/// What SASL PLAIN (RFC 4616) says: <c>{policy}@sas.root.{hub}</c>, <c>{device}@sas.{hub}</c>, <c>{device}/modules/{module}@sas.{hub}</c>
/// or <c>{device}@{hub}</c> with a security token as password.
/// </summary>
/// <param name="UserName">The name.</param>
/// <param name="Token">The password.</param>
internal sealed record PlainCredentials(string UserName, string Token)
{
    /// <summary>Device that the name says; null for a policy and a registration.</summary>
    public string? DeviceId { get; private init; }

    /// <summary>Module that the name says, or null.</summary>
    public string? ModuleId { get; private init; }

    /// <summary>Reads an initial response: authorization identity, name and password with a zero byte in front of the last two.</summary>
    public static bool TryParse(byte[]? response, [NotNullWhen(true)] out PlainCredentials? credentials, [NotNullWhen(false)] out string? reason)
    {
        credentials = null;
        reason = null;
        var parts = Encoding.UTF8.GetString(response ?? []).Split('\0');
        if (parts is not [_, { Length: > 0 } user, var password])
        {
            reason = "the response has not the three parts of RFC 4616";
            return false;
        }
        var at = user.LastIndexOf('@');
        if (at < 0)
        {
            credentials = new PlainCredentials(user, password);
            return true;
        }
        var host = user[(at + 1)..];
        var name = user[..at].Split("/modules/", 2);
        var isPolicy = host.StartsWith("sas.root.", StringComparison.OrdinalIgnoreCase);
        credentials = new PlainCredentials(user, password) { DeviceId = isPolicy ? null : name[0], ModuleId = isPolicy || name.Length == 1 ? null : name[1] };
        return true;
    }

    /// <summary>The name only: the token stays out of logs.</summary>
    public override string ToString() => UserName;
}
