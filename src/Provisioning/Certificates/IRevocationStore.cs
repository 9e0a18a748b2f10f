namespace Homeport.Provisioning.Certificates;

/// <summary>Keeps the revocation lists of uploaded CAs, one for each, by the CA's name without regard to case. Writes are durable when they return.</summary>
public interface IRevocationStore
{
    /// <summary>All of them: name of the CA and list, DER or PEM.</summary>
    Task<IReadOnlyList<(string Authority, byte[] List)>> ListAsync(CancellationToken token);

    /// <summary>Sets the list of a CA.</summary>
    Task PutAsync(string authority, byte[] list, CancellationToken token);

    /// <summary>Removes the list of a CA. False when there was none.</summary>
    Task<bool> DeleteAsync(string authority, CancellationToken token);
}
