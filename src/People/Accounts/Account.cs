using Homeport.People.Access;

namespace Homeport.People.Accounts;

/// <summary>What an account stands for. The names of IoT Central are email, servicePrincipal and adGroup.</summary>
public enum AccountKind
{
    /// <summary>One person.</summary>
    Person,

    /// <summary>A program that comes with bearer tokens of the issuer.</summary>
    ServicePrincipal,

    /// <summary>Everybody whom the issuer names a member of a group.</summary>
    Group,
}

/// <summary>A person who may sign in, or whom an issuer may vouch for.</summary>
public sealed record Account
{
    /// <summary>Id for the API: 1 to 48 letters, digits, <c>-</c> and <c>_</c>.</summary>
    public required string Id { get; init; }

    /// <summary>
    /// What the person types to sign in: a name or an e-mail address. Of service principals and groups it is the object id. Case does not
    /// tell accounts apart.
    /// </summary>
    public required string Name { get; init; }

    public AccountKind Kind { get; init; }

    /// <summary>Tenant of a service principal or group; compared when the issuer names one.</summary>
    public string? TenantId { get; init; }

    /// <summary>Issuer of <see cref="Subject"/>.</summary>
    public string? Issuer { get; init; }

    /// <summary>The identity that alone may use the account by an issuer: set at the first such sign-in.</summary>
    public string? Subject { get; init; }

    /// <summary>What the person may do.</summary>
    public required Role Role { get; init; }

    /// <summary>The organization in which the role counts; null: the whole application.</summary>
    public string? Organization { get; init; }

    /// <summary>False keeps the person out.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Text of ASP.NET Core Identity's hasher (PBKDF2 with HMAC-SHA-512 and a salt).</summary>
    public required string PasswordHash { get; init; }

    /// <summary>The password was made by somebody else, so it has to be replaced before anything else.</summary>
    public bool MustChangePassword { get; init; }

    /// <summary>Wrong attempts since the last good one.</summary>
    public int FailedAttempts { get; init; }

    /// <summary>No attempt counts before this time.</summary>
    public DateTimeOffset? LockedUntil { get; init; }

    /// <summary>Secret of the authenticator app, or null.</summary>
    public byte[]? TotpSecret { get; init; }

    /// <summary>True once a code proved that the app has the secret: from then on each sign-in needs one.</summary>
    public bool TotpConfirmed { get; init; }

    /// <summary>Time step of the last code that was taken, so that none is taken twice.</summary>
    public long TotpLastStep { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? LastSignIn { get; init; }

    /// <summary>Grows with every write.</summary>
    public long Version { get; init; } = 1;

    /// <summary>Says who, and nothing secret.</summary>
    public override string ToString() => $"account '{Id}' ({Name}, {Role})";
}
