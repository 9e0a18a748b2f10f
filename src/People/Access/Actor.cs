using Homeport.Contract.Errors;

namespace Homeport.People.Access;

/// <summary>What kind of somebody acts.</summary>
public enum ActorKind
{
    /// <summary>A person who signed in.</summary>
    User,

    /// <summary>A program with an API token.</summary>
    Token,

    /// <summary>The server itself.</summary>
    System,

    /// <summary>A program with a token of the issuer.</summary>
    ServicePrincipal,
}

/// <summary>Who does something: stands in every entry of the audit log.</summary>
/// <param name="Kind">Person, program or server.</param>
/// <param name="Id">Id of the account or token.</param>
/// <param name="Name">Name to show.</param>
/// <param name="Role">What it is allowed.</param>
/// <param name="Address">Network address that it came from, or null.</param>
public sealed record Actor(ActorKind Kind, string Id, string Name, Role Role, string? Address)
{
    /// <summary>The server itself, for what happens without a caller.</summary>
    public static readonly Actor Server = new(ActorKind.System, "server", "server", Role.Administrator, null);

    /// <summary>The organization in which the role counts, with all below it; null: the whole application.</summary>
    public string? Organization { get; init; }

    /// <summary>True when the role gives the permission.</summary>
    public bool May(Permission permission) => PermissionMatrix.Allows(Role, permission);

    /// <summary>Null when the role gives the permission, else the refusal.</summary>
    public Refusal? Check(Permission permission) => May(permission) ? null : new Refusal(
        PeopleErrors.Forbidden,
        $"'{Name}' has the role {Role}, which does not include {permission}",
        $"Ask somebody with the role {string.Join(" or ", PermissionMatrix.RolesWith(permission))}.");

    /// <summary>Null when the role counts in the whole application, else the refusal: what is asked for is no organization's.</summary>
    public Refusal? CheckWhole() => Organization is null ? null : new Refusal(
        PeopleErrors.Forbidden, $"'{Name}' has a role in the organization '{Organization}' only, and this is about the whole application", "Ask somebody whose role counts in the whole application.");
}
