using Homeport.Provisioning.Certificates;

namespace Homeport.Tests.Provisioning;

/// <summary>Issued certificates in memory.</summary>
internal sealed class MemoryIssuedCertificateStore : IIssuedCertificateStore
{
    private readonly Lock _lock = new();
    private readonly List<IssuedCertificate> _entries = [];

    public Task AddAsync(IssuedCertificate certificate, int max, CancellationToken token)
    {
        lock (_lock)
        {
            _entries.Insert(0, certificate);
            foreach (var old in _entries.Where(e => IsOf(e, certificate.RegistrationId)).Skip(max).ToList())
                _entries.Remove(old);
        }
        return Task.CompletedTask;
    }

    public Task<IssuedCertificate?> FindAsync(string serialNumber, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_entries.FirstOrDefault(e => e.SerialNumber == serialNumber));
    }

    public Task<IReadOnlyList<IssuedCertificate>> OfAsync(string registrationId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult<IReadOnlyList<IssuedCertificate>>([.. _entries.Where(e => IsOf(e, registrationId))]);
    }

    public Task<IReadOnlyList<IssuedCertificate>> ListAsync(string? after, int max, CancellationToken token)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<IssuedCertificate>>([.. _entries.OrderBy(e => e.SerialNumber, StringComparer.Ordinal)
                .Where(e => string.CompareOrdinal(e.SerialNumber, after ?? "") > 0).Take(max)]);
        }
    }

    public Task<bool> RevokeAsync(string serialNumber, DateTimeOffset time, string? reason, CancellationToken token)
    {
        lock (_lock)
        {
            var place = _entries.FindIndex(e => e.SerialNumber == serialNumber);
            if (place >= 0 && _entries[place].Revoked is null)
                _entries[place] = _entries[place] with { Revoked = time, Reason = reason };
            return Task.FromResult(place >= 0);
        }
    }

    private static bool IsOf(IssuedCertificate certificate, string registrationId) => certificate.RegistrationId.Equals(registrationId, StringComparison.OrdinalIgnoreCase);
}
