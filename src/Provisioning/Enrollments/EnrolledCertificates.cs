namespace Homeport.Provisioning.Enrollments;

/// <summary>What the certificates of an enrollment are.</summary>
public enum CertificateUse
{
    /// <summary>Certificates of the one device of an individual enrollment.</summary>
    Client,
    /// <summary>CAs that issue the certificates of devices, or of TPMs' endorsement keys. They need not be roots.</summary>
    Signing,
    /// <summary>Names of CA certificates that were uploaded to the service and verified.</summary>
    Reference,
}

/// <summary>The certificates against which a device's is checked. Both of a pair count, so that one can be renewed while the other is in use.</summary>
/// <param name="Use">Which of the members count.</param>
/// <param name="Primary">DER, for <see cref="CertificateUse.Client"/> and <see cref="CertificateUse.Signing"/>.</param>
/// <param name="Secondary">DER, or null.</param>
/// <param name="PrimaryName">Name of an uploaded CA, for <see cref="CertificateUse.Reference"/>.</param>
/// <param name="SecondaryName">Name of an uploaded CA, or null.</param>
public sealed record EnrolledCertificates(CertificateUse Use, byte[]? Primary = null, byte[]? Secondary = null, string? PrimaryName = null, string? SecondaryName = null)
{
    /// <summary>The use only.</summary>
    public override string ToString() => Use.ToString();
}
