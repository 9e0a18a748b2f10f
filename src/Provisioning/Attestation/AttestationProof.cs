using Homeport.Hub.Registry;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Attestation;

/// <summary>A device proved that it belongs to an enrollment, which may still be disabled.</summary>
/// <param name="Enrollment">Where it belongs.</param>
/// <param name="Credential">With what it did.</param>
/// <param name="Authentication">How its hub will know it; null for a TPM, which gets a key of its own.</param>
public sealed record AttestationProof(Enrollment Enrollment, CredentialUsed Credential, Authentication? Authentication = null);

/// <summary>What a device proved itself with. Kept in registration records, so numbers do not change.</summary>
public enum CredentialUsed
{
    PrimaryKey = 1,
    SecondaryKey = 2,
    /// <summary>The certificate itself, or one that the primary CA issued.</summary>
    PrimaryCertificate = 3,
    SecondaryCertificate = 4,
    /// <summary>An endorsement key that is enrolled, or in the list of a group.</summary>
    EndorsementKey = 5,
    /// <summary>The certificate of an endorsement key, issued by a CA of a group.</summary>
    EndorsementCertificate = 6,
    /// <summary>A certificate that was issued to the device at a registration before.</summary>
    IssuedCertificate = 7,
}
