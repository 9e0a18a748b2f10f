using Homeport.People.Access;

namespace Homeport.People.Sessions;

/// <summary>A signed-in browser. The cookie holds a random token; only its hash is stored.</summary>
public sealed record Session
{
    /// <summary>Id for lists: not the token.</summary>
    public required string Id { get; init; }

    /// <summary>SHA-256 of the cookie's token.</summary>
    public required byte[] TokenHash { get; init; }

    public required string AccountId { get; init; }

    public required string AccountName { get; init; }

    /// <summary>The role when the session began; a change of the role ends the session.</summary>
    public required Role Role { get; init; }

    /// <summary>Where the role counts; null: in the whole application. A change ends the session.</summary>
    public string? Organization { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset LastSeen { get; init; }

    /// <summary>Where it began.</summary>
    public string? Address { get; init; }

    /// <summary>The browser, as it calls itself.</summary>
    public string? Program { get; init; }

    /// <summary>Who acts in it.</summary>
    public Actor Actor => new(ActorKind.User, AccountId, AccountName, Role, Address) { Organization = Organization };

    /// <summary>Without the hash.</summary>
    public override string ToString() => $"session {Id} of '{AccountId}'";
}

/// <summary>A session that just began.</summary>
/// <param name="Session">The session.</param>
/// <param name="Token">For the cookie; it is nowhere else.</param>
public sealed record NewSession(Session Session, string Token);
