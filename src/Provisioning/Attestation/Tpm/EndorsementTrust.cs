using System.Security.Cryptography.X509Certificates;
using Homeport.Provisioning.Attestation.X509;
using Homeport.Provisioning.Enrollments;
using Homeport.Tpm.Attestation;

namespace Homeport.Provisioning.Attestation.Tpm;

/// <summary>Finds the group to which the certificate of an endorsement key belongs: by the manufacturer's CA and by the group's filter.</summary>
internal sealed class EndorsementTrust(TimeProvider time)
{
    private readonly ProvedChains _proved = new(time);

    /// <summary>The CA of the group, or null; <paramref name="reason"/> says what did not fit.</summary>
    /// <param name="trust">The CAs.</param>
    /// <param name="hash">The endorsement key that the certificate has to be for.</param>
    /// <param name="certificate">DER.</param>
    /// <param name="chain">Certificates that came with it, DER.</param>
    /// <param name="reason">Why there is none.</param>
    public CertificateAnchor? Find(CertificateTrust trust, byte[] hash, byte[] certificate, IReadOnlyList<byte[]> chain, out string reason)
    {
        using var leaf = X509CertificateLoader.LoadCertificate(certificate);
        reason = "";
        if (EndorsementKeyForm.HashOf(leaf) is not { } own || !own.AsSpan().SequenceEqual(hash))
        {
            reason = "the certificate is for another key than the endorsement key that was shown";
            return null;
        }
        if (_proved.Find(trust, leaf, chain) is { } known)
            return known;
        if (EndorsementCertificate.PurposeFailure(leaf) is { } purpose)
        {
            reason = purpose;
            return null;
        }
        var found = Search(trust, leaf, chain, out reason);
        if (found is not null)
            _proved.Add(trust, leaf, chain, found);
        return found;
    }

    /// <summary>Null when the attributes of a TPM fit a filter, else the one that does not.</summary>
    public static string? FilterFailure(TpmFilter? filter, EndorsementCertificate tpm)
    {
        if (filter is null)
            return null;
        if (!Fits(filter.Manufacturer, tpm.Manufacturer) && !Fits(filter.Manufacturer, tpm.ManufacturerName))
            return $"its manufacturer is '{Shown.Text(tpm.Manufacturer)}' ({Shown.Text(tpm.ManufacturerName)}), not '{filter.Manufacturer}'";
        if (!Fits(filter.Model, tpm.Model))
            return $"its model is '{Shown.Text(tpm.Model)}', not '{filter.Model}'";
        return Fits(filter.Version, tpm.Version) ? null : $"its version is '{Shown.Text(tpm.Version)}', not '{filter.Version}'";
    }

    private CertificateAnchor? Search(CertificateTrust trust, X509Certificate2 leaf, IReadOnlyList<byte[]> chain, out string reason)
    {
        var sent = chain.Select(X509CertificateLoader.LoadCertificate).ToList();
        try
        {
            var attributes = EndorsementCertificate.Read(leaf);
            var ofTpms = trust.Anchors.Where(a => a.Enrollment.Attestation.Type == AttestationType.Tpm).ToList();
            var unfit = ofTpms.Select(a => (Anchor: a, Failure: FilterFailure(a.Enrollment.Attestation.Tpm?.Filter, attributes))).Where(a => a.Failure is not null).ToList();
            var search = new ChainSearch(ofTpms.Except(unfit.Select(u => u.Anchor)), trust.Held, trust.Uploaded.Revoked, time.GetUtcNow());
            var found = search.Find(leaf, sent, forClients: false);
            reason = found is not null ? ""
                : search.Nearest is { } nearest ? $"it is not accepted under the {nearest.Anchor}: {nearest.Reason}"
                : unfit.Count > 0 ? $"the filter of the {unfit[0].Anchor.Enrollment} does not take it: {unfit[0].Failure}"
                : $"no TPM group trusts its issuer '{Shown.Text(leaf.Issuer, 200)}'";
            return found;
        }
        finally
        {
            sent.ForEach(c => c.Dispose());
        }
    }

    private static bool Fits(string? wanted, string? value)
        => wanted is null
            || (value is not null && (wanted.EndsWith('*')
                ? value.StartsWith(wanted[..^1], StringComparison.OrdinalIgnoreCase)
                : value.Equals(wanted, StringComparison.OrdinalIgnoreCase)));
}
