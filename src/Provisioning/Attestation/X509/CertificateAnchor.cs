using System.Security.Cryptography.X509Certificates;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Attestation.X509;

/// <summary>A CA that lets devices of an enrollment in.</summary>
/// <param name="Enrollment">Where its devices belong.</param>
/// <param name="IsPrimary">Which of the enrollment's pair it is.</param>
/// <param name="Certificate">The CA's certificate.</param>
/// <param name="Unverified">Name under which it was uploaded, when nobody proved yet to have its key; else null.</param>
internal sealed record CertificateAnchor(Enrollment Enrollment, bool IsPrimary, X509Certificate2 Certificate, string? Unverified)
{
    /// <summary>Says which one, for explanations.</summary>
    public override string ToString() => $"{Enrollment}, {(IsPrimary ? "primary" : "secondary")} CA '{Shown.Text(Certificate.Subject, 200)}'";
}
