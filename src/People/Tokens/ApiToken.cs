using Homeport.People.Access;

namespace Homeport.People.Tokens;

/// <summary>A program's access to the API. The secret is shown once; its hash is stored.</summary>
public sealed record ApiToken
{
    /// <summary>The token's <c>skn</c>: 1 to 48 letters, digits, <c>-</c> and <c>_</c>.</summary>
    public required string Id { get; init; }

    /// <summary>What the program may do.</summary>
    public required Role Role { get; init; }

    /// <summary>Where the role counts; null: in the whole application.</summary>
    public string? Organization { get; init; }

    /// <summary>SHA-256 of the secret.</summary>
    public required byte[] SecretHash { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>Whole milliseconds: it stands in the token as <c>se</c>.</summary>
    public required DateTimeOffset Expiry { get; init; }

    /// <summary>To about a minute; null: never.</summary>
    public DateTimeOffset? LastUsed { get; init; }

    /// <summary>Account that made it.</summary>
    public required string CreatedBy { get; init; }

    /// <summary>Without the hash.</summary>
    public override string ToString() => $"API token '{Id}' ({Role})";
}

/// <summary>A token that was just made.</summary>
/// <param name="Token">The token.</param>
/// <param name="Text">The value of the header <c>Authorization</c>, which is nowhere else: show it once.</param>
public sealed record NewApiToken(ApiToken Token, string Text);
