namespace Homeport.Contract.Rest;

/// <summary>How a device of an enrollment proves who it is.</summary>
public sealed record AttestationDescription
{
    /// <summary><c>symmetricKey</c>, <c>tpm</c>, <c>x509</c> or <c>none</c>.</summary>
    public string? Type { get; init; }
    public TpmAttestationDescription? Tpm { get; init; }
    public X509AttestationDescription? X509 { get; init; }
    public SymmetricKeyDescription? SymmetricKey { get; init; }
}

/// <summary>
/// A TPM, or for groups TPMs of a manufacturer. <see cref="EndorsementKey"/> and <see cref="StorageRootKey"/> are those of the Azure service, Base64 of
/// TPM2B_PUBLIC structures; the other members are Homeport's own.
/// </summary>
public sealed record TpmAttestationDescription(string? EndorsementKey = null, string? StorageRootKey = null)
{
    /// <summary>Further endorsement keys of the same chip.</summary>
    public IReadOnlyList<string>? OtherEndorsementKeys { get; init; }
    /// <summary>The chip's certificate of its endorsement key: PEM, or DER in Base64.</summary>
    public string? EndorsementCertificate { get; init; }
    /// <summary>In a registration: the certificates between <see cref="EndorsementCertificate"/> and the manufacturer's CA.</summary>
    public IReadOnlyList<string>? EndorsementCertificateChain { get; init; }
    /// <summary>For groups: the manufacturer's CAs.</summary>
    public CertificatePairDescription? SigningCertificates { get; init; }
    /// <summary>For groups: names of uploaded CAs.</summary>
    public CaReferencesDescription? CaReferences { get; init; }
    /// <summary>For groups: which of the manufacturer's TPMs.</summary>
    public TpmFilterDescription? Filter { get; init; }
}

/// <summary>Attributes of the certificate of an endorsement key; each may end in <c>*</c>.</summary>
public sealed record TpmFilterDescription(string? Manufacturer, string? Model, string? Version);

/// <summary>Certificates of a device, or of the CAs that issue those of devices. One of the members is set.</summary>
public sealed record X509AttestationDescription
{
    public CertificatePairDescription? ClientCertificates { get; init; }
    public CertificatePairDescription? SigningCertificates { get; init; }
    public CaReferencesDescription? CaReferences { get; init; }
}

/// <summary>Two certificates that count alike.</summary>
public sealed record CertificatePairDescription(CertificateWithInfo? Primary, CertificateWithInfo? Secondary = null);

/// <summary>Names of two uploaded CA certificates that count alike.</summary>
public sealed record CaReferencesDescription(string? Primary, string? Secondary = null);

/// <summary>A certificate: the text is what clients send, the info what the service shows.</summary>
public sealed record CertificateWithInfo(string? Certificate, CertificateInfoDescription? Info = null);

/// <summary>What a certificate says. Source: DPS data plane, <c>X509CertificateInfo</c>.</summary>
public sealed record CertificateInfoDescription
{
    public string? SubjectName { get; init; }
    public string? Sha1Thumbprint { get; init; }
    public string? Sha256Thumbprint { get; init; }
    public string? IssuerName { get; init; }
    public ServiceTime? NotBeforeUtc { get; init; }
    public ServiceTime? NotAfterUtc { get; init; }
    public string? SerialNumber { get; init; }
    public int? Version { get; init; }
}
