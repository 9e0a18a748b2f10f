namespace Homeport.Hub.Access.Certificates;

/// <summary>Keeps the CA certificates of one hub. Writes are durable when they return.</summary>
public interface ICertificateStore
{
    /// <summary>Finds one by its name, whatever the letters' case.</summary>
    Task<CaCertificate?> FindAsync(string name, CancellationToken token);

    /// <summary>All of them in the order of their names.</summary>
    Task<IReadOnlyList<CaCertificate>> ListAsync(CancellationToken token);

    /// <summary>Adds one. False when the name is taken or the hub has <paramref name="max"/> already.</summary>
    Task<bool> InsertAsync(CaCertificate certificate, int max, CancellationToken token);

    /// <summary>Replaces one if it still has the ETag. False when it changed or went.</summary>
    Task<bool> ReplaceAsync(CaCertificate certificate, string etag, CancellationToken token);

    /// <summary>Deletes one if it still has the ETag. False when it changed or went.</summary>
    Task<bool> DeleteAsync(string name, string etag, CancellationToken token);
}
