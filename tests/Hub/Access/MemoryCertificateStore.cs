using Homeport.Hub.Access.Certificates;

namespace Homeport.Tests.Hub.Access;

/// <summary>CA certificates in memory, with the port's conditions.</summary>
internal sealed class MemoryCertificateStore : ICertificateStore
{
    private readonly Dictionary<string, CaCertificate> _byName = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Runs before the next write, as another writer that is a moment earlier.</summary>
    public Action? BeforeWrite { get; set; }

    public Task<CaCertificate?> FindAsync(string name, CancellationToken token) => Task.FromResult(_byName.GetValueOrDefault(name));

    public Task<IReadOnlyList<CaCertificate>> ListAsync(CancellationToken token)
        => Task.FromResult<IReadOnlyList<CaCertificate>>([.. _byName.Values.OrderBy(c => c.Name, StringComparer.OrdinalIgnoreCase)]);

    public Task<bool> InsertAsync(CaCertificate certificate, int max, CancellationToken token)
    {
        Race();
        return Task.FromResult(_byName.Count < max && _byName.TryAdd(certificate.Name, certificate));
    }

    public Task<bool> ReplaceAsync(CaCertificate certificate, string etag, CancellationToken token)
    {
        Race();
        if (_byName.GetValueOrDefault(certificate.Name)?.ETag != etag)
            return Task.FromResult(false);
        _byName[certificate.Name] = certificate;
        return Task.FromResult(true);
    }

    public Task<bool> DeleteAsync(string name, string etag, CancellationToken token)
    {
        Race();
        return Task.FromResult(_byName.GetValueOrDefault(name)?.ETag == etag && _byName.Remove(name));
    }

    private void Race()
    {
        var race = BeforeWrite;
        BeforeWrite = null;
        race?.Invoke();
    }
}
