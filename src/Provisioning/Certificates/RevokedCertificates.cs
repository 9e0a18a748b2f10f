using System.Security.Cryptography.X509Certificates;

namespace Homeport.Provisioning.Certificates;

/// <summary>
/// The certificates that uploaded lists take back. A list that is past its time still counts: what it takes back stays taken back, and a
/// fleet does not stop because nobody brought a newer one.
/// </summary>
internal sealed class RevokedCertificates(IReadOnlyList<(X509Certificate2 Authority, RevocationList List)> lists)
{
    /// <summary>Null unless a certificate was taken back by its issuer.</summary>
    public string? Failure(X509Certificate2 certificate, X509Certificate2 issuer)
    {
        foreach (var (authority, list) in lists)
        {
            // The issuer may be there in several certificates of one key.
            if (authority.SubjectName.RawData.AsSpan().SequenceEqual(issuer.SubjectName.RawData)
                && authority.PublicKey.EncodedKeyValue.RawData.AsSpan().SequenceEqual(issuer.PublicKey.EncodedKeyValue.RawData)
                && list.Contains(certificate))
            {
                return $"it was revoked by its issuer, in the list of {list.ThisUpdate.UtcDateTime:u}";
            }
        }
        return null;
    }
}
