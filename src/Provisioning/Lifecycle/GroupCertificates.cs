using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Lifecycle;

/// <summary>One of the two CA certificates of a group.</summary>
public enum CertificateSlot
{
    Primary,
    Secondary,
}

/// <summary>
/// The CA certificates of X.509 groups in the manner of IoT Central: one is uploaded, its owner shows that they hold its key, and until then
/// nobody comes by it. They are CA certificates of provisioning, named after their group.
/// </summary>
public sealed class GroupCertificates(EnrollmentService enrollments, ProvisioningAuthorities authorities)
{
    /// <summary>Name of the CA certificate of a group.</summary>
    public static string NameOf(string groupId, CertificateSlot slot) => $"{groupId}-{(slot == CertificateSlot.Primary ? "primary" : "secondary")}";

    /// <summary>The attestation of a group whose certificates are uploaded one by one.</summary>
    public static AttestationDescription References(string groupId) => new()
    {
        Type = "x509",
        X509 = new X509AttestationDescription { CaReferences = new CaReferencesDescription(NameOf(groupId, CertificateSlot.Primary), NameOf(groupId, CertificateSlot.Secondary)) },
    };

    /// <summary>Finds one.</summary>
    public async Task<Outcome<CaCertificate>> GetAsync(string groupId, CertificateSlot slot, CancellationToken token)
    {
        if (!(await GroupAsync(groupId, token)).Succeeded(out var group, out var refusal))
            return refusal;
        var certificates = group.Attestation.Certificates!;
        if (certificates.Use != CertificateUse.Signing)
            return NameIn(certificates, slot) is { } name ? await authorities.GetAsync(name, token) : Missing(group, slot);
        // Whoever wrote it into the enrollment answered for it.
        return DerIn(certificates, slot) is { } der
            ? new CaCertificate { Name = NameOf(group.Id, slot), ETag = group.ETag, Certificate = der, Verified = true, Created = group.Created, Updated = group.Updated }
            : Missing(group, slot);
    }

    /// <summary>Adds or replaces one.</summary>
    /// <param name="groupId">The group.</param>
    /// <param name="slot">Which of the two.</param>
    /// <param name="text">PEM, or DER in Base64.</param>
    /// <param name="attested">The caller answers for it that they hold the key.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<CaCertificate>> PutAsync(string groupId, CertificateSlot slot, string? text, bool attested, CancellationToken token)
    {
        if (!(await GroupAsync(groupId, token)).Succeeded(out var group, out var refusal))
            return refusal;
        var name = NameOf(group.Id, slot);
        var there = (await authorities.GetAsync(name, token)).Value;
        if (!(await authorities.PutAsync(name, text, attested, there is null ? IfMatch.Absent : IfMatch.Parse("*"), token)).Succeeded(out var put, out refusal))
            return refusal;
        return await ReferAsync(group, slot, token) is { } notReferred ? notReferred : put;
    }

    /// <summary>Makes a code for the proof of possession.</summary>
    public async Task<Outcome<CaCertificate>> GenerateCodeAsync(string groupId, CertificateSlot slot, CancellationToken token)
        => (await UploadedAsync(groupId, slot, token)).Succeeded(out var uploaded, out var refusal) ? await authorities.GenerateCodeAsync(uploaded.Name, IfMatch.Parse("*"), token) : refusal;

    /// <summary>Takes the proof of possession.</summary>
    public async Task<Outcome<CaCertificate>> VerifyAsync(string groupId, CertificateSlot slot, string? proof, CancellationToken token)
        => (await UploadedAsync(groupId, slot, token)).Succeeded(out var uploaded, out var refusal) ? await authorities.VerifyAsync(uploaded.Name, proof, IfMatch.Parse("*"), token) : refusal;

    /// <summary>Deletes one; devices that came by it register no more. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string groupId, CertificateSlot slot, CancellationToken token)
        => (await UploadedAsync(groupId, slot, token)).Succeeded(out var uploaded, out var refusal) ? await authorities.DeleteAsync(uploaded.Name, IfMatch.Absent, token) : refusal;

    /// <summary>Deletes those that were uploaded for a group which is deleted.</summary>
    public async Task ForgetAsync(string groupId, CancellationToken token)
    {
        foreach (var slot in Enum.GetValues<CertificateSlot>())
            await authorities.DeleteAsync(NameOf(groupId, slot), IfMatch.Absent, token);
    }

    private async Task<Outcome<CaCertificate>> UploadedAsync(string groupId, CertificateSlot slot, CancellationToken token)
    {
        if (!(await GroupAsync(groupId, token)).Succeeded(out var group, out var refusal))
            return refusal;
        return NameIn(group.Attestation.Certificates!, slot) is { } name ? await authorities.GetAsync(name, token) : Missing(group, slot);
    }

    /// <summary>Has the group name its uploaded certificates; one that stands in the enrollment itself is uploaded first.</summary>
    private async Task<Refusal?> ReferAsync(Enrollment group, CertificateSlot changed, CancellationToken token)
    {
        var certificates = group.Attestation.Certificates!;
        var other = changed == CertificateSlot.Primary ? CertificateSlot.Secondary : CertificateSlot.Primary;
        if (DerIn(certificates, other) is { } der
            && (await authorities.PutAsync(NameOf(group.Id, other), Convert.ToBase64String(der), attested: true, IfMatch.Absent, token)).Refusal is { } notMoved
            && notMoved.Error != ProvisioningErrors.PreconditionFailed)
        {
            return notMoved;
        }
        var names = new CaReferencesDescription(
            changed == CertificateSlot.Primary ? NameOf(group.Id, changed) : NameIn(certificates, CertificateSlot.Primary) ?? NameOf(group.Id, CertificateSlot.Primary),
            changed == CertificateSlot.Secondary ? NameOf(group.Id, changed) : NameIn(certificates, CertificateSlot.Secondary) ?? NameOf(group.Id, CertificateSlot.Secondary));
        if (certificates.Use == CertificateUse.Reference && certificates.PrimaryName == names.Primary && certificates.SecondaryName == names.Secondary)
            return null;
        var wanted = EnrollmentForm.Show(group) with { Attestation = new AttestationDescription { Type = "x509", X509 = new X509AttestationDescription { CaReferences = names } } };
        return (await enrollments.PutAsync(EnrollmentKind.Group, group.Id, wanted, IfMatch.Parse(group.ETag), token)).Refusal;
    }

    private async Task<Outcome<Enrollment>> GroupAsync(string groupId, CancellationToken token)
    {
        if (!(await enrollments.GetAsync(EnrollmentKind.Group, groupId, token)).Succeeded(out var group, out var refusal))
            return refusal;
        return group.Attestation is { Type: AttestationType.X509, Certificates: not null }
            ? group
            : EnrollmentForm.Invalid("enrollmentGroup", $"the {group} is not for X.509", "Use a group with the attestation x509.");
    }

    private static string? NameIn(EnrolledCertificates certificates, CertificateSlot slot)
        => certificates.Use != CertificateUse.Reference ? null : slot == CertificateSlot.Primary ? certificates.PrimaryName : certificates.SecondaryName;

    private static byte[]? DerIn(EnrolledCertificates certificates, CertificateSlot slot)
        => certificates.Use != CertificateUse.Signing ? null : slot == CertificateSlot.Primary ? certificates.Primary : certificates.Secondary;

    private static Refusal Missing(Enrollment group, CertificateSlot slot)
        => new(ProvisioningErrors.NotFound, $"The {group} has no {slot.ToString().ToLowerInvariant()} certificate that was uploaded", "Upload it first.");

    /// <summary>SHA-1 thumbprint, a name that clients of IoT Central use.</summary>
    public static string ThumbprintOf(CaCertificate entry)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(entry.Certificate);
        return certificate.Thumbprint;
    }
}
