namespace Homeport.Contract.Rest;

/// <summary>A CA certificate of a hub. Source: IoT Hub resource provider and provisioning service, <c>CertificateResponse</c>.</summary>
/// <param name="Name">The name that the operator gave it.</param>
/// <param name="Etag">Changes with every write.</param>
/// <param name="Properties">What it is.</param>
public sealed record CertificateDescription(string Name, string Etag, CertificateProperties Properties);

/// <summary>What a CA certificate is. Only <see cref="Certificate"/> is read from callers.</summary>
public sealed record CertificateProperties
{
    public string? Subject { get; init; }

    /// <summary>RFC 1123, as in Azure.</summary>
    public string? Expiry { get; init; }

    /// <summary>SHA-1, hex.</summary>
    public string? Thumbprint { get; init; }

    public bool? IsVerified { get; init; }

    /// <summary>RFC 1123.</summary>
    public string? Created { get; init; }

    /// <summary>RFC 1123.</summary>
    public string? Updated { get; init; }

    /// <summary>DER in Base64; callers may send PEM.</summary>
    public string? Certificate { get; init; }

    /// <summary>What the proof of possession needs as common name; only in the answer that made it.</summary>
    public string? VerificationCode { get; init; }
}

/// <summary>CA certificates of a hub.</summary>
public sealed record CertificateList(IReadOnlyList<CertificateDescription> Value);

/// <summary>A certificate that a caller sends, in the newer form with properties or the older without.</summary>
public sealed record CertificateUpload(string? Certificate, CertificateProperties? Properties, bool? IsVerified = null);
