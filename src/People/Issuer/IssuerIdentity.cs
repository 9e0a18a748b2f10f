using System.Security.Claims;

namespace Homeport.People.Issuer;

/// <summary>Whom the issuer vouches for: the claims of a token whose signature, issuer, audience and time were checked.</summary>
/// <param name="Issuer">Who vouches.</param>
/// <param name="Subject">The claim <c>sub</c>: never given to another.</param>
public sealed record IssuerIdentity(string Issuer, string Subject)
{
    /// <summary>Groups that count; Entra ID puts at most 200 into a token.</summary>
    public const int MaxGroups = 250;

    private const int MaxText = 256;

    /// <summary>The e-mail address, when the issuer says that it verified it.</summary>
    public string? Email { get; init; }

    /// <summary>The issuer gave an e-mail address that it did not verify.</summary>
    public bool HasUnverifiedEmail { get; init; }

    /// <summary>The claim <c>oid</c> of Entra ID.</summary>
    public string? ObjectId { get; init; }

    /// <summary>The claim <c>tid</c> of Entra ID.</summary>
    public string? TenantId { get; init; }

    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>Reads the claims. Null when they name nobody.</summary>
    public static IssuerIdentity? Read(IEnumerable<Claim> claims, IssuerSettings settings)
    {
        var all = claims.ToLookup(c => c.Type, c => c.Value, StringComparer.Ordinal);
        string? One(string type) => all[type].FirstOrDefault() is { Length: > 0 and <= MaxText } text ? text : null;
        if (One("sub") is not { } subject)
            return null;
        var email = One("email");
        var verified = One(settings.VerifiedClaim) is "true" or "True" or "1";
        return new IssuerIdentity(settings.Issuer, subject)
        {
            Email = verified ? email : null,
            HasUnverifiedEmail = !verified && email is not null,
            ObjectId = One("oid"),
            TenantId = One("tid"),
            Groups = [.. all[settings.GroupsClaim].Where(g => g.Length is > 0 and <= MaxText).Take(MaxGroups)],
        };
    }
}
