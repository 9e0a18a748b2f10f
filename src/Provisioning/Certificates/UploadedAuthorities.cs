using System.Security.Cryptography.X509Certificates;
using Homeport.Hub.Access.Certificates;

namespace Homeport.Provisioning.Certificates;

/// <summary>The CA certificates of the service and their revocation lists, as they were at one moment.</summary>
internal sealed class UploadedAuthorities
{
    private readonly Dictionary<string, UploadedAuthority> _byName;

    public UploadedAuthorities(IReadOnlyList<CaCertificate> entries, IReadOnlyList<(string Authority, byte[] List)> lists)
    {
        All = [.. entries.Select(e => new UploadedAuthority(e, X509CertificateLoader.LoadCertificate(e.Certificate)))];
        _byName = All.ToDictionary(a => a.Entry.Name, StringComparer.OrdinalIgnoreCase);
        Lists = new Dictionary<string, RevocationList>(StringComparer.OrdinalIgnoreCase);
        var revoked = new List<(X509Certificate2, RevocationList)>();
        foreach (var (name, bytes) in lists)
        {
            if (!_byName.TryGetValue(name, out var authority) || !RevocationList.TryParse(bytes, out var list))
                continue;
            Lists[name] = list;
            revoked.Add((authority.Certificate, list));
        }
        Revoked = new RevokedCertificates(revoked);
    }

    /// <summary>All of them in the order of their names.</summary>
    public IReadOnlyList<UploadedAuthority> All { get; }

    /// <summary>Revocation lists by the name of their CA.</summary>
    public Dictionary<string, RevocationList> Lists { get; }

    /// <summary>What the lists take back.</summary>
    public RevokedCertificates Revoked { get; }

    /// <summary>Finds one by its name.</summary>
    public UploadedAuthority? Find(string name) => _byName.GetValueOrDefault(name);
}

/// <summary>An uploaded CA certificate.</summary>
internal sealed record UploadedAuthority(CaCertificate Entry, X509Certificate2 Certificate);
