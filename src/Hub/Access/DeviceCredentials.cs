using System.Security.Cryptography.X509Certificates;

namespace Homeport.Hub.Access;

/// <summary>What a device showed at a door.</summary>
/// <param name="DeviceId">Device that it claims to be.</param>
/// <param name="ModuleId">Module that it claims to be, or null.</param>
/// <param name="Token">Security token, or null.</param>
/// <param name="Certificate">TLS client certificate, or null.</param>
public sealed record DeviceCredentials(string DeviceId, string? ModuleId, string? Token, X509Certificate2? Certificate)
{
    /// <summary>Other certificates that the client sent in the TLS handshake, DER.</summary>
    public IReadOnlyList<byte[]> Intermediates { get; init; } = [];

    /// <summary>Names only: the token stays out of logs.</summary>
    public override string ToString() => ModuleId is null ? $"device '{DeviceId}'" : $"module '{ModuleId}' of device '{DeviceId}'";
}
