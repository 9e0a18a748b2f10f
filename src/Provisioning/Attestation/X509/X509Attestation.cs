using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Attestation.X509;

/// <summary>
/// Attestation by a TLS client certificate, whose private key the handshake has proved: the certificate of an individual enrollment, or
/// one that a CA of an enrollment issued. Its common name has to be the registration id.
/// </summary>
internal sealed class X509Attestation(TimeProvider time)
{
    /// <summary>Largest certificate of a device, in bytes; TLS takes larger ones.</summary>
    private const int MaxSize = 16 * 1024;

    private readonly ProvedChains _proved = new(time);
    private readonly SentCertificates _sent = new();
    private CertificateTrust? _trust;

    /// <summary>The CAs of all groups.</summary>
    public CertificateTrust TrustOf(IReadOnlyList<Enrollment> groups, UploadedAuthorities uploaded)
    {
        var trust = CertificateTrust.Read(Volatile.Read(ref _trust), groups, uploaded);
        Volatile.Write(ref _trust, trust);
        return trust;
    }

    /// <summary>Checks a certificate against an individual enrollment.</summary>
    public Outcome<AttestationProof> Verify(RegistrationCall call, Enrollment individual, UploadedAuthorities uploaded)
    {
        var leaf = call.Certificate!;
        if (CheckLeaf(call, leaf) is { } bad)
            return bad with { Nearest = individual.Id };
        if (individual.Attestation.Certificates is not { } enrolled)
        {
            return Mismatch($"The {call} came with a client certificate, but its individual enrollment is for {individual.Attestation}",
                "Change the attestation of the enrollment to x509, or give the device the credentials that are enrolled.", nearest: individual.Id);
        }
        if (enrolled.Use == CertificateUse.Client)
            return VerifyThumbprint(call, leaf, individual, enrolled);
        return FindIssuer(call, leaf, new Searched([.. CertificateTrust.AnchorsOf(individual, uploaded)], CertificateTrust.Read(null, [individual], uploaded)), individual);
    }

    /// <summary>Looks for the group whose CA issued a certificate.</summary>
    public Outcome<AttestationProof> FindGroup(RegistrationCall call, IReadOnlyList<Enrollment> groups, UploadedAuthorities uploaded)
    {
        var leaf = call.Certificate!;
        if (CheckLeaf(call, leaf) is { } bad)
            return bad;
        var trust = TrustOf(groups, uploaded);
        if (_proved.Find(trust, leaf, call.Intermediates) is { } known)
            return Proof(known, leaf);
        return FindIssuer(call, leaf, new Searched([.. trust.Anchors.Where(a => a.Enrollment.Attestation.Type == AttestationType.X509)], trust), null);
    }

    private static Outcome<AttestationProof> VerifyThumbprint(RegistrationCall call, X509Certificate2 leaf, Enrollment individual, EnrolledCertificates enrolled)
    {
        var shown = leaf.RawDataMemory.Span;
        var isPrimary = enrolled.Primary is not null && shown.SequenceEqual(enrolled.Primary);
        if (isPrimary || (enrolled.Secondary is not null && shown.SequenceEqual(enrolled.Secondary)))
        {
            var both = new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: ThumbprintOf(enrolled.Primary), SecondaryThumbprint: ThumbprintOf(enrolled.Secondary));
            return new AttestationProof(individual, isPrimary ? CredentialUsed.PrimaryCertificate : CredentialUsed.SecondaryCertificate, both);
        }
        return Mismatch($"The client certificate of {call} has the thumbprint {ThumbprintOf(leaf.RawData)} (SHA-256), which its individual enrollment does not have",
            "Enroll this certificate as primary or secondary, or give the device one that is enrolled.",
            [$"primary certificate: {Compared(enrolled.Primary)}", $"secondary certificate: {Compared(enrolled.Secondary)}"], individual.Id);
    }

    private Outcome<AttestationProof> FindIssuer(RegistrationCall call, X509Certificate2 leaf, Searched where, Enrollment? individual)
    {
        using var sent = _sent.Read(call.Intermediates);
        var search = new ChainSearch(where.Anchors, where.Trust.Held, where.Trust.Uploaded.Revoked, time.GetUtcNow());
        if (search.Find(leaf, sent.All, forClients: true) is { } anchor)
        {
            sent.Keep();
            if (individual is null)
                _proved.Add(where.Trust, leaf, call.Intermediates, anchor);
            return Proof(anchor, leaf);
        }
        return search.Nearest is { } nearest
            ? Mismatch($"The client certificate of {call} is not accepted under the {nearest.Anchor}: {nearest.Reason}", "Give the device a certificate that is valid now and that this CA issued.", search.Tried, nearest.Anchor.Enrollment.Id)
            : Stranger(call, leaf, sent.All.Count, where, individual);
    }

    /// <summary>The hub knows such a device by the certificate that it has now: it needs no CA of its own then, and one certificate can be shut out.</summary>
    private static AttestationProof Proof(CertificateAnchor anchor, X509Certificate2 leaf) => new(
        anchor.Enrollment,
        anchor.IsPrimary ? CredentialUsed.PrimaryCertificate : CredentialUsed.SecondaryCertificate,
        new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: ThumbprintOf(leaf.RawData)));

    private Refusal? CheckLeaf(RegistrationCall call, X509Certificate2 leaf)
    {
        if (leaf.RawDataMemory.Length > MaxSize)
            return Mismatch($"The client certificate of {call} has {leaf.RawDataMemory.Length} bytes, more than {MaxSize}", "Issue it with fewer names and extensions.");
        if (ChainCheck.TimeFailure(leaf, time.GetUtcNow()) is { } late)
            return Mismatch($"The client certificate of {call} is not valid now: {late}", "Give the device a new certificate, and check the server's clock.");
        if (ChainCheck.UsageFailure(leaf) is { } usage)
            return Mismatch($"The client certificate of {call} cannot be used by a TLS client: {usage}", "Issue it with the key usage digitalSignature.");
        var name = ChainCheck.CommonNameOf(leaf);
        return string.Equals(name, call.RegistrationId, StringComparison.OrdinalIgnoreCase) ? null : Mismatch(
            name is null ? $"The client certificate of {call} has no common name of its own, or several" : $"The client certificate of {call} has the common name '{Shown.Text(name)}'",
            $"Register as the common name says, or issue a certificate for the common name '{call.RegistrationId}'.");
    }

    private static Refusal Stranger(RegistrationCall call, X509Certificate2 leaf, int sent, Searched where, Enrollment? individual)
    {
        var known = where.Anchors.Count == 0 ? "none" : string.Join("; ", where.Anchors.Take(10));
        return Mismatch(
            $"No CA {(individual is null ? "of an enrollment group" : $"of the {individual}")} is in the chain of the client certificate of {call}, whose issuer is '{Shown.Text(leaf.Issuer, 200)}'; the device sent {sent} intermediate certificate(s){(where.Trust.Missing is { Length: > 0 } missing ? $"; {Shown.Text(missing, 500)}" : "")}",
            "Enroll that issuer, upload the CA certificates between it and the enrolled CA, or let the device send its whole chain.",
            [individual is null ? $"individual enrollment '{call.RegistrationId}': not there" : $"{individual}: its CAs did not issue it", $"CAs: {known}"], individual?.Id);
    }

    private static string Compared(byte[]? certificate) => certificate is null ? "none" : $"SHA-256 {ThumbprintOf(certificate)}, no match";

    private static string? ThumbprintOf(byte[]? certificate) => certificate is null ? null : Convert.ToHexString(SHA256.HashData(certificate));

    private static Refusal Mismatch(string seen, string fix, IReadOnlyList<string>? tried = null, string? nearest = null)
        => new(ProvisioningErrors.CredentialMismatch, seen, fix, tried, nearest);

    private sealed record Searched(IReadOnlyList<CertificateAnchor> Anchors, CertificateTrust Trust);
}
