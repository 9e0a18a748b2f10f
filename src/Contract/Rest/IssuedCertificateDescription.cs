namespace Homeport.Contract.Rest;

/// <summary>A certificate that was issued to a device at its registration.</summary>
public sealed record IssuedCertificateDescription
{
    /// <summary>Serial number, upper-case hex.</summary>
    public required string SerialNumber { get; init; }
    public required string RegistrationId { get; init; }
    public required string DeviceId { get; init; }
    /// <summary>Hub that knows the certificate by its thumbprint.</summary>
    public required string IotHubHostName { get; init; }
    public required string CertificateAuthorityName { get; init; }
    /// <summary>SHA-256, upper-case hex.</summary>
    public required string Sha256Thumbprint { get; init; }
    public ServiceTime NotBeforeUtc { get; init; }
    public ServiceTime NotAfterUtc { get; init; }
    /// <summary>When it was revoked, or absent.</summary>
    public ServiceTime? RevokedUtc { get; init; }
    public string? RevocationReason { get; init; }
    /// <summary><c>valid</c>, <c>expired</c> or <c>revoked</c>.</summary>
    public required string Status { get; init; }
}

/// <summary>Body of a revocation.</summary>
public sealed record RevocationDescription(string? Reason);
