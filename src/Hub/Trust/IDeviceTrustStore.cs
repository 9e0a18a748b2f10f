namespace Homeport.Hub.Trust;

/// <summary>What is known of the root certificates that a device trusts when it looks at this server.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Enabled">It may connect.</param>
/// <param name="LastActivity">Its last message or connection, or null.</param>
/// <param name="Fetched">SHA-256 thumbprints, upper-case hex, of the bundle that it fetched as itself; null: it never did.</param>
/// <param name="Reported">Those that it reports in its twin as <c>trustedRoots</c>; null: it reports none. They go before what it fetched.</param>
public sealed record DeviceTrust(string DeviceId, bool Enabled, DateTimeOffset? LastActivity, IReadOnlyList<string>? Fetched, IReadOnlyList<string>? Reported)
{
    /// <summary>True when it is known to trust a root.</summary>
    public bool Trusts(string thumbprint) => (Reported ?? Fetched)?.Contains(thumbprint, StringComparer.OrdinalIgnoreCase) == true;
}

/// <summary>Keeps which roots devices fetched.</summary>
public interface IDeviceTrustStore
{
    /// <summary>Notes that a device fetched the bundle with these roots. Durable when it returns.</summary>
    Task NoteAsync(string deviceId, IReadOnlyList<string> roots, DateTimeOffset time, CancellationToken token);

    /// <summary>Devices behind <paramref name="after"/> in the order of their ids, without modules.</summary>
    Task<IReadOnlyList<DeviceTrust>> ListAsync(string? after, int max, CancellationToken token);
}
