using Homeport.Contract.Errors;
using Homeport.People.Access;

namespace Homeport.People.Organizations;

/// <summary>The organizations of the application, and what somebody with a role in one of them reaches.</summary>
public sealed class OrganizationService(IOrganizationStore store)
{
    /// <summary>Organizations there may be, as in IoT Central.</summary>
    public const int MaxOrganizations = 200;

    /// <summary>Levels of the tree, as in IoT Central.</summary>
    public const int MaxDepth = 5;

    /// <summary>All, in the order of their ids.</summary>
    public Task<IReadOnlyList<Organization>> ListAsync(CancellationToken token) => store.ListAsync(token);

    /// <summary>Finds one.</summary>
    public async Task<Outcome<Organization>> GetAsync(string id, CancellationToken token) => (await store.ListAsync(token)).FirstOrDefault(o => o.Id == id) is { } found ? found : NotFound(id);

    /// <summary>
    /// The organizations whose devices somebody sees and changes: that of the role and all below it. Null: the role counts in the whole
    /// application. An organization that is gone reaches nothing.
    /// </summary>
    public async Task<IReadOnlySet<string>?> ScopeOfAsync(Actor actor, CancellationToken token)
    {
        if (actor.Organization is not { } top)
            return null;
        var all = await store.ListAsync(token);
        return all.Where(o => PathOf(o, all).Any(p => p.Id == top)).Select(o => o.Id).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Null when there is such an organization.</summary>
    public async Task<Refusal?> CheckAsync(string? id, CancellationToken token) => id is null ? null : (await GetAsync(id, token)).Refusal is null ? null
        : new Refusal(PeopleErrors.OrganizationNotFound, "There is no such organization", "Make it first, under People or with PUT /api/organizations/{id}.");

    /// <summary>Makes one, or changes it.</summary>
    /// <param name="wanted">What it is to be.</param>
    /// <param name="etag">The version that is changed; null for any.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<Organization>> PutAsync(Organization wanted, string? etag, CancellationToken token)
    {
        if (wanted.Check() is { } bad)
            return bad;
        return await store.ChangeAsync(all =>
        {
            var present = all.FirstOrDefault(o => o.Id == wanted.Id);
            if (etag is not null && etag != present?.ETag)
                return new Refusal(PeopleErrors.PreconditionFailed, $"Organization '{wanted.Id}' has another ETag than the call asks for", "Read it again, repeat your change on that, or leave the ETag out.");
            if (present is null && all.Count >= MaxOrganizations)
                return new Refusal(PeopleErrors.LimitReached, $"There are {MaxOrganizations} organizations", "Delete those that are not used any more.");
            var written = wanted with { Version = (present?.Version ?? 0) + 1 };
            return CheckPlace(written, [.. all.Where(o => o.Id != wanted.Id), written]) is { } misplaced ? misplaced : written;
        }, token);
    }

    /// <summary>Deletes one that has neither parts nor devices, accounts or tokens. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string id, CancellationToken token) => await store.DeleteAsync(id, token) switch
    {
        null => NotFound(id),
        [] => null,
        var rest => new Refusal(PeopleErrors.OrganizationInUse, $"To '{id}' belong {string.Join(", ", rest)}", "Move or delete them first."),
    };

    /// <summary>The organization and those above it, up to the top.</summary>
    public static IEnumerable<Organization> PathOf(Organization organization, IReadOnlyList<Organization> all)
    {
        // Ends in a circle as well, so that it can find one.
        var next = organization;
        for (var level = 0; next is not null && level <= MaxOrganizations; level++)
        {
            yield return next;
            next = next.Parent is { } parent ? all.FirstOrDefault(o => o.Id == parent) : null;
        }
    }

    private static Refusal? CheckPlace(Organization written, IReadOnlyList<Organization> all)
    {
        if (written.Parent is { } parent && all.All(o => o.Id != parent))
            return new Refusal(PeopleErrors.InvalidBody, "The parent is no organization", "Make it first, or leave parent out.");
        var deepest = all.Select(o => PathOf(o, all).ToList()).Where(p => p.Contains(written)).MaxBy(p => p.Count)!;
        return deepest.Count > MaxOrganizations ? new Refusal(PeopleErrors.InvalidBody, $"'{written.Id}' would be a part of itself", "Choose another parent.")
            : deepest.Count > MaxDepth ? new Refusal(PeopleErrors.InvalidBody, $"The tree would have {deepest.Count} levels", $"It has at most {MaxDepth}.")
            : null;
    }

    private static Refusal NotFound(string id) => new(PeopleErrors.NotFound, $"There is no organization '{(id.Length <= 49 ? id : "?")}'", "Correct the id, or make it.");
}
