using System.Net;
using Homeport.Hub.Trust;

namespace Homeport.Provisioning.Allocation;

/// <summary>Which webhooks may be called. Who may write enrollments names them, so by default none inside of the server's own network.</summary>
public sealed record WebhookSettings
{
    /// <summary>Networks that are no place for a webhook unless an operator allows them: this machine, private and link-local ones, and those that lead there.</summary>
    private static readonly IPNetwork[] Inner =
    [
        .. ((string[])[
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15",
            "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "64:ff9b::/96", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8",
        ]).Select(IPNetwork.Parse),
    ];

    /// <summary>How long an answer may take; the device waits for it.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Inner networks where webhooks may be.</summary>
    public IReadOnlyList<IPNetwork> Networks { get; init; } = [];

    /// <summary>Which servers are believed.</summary>
    public PeerTrust Trust { get; init; } = PeerTrust.FromPem(null);

    /// <summary>True when a webhook may be at the address.</summary>
    public bool Allows(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return Networks.Any(n => n.Contains(plain)) || !Inner.Any(n => n.Contains(plain));
    }
}
