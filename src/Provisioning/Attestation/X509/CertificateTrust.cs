using System.Security.Cryptography.X509Certificates;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Attestation.X509;

/// <summary>
/// The CAs of all enrollment groups, read once and kept until a group or a CA changes. It never changes itself, so a call works with one
/// state from its beginning to its end.
/// </summary>
internal sealed class CertificateTrust
{
    private readonly IReadOnlyList<Enrollment> _groups;
    private readonly UploadedAuthorities _uploaded;

    private CertificateTrust(IReadOnlyList<Enrollment> groups, UploadedAuthorities uploaded)
    {
        _groups = groups;
        _uploaded = uploaded;
        Anchors = [.. groups.SelectMany(g => AnchorsOf(g, uploaded))];
        Held = [.. uploaded.All.Select(a => a.Certificate), .. Anchors.Select(a => a.Certificate)];
    }

    /// <summary>CAs of the groups whose devices have certificates, and of those whose TPMs have.</summary>
    public IReadOnlyList<CertificateAnchor> Anchors { get; }

    /// <summary>Says which CAs the groups name that nobody uploaded; empty when there are none.</summary>
    public string Missing => string.Join("; ", _groups.SelectMany(g => MissingOf(g, _uploaded)));

    /// <summary>CA certificates that the server has, for devices that do not send all of their chain.</summary>
    public IReadOnlyList<X509Certificate2> Held { get; }

    /// <summary>The uploaded CAs.</summary>
    public UploadedAuthorities Uploaded => _uploaded;

    /// <summary>Reads what there is, unless this is what was read last.</summary>
    public static CertificateTrust Read(CertificateTrust? last, IReadOnlyList<Enrollment> groups, UploadedAuthorities uploaded)
        => last is not null && ReferenceEquals(last._groups, groups) && ReferenceEquals(last._uploaded, uploaded) ? last : new CertificateTrust(groups, uploaded);

    private static IEnumerable<string> MissingOf(Enrollment enrollment, UploadedAuthorities uploaded)
        => ((string?[])[enrollment.Attestation.Certificates?.PrimaryName, enrollment.Attestation.Certificates?.SecondaryName])
            .Where(name => name is not null && uploaded.Find(name) is null)
            .Select(name => $"the CA '{name}' that the {enrollment} names is not uploaded");

    /// <summary>The CAs of one enrollment; those that are not there any more are left out.</summary>
    public static IEnumerable<CertificateAnchor> AnchorsOf(Enrollment enrollment, UploadedAuthorities uploaded)
    {
        if (enrollment.Attestation.Certificates is not { Use: not CertificateUse.Client } certificates)
            yield break;
        foreach (var (isPrimary, der, name) in ((bool, byte[]?, string?)[])[(true, certificates.Primary, certificates.PrimaryName), (false, certificates.Secondary, certificates.SecondaryName)])
        {
            if (certificates.Use == CertificateUse.Signing && der is not null)
                yield return new CertificateAnchor(enrollment, isPrimary, X509CertificateLoader.LoadCertificate(der), null);
            else if (certificates.Use == CertificateUse.Reference && name is not null && uploaded.Find(name) is { } authority)
                yield return new CertificateAnchor(enrollment, isPrimary, authority.Certificate, authority.Entry.Verified ? null : authority.Entry.Name);
        }
    }
}
