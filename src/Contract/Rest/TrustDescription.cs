namespace Homeport.Contract.Rest;

/// <summary>The root certificates of the doors, and how the change of them stands.</summary>
/// <param name="Stage"><c>single</c>, <c>staged</c> or <c>crossed</c>.</param>
/// <param name="Roots">The current one first.</param>
public sealed record TrustDescription(string Stage, IReadOnlyList<TrustRootDescription> Roots);

/// <summary>A root certificate.</summary>
public sealed record TrustRootDescription(string Sha256, string Subject, ServiceTime NotAfter, string Certificate);

/// <summary>What a signed bundle says.</summary>
/// <param name="Iss">Host name of the server.</param>
/// <param name="Iat">When it was signed, seconds since 1970.</param>
/// <param name="Stage">As in <see cref="TrustDescription"/>.</param>
/// <param name="Roots">The current one first.</param>
public sealed record TrustBundlePayload(string Iss, long Iat, string Stage, IReadOnlyList<TrustRootDescription> Roots);

/// <summary>A signed bundle. Source: RFC 7515, section 7.2.1.</summary>
public sealed record SignedBundle(string Payload, IReadOnlyList<BundleSignature> Signatures);

/// <summary>A signature of a bundle; the protected header names the root by <c>x5t#S256</c>.</summary>
public sealed record BundleSignature(string Protected, string Signature);

/// <summary>Who would not connect any more when the old root is left.</summary>
/// <param name="Stage">As in <see cref="TrustDescription"/>.</param>
/// <param name="NextRoot">SHA-256 of the next root, or null when there is none.</param>
/// <param name="Devices">Devices of the hub that may connect.</param>
/// <param name="Ready">Those that are known to trust the next root.</param>
/// <param name="Breaking">The others, at most a thousand.</param>
public sealed record TrustReport(string Stage, string? NextRoot, long Devices, long Ready, IReadOnlyList<TrustReportDevice> Breaking);

/// <summary>A device that is not known to trust the next root.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="LastActivityTime">When it was last seen.</param>
/// <param name="KnownBy"><c>reported</c>, <c>fetched</c>, or <c>nothing</c>.</param>
/// <param name="Roots">The roots that it is known to trust.</param>
public sealed record TrustReportDevice(string DeviceId, ServiceTime LastActivityTime, string KnownBy, IReadOnlyList<string> Roots);

/// <summary>A token for one device, made by the key of the policy that asked.</summary>
/// <param name="Token">As a device sends it.</param>
/// <param name="HostName">Hub.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="ModuleId">The module, or null.</param>
/// <param name="ExpiresUtc">When it ends.</param>
public sealed record DeviceToken(string Token, string HostName, string DeviceId, string? ModuleId, ServiceTime ExpiresUtc)
{
    /// <summary>Without the token.</summary>
    public override string ToString() => $"{nameof(DeviceToken)} {DeviceId}";
}

/// <summary>Asks for a token.</summary>
/// <param name="ModuleId">The module, or null for the device.</param>
/// <param name="ExpiresInSeconds">60 to 86400; 3600 when it is left out.</param>
public sealed record DeviceTokenRequest(string? ModuleId, int? ExpiresInSeconds);
