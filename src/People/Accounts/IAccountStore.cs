namespace Homeport.People.Accounts;

/// <summary>Keeps accounts. Writes are durable when they return. Secrets are sealed at rest.</summary>
public interface IAccountStore
{
    /// <summary>Finds one by its id.</summary>
    Task<Account?> FindAsync(string id, CancellationToken token);

    /// <summary>Finds one by the name to sign in with; case does not count.</summary>
    Task<Account?> FindByNameAsync(string name, CancellationToken token);

    /// <summary>Finds the one that is bound to an identity of an issuer.</summary>
    Task<Account?> FindBySubjectAsync(string issuer, string subject, CancellationToken token);

    /// <summary>All, in the order of their ids.</summary>
    Task<IReadOnlyList<Account>> ListAsync(CancellationToken token);

    /// <summary>Adds one, unless its id or name is taken or there are <paramref name="limit"/>.</summary>
    Task<bool> InsertAsync(Account account, int limit, CancellationToken token);

    /// <summary>Replaces one that still has the version. False when it changed or went, or another is bound to its identity.</summary>
    Task<bool> ReplaceAsync(Account account, long version, CancellationToken token);

    /// <summary>Deletes one that still has the version. False when it changed or went.</summary>
    Task<bool> DeleteAsync(string id, long version, CancellationToken token);
}
