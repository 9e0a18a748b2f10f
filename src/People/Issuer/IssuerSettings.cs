namespace Homeport.People.Issuer;

/// <summary>The OpenID Connect issuer that may vouch for people and programs (OpenID Connect Core 1.0).</summary>
public sealed record IssuerSettings
{
    /// <summary>The issuer as it calls itself in its tokens, letter by letter: an https address.</summary>
    public required string Issuer { get; init; }

    /// <summary>Id of this server as a client of the issuer.</summary>
    public required string ClientId { get; init; }

    /// <summary>Secret of that client; null for a public client, which PKCE protects alone.</summary>
    public string? ClientSecret { get; init; }

    /// <summary>What the issuer is asked for.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = ["openid", "profile", "email"];

    /// <summary>What stands on the button of the sign-in page.</summary>
    public required string Name { get; init; }

    /// <summary>Claim with the groups of a person.</summary>
    public string GroupsClaim { get; init; } = "groups";

    /// <summary>Claim that says that the e-mail address was verified.</summary>
    public string VerifiedClaim { get; init; } = "email_verified";

    /// <summary>Audience of bearer tokens for the API; null: no bearer tokens are taken.</summary>
    public string? Audience { get; init; }

    /// <summary>Where the issuer describes itself (OpenID Connect Discovery 1.0, section 4).</summary>
    public string DocumentAddress => Issuer.TrimEnd('/') + "/.well-known/openid-configuration";

    /// <summary>Without the secret.</summary>
    public override string ToString() => $"{ClientId} at {Issuer}";
}
