using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Attestation;

/// <summary>A device proved that it belongs to an enrollment, which may still be disabled.</summary>
/// <param name="Enrollment">Where it belongs.</param>
/// <param name="PrimaryKey">Key that the device holds, for its hub; null for a TPM, which gets one.</param>
/// <param name="SecondaryKey">As good as the primary key.</param>
public sealed record AttestationProof(Enrollment Enrollment, byte[]? PrimaryKey = null, byte[]? SecondaryKey = null)
{
    /// <summary>Enrollment only: the keys stay out of logs.</summary>
    public override string ToString() => Enrollment.ToString();
}
