using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Provisioning.Attestation.X509;

/// <summary>
/// CA certificates that devices sent along and that led to a CA of an enrollment. All devices of a line send the same ones, and reading one
/// takes OpenSSL a fifth of a registration. Bounded; what strangers send is not kept.
/// </summary>
internal sealed class SentCertificates
{
    private const int Capacity = 256;
    private readonly ConcurrentDictionary<string, X509Certificate2> _kept = new(StringComparer.Ordinal);

    /// <summary>Reads certificates, DER; dispose when they were looked at.</summary>
    public Reading Read(IReadOnlyList<byte[]> sent) => new(this, sent);

    /// <summary>Certificates of one call.</summary>
    internal sealed class Reading : IDisposable
    {
        private readonly SentCertificates _owner;
        private readonly List<(string Key, X509Certificate2 Certificate)> _fresh = [];

        public Reading(SentCertificates owner, IReadOnlyList<byte[]> sent)
        {
            _owner = owner;
            All = [.. sent.Select(Find)];
        }

        /// <summary>In the order in which they came.</summary>
        public IReadOnlyList<X509Certificate2> All { get; }

        /// <summary>They led to a CA: the next device that sends them finds them read.</summary>
        public void Keep()
        {
            foreach (var (key, certificate) in _fresh)
            {
                if (_owner._kept.Count >= Capacity && _owner._kept.Keys.FirstOrDefault() is { } other)
                    _owner._kept.TryRemove(other, out _);
                if (!_owner._kept.TryAdd(key, certificate))
                    certificate.Dispose();
            }
            _fresh.Clear();
        }

        public void Dispose() => _fresh.ForEach(f => f.Certificate.Dispose());

        private X509Certificate2 Find(byte[] der)
        {
            var key = Convert.ToHexString(SHA256.HashData(der));
            if (_owner._kept.TryGetValue(key, out var kept))
                return kept;
            var read = X509CertificateLoader.LoadCertificate(der);
            _fresh.Add((key, read));
            return read;
        }
    }
}
