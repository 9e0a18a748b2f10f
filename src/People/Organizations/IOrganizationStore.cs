using Homeport.Contract.Errors;

namespace Homeport.People.Organizations;

/// <summary>Keeps organizations. Writes are durable when they return.</summary>
public interface IOrganizationStore
{
    /// <summary>All, in the order of their ids.</summary>
    Task<IReadOnlyList<Organization>> ListAsync(CancellationToken token);

    /// <summary>Adds or replaces one: the change gets all that there are, and nobody else writes meanwhile.</summary>
    Task<Outcome<Organization>> ChangeAsync(Func<IReadOnlyList<Organization>, Outcome<Organization>> change, CancellationToken token);

    /// <summary>Deletes one that nothing belongs to.</summary>
    /// <returns>What belongs to it, as <c>3 devices</c>; empty when it is deleted; null when it is not there.</returns>
    Task<IReadOnlyList<string>?> DeleteAsync(string id, CancellationToken token);
}
