namespace Homeport.People.Sessions;

/// <summary>Keeps sessions, so that people stay signed in over a restart. Writes are durable when they return.</summary>
public interface ISessionStore
{
    /// <summary>Finds one by the hash of its token.</summary>
    Task<Session?> FindAsync(byte[] tokenHash, CancellationToken token);

    /// <summary>All, or those of an account, the newest first.</summary>
    Task<IReadOnlyList<Session>> ListAsync(string? accountId, CancellationToken token);

    /// <summary>Adds one.</summary>
    Task InsertAsync(Session session, CancellationToken token);

    /// <summary>Notes that one is used.</summary>
    Task TouchAsync(string id, DateTimeOffset seen, CancellationToken token);

    /// <summary>Deletes some.</summary>
    Task DeleteAsync(IReadOnlyCollection<string> ids, CancellationToken token);
}
