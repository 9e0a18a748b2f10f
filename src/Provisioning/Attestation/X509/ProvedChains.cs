using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Provisioning.Attestation.X509;

/// <summary>
/// Chains that were checked a moment ago, so that a device's poll does not cost as much as its registration. Bounded, forgotten after
/// <see cref="Life"/>, and worth nothing once a group, a CA or a revocation list changes.
/// </summary>
internal sealed class ProvedChains(TimeProvider time)
{
    private const int Capacity = 10_000;
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(2);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Proved> _proved = new(StringComparer.Ordinal);
    private readonly Queue<(string Key, DateTimeOffset At)> _order = new();
    private CertificateTrust? _trust;

    /// <summary>The CA that issued the certificate, if that is known.</summary>
    public CertificateAnchor? Find(CertificateTrust trust, X509Certificate2 leaf, IReadOnlyList<byte[]> sent)
    {
        var key = KeyOf(leaf, sent);
        lock (_lock)
        {
            return ReferenceEquals(_trust, trust) && _proved.TryGetValue(key, out var proved) && time.GetUtcNow() - proved.At < Life ? proved.Anchor : null;
        }
    }

    /// <summary>Notes a chain that was checked.</summary>
    public void Add(CertificateTrust trust, X509Certificate2 leaf, IReadOnlyList<byte[]> sent, CertificateAnchor anchor)
    {
        var key = KeyOf(leaf, sent);
        var now = time.GetUtcNow();
        lock (_lock)
        {
            if (!ReferenceEquals(_trust, trust))
            {
                _trust = trust;
                _proved.Clear();
                _order.Clear();
            }
            _proved[key] = new Proved(anchor, now);
            _order.Enqueue((key, now));
            while (_order.TryPeek(out var oldest) && (_order.Count > Capacity || now - oldest.At >= Life))
            {
                _order.Dequeue();
                if (_proved.TryGetValue(oldest.Key, out var entry) && entry.At == oldest.At)
                    _proved.Remove(oldest.Key);
            }
        }
    }

    private static string KeyOf(X509Certificate2 leaf, IReadOnlyList<byte[]> sent)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(leaf.RawDataMemory.Span);
        foreach (var certificate in sent)
            hash.AppendData(certificate);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private sealed record Proved(CertificateAnchor Anchor, DateTimeOffset At);
}
