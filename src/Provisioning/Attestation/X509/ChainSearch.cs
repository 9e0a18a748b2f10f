using System.Security.Cryptography.X509Certificates;
using Homeport.Hub.Access.Certificates;
using Homeport.Provisioning.Certificates;

namespace Homeport.Provisioning.Attestation.X509;

/// <summary>Finds the CA nearest to a certificate that issued it, directly or over intermediates.</summary>
/// <param name="anchors">The CAs that count.</param>
/// <param name="held">CA certificates of the server that may lie in between.</param>
/// <param name="revocations">Certificates that their issuers took back.</param>
/// <param name="now">Time at which all have to be valid.</param>
internal sealed class ChainSearch(
    IEnumerable<CertificateAnchor> anchors, IReadOnlyList<X509Certificate2> held, RevokedCertificates revocations, DateTimeOffset now)
{
    /// <summary>Longest way from a certificate to its CA.</summary>
    private const int MaxDepth = 8;

    /// <summary>CAs of the right name that are tried. Several have one name while a CA renews its certificate.</summary>
    private const int MaxTried = 8;

    /// <summary>What was tried and did not fit, the nearest first.</summary>
    public List<string> Tried { get; } = [];

    /// <summary>The first CA that failed, and why.</summary>
    public (CertificateAnchor Anchor, string Reason)? Nearest { get; private set; }

    /// <summary>The nearest CA, or null.</summary>
    /// <param name="leaf">A device's or a TPM's certificate.</param>
    /// <param name="sent">Certificates that came with it.</param>
    /// <param name="forClients">Asks that it may be used by a TLS client.</param>
    public CertificateAnchor? Find(X509Certificate2 leaf, IReadOnlyList<X509Certificate2> sent, bool forClients)
    {
        var pool = sent.Concat(held).DistinctBy(c => c.Thumbprint).ToList();
        foreach (var anchor in ByDistance(leaf, pool).Take(MaxTried))
        {
            var check = new ChainCheck(anchor.Certificate, now) { Link = revocations.Failure };
            var failure = check.Failure(leaf, pool, forClients)
                ?? (anchor.Unverified is { } name ? $"it issued the certificate, but '{name}' is not verified: nobody proved to have its key" : null);
            if (failure is null)
                return anchor;
            Tried.Add($"{anchor}: {failure}");
            Nearest ??= (anchor, failure);
        }
        return null;
    }

    /// <summary>CAs by the number of steps from the certificate, as far as names tell. What is sent may lie, so signatures are checked afterwards.</summary>
    private IEnumerable<CertificateAnchor> ByDistance(X509Certificate2 leaf, List<X509Certificate2> pool)
    {
        var left = anchors.ToList();
        var names = new HashSet<string>(StringComparer.Ordinal) { leaf.Issuer };
        var seen = new HashSet<string>(names, StringComparer.Ordinal);
        for (var depth = 0; depth < MaxDepth && names.Count > 0; depth++)
        {
            foreach (var anchor in left.Where(a => names.Contains(a.Certificate.Subject)).ToList())
            {
                left.Remove(anchor);
                yield return anchor;
            }
            names = [.. pool.Where(c => names.Contains(c.Subject)).Select(c => c.Issuer).Where(seen.Add)];
        }
    }
}
