using System.Globalization;
using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.People.Access;
using Homeport.People.Accounts;

namespace Homeport.People.Tokens;

/// <summary>
/// API tokens in the form of IoT Central: <c>SharedAccessSignature sr={application}&amp;sig={secret}&amp;skn={id}&amp;se={milliseconds}</c>.
/// To delete a token revokes it at once.
/// </summary>
public sealed class ApiTokenService(IApiTokenStore store, string application, TimeProvider time)
{
    /// <summary>Tokens there may be.</summary>
    public const int MaxTokens = 1000;

    /// <summary>Life of a token when nobody says.</summary>
    public static readonly TimeSpan DefaultLife = TimeSpan.FromDays(365);

    private const string Scheme = "SharedAccessSignature ";
    private const int SecretSize = 32;
    private const int MaxHeader = 1024;
    private static readonly TimeSpan TouchInterval = TimeSpan.FromMinutes(1);

    /// <summary>All, in the order of their ids.</summary>
    public Task<IReadOnlyList<ApiToken>> ListAsync(CancellationToken token) => store.ListAsync(token);

    /// <summary>Finds one.</summary>
    public async Task<Outcome<ApiToken>> GetAsync(string id, CancellationToken token) => await store.FindAsync(id, token) is { } found ? found : NotFound();

    /// <summary>Makes a token.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="role">What it may do.</param>
    /// <param name="expiry">When it ends; null for a year.</param>
    /// <param name="maker">Who makes it.</param>
    /// <param name="token">Ends the call.</param>
    public Task<Outcome<NewApiToken>> CreateAsync(string id, Role role, DateTimeOffset? expiry, Actor maker, CancellationToken token) => CreateAsync(id, role, null, expiry, maker, token);

    /// <summary>Makes a token whose role counts in an organization; null: in the whole application.</summary>
    public async Task<Outcome<NewApiToken>> CreateAsync(string id, Role role, string? organization, DateTimeOffset? expiry, Actor maker, CancellationToken token)
    {
        if (AccountRules.CheckId(id) is { } bad)
            return bad;
        var now = time.GetUtcNow();
        var end = DateTimeOffset.FromUnixTimeMilliseconds((expiry ?? now + DefaultLife).ToUnixTimeMilliseconds());
        if (end <= now)
            return new Refusal(PeopleErrors.InvalidBody, $"The expiry {end:O} is over", "Choose a time to come, or leave it out for one year.");
        var secret = RandomNumberGenerator.GetBytes(SecretSize);
        var made = new ApiToken { Id = id, Role = role, Organization = organization, SecretHash = SHA256.HashData(secret), Created = now, Expiry = end, CreatedBy = maker.Id };
        if (await store.InsertAsync(made, MaxTokens, token))
            return new NewApiToken(made, TextOf(made, secret));
        return await store.FindAsync(id, token) is not null
            ? new Refusal(PeopleErrors.AlreadyExists, $"There is an API token '{id}'", "Choose another id, or delete that token first.")
            : new Refusal(PeopleErrors.LimitReached, $"There are {MaxTokens} API tokens", "Delete those that are not used any more.");
    }

    /// <summary>Deletes a token; it is refused from then on. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string id, CancellationToken token) => await store.DeleteAsync(id, token) ? null : NotFound();

    /// <summary>Who comes with a header <c>Authorization</c>.</summary>
    public async Task<Outcome<Actor>> AuthenticateAsync(string? authorization, string? address, CancellationToken token)
    {
        if (string.IsNullOrEmpty(authorization))
            return Refused("The call has no header Authorization", "Send an API token: make one under People, or with PUT /api/apiTokens/{id}.");
        if (authorization.Length > MaxHeader || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return Refused("The header Authorization holds no API token", $"Send {Scheme}sr=…&sig=…&skn=…&se=….");
        var parts = Parse(authorization.AsSpan(Scheme.Length));
        if (!parts.TryGetValue("skn", out var id) || !parts.TryGetValue("sig", out var signature))
            return Refused("The token has no skn or no sig", "Send the token as it was shown.");
        var found = AccountRules.CheckId(id) is null ? await store.FindAsync(id, token) : null;
        if (found is null)
            return Refused("No API token has the id that the token names", "It may be deleted: make a new one.");
        if (!HasSecret(found, signature) || !parts.TryGetValue("se", out var end) || end != found.Expiry.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture))
            return Refused($"The secret or end of token '{id}' is another one", "Send the token as it was shown, or make a new one.");
        var now = time.GetUtcNow();
        if (found.Expiry <= now)
            return Refused($"Token '{id}' ended at {found.Expiry:O}", "Make a new one.");
        if (found.LastUsed is not { } used || now - used >= TouchInterval)
            await store.TouchAsync(id, now, token);
        return new Actor(ActorKind.Token, found.Id, found.Id, found.Role, address) { Organization = found.Organization };
    }

    private string TextOf(ApiToken made, byte[] secret)
        => $"{Scheme}sr={Uri.EscapeDataString(application)}&sig={Uri.EscapeDataString(Convert.ToBase64String(secret))}&skn={made.Id}&se={made.Expiry.ToUnixTimeMilliseconds()}";

    private static bool HasSecret(ApiToken found, string signature)
    {
        var secret = new byte[SecretSize];
        return Convert.TryFromBase64String(signature, secret, out var length) && length == SecretSize
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(secret), found.SecretHash);
    }

    private static Dictionary<string, string> Parse(ReadOnlySpan<char> text)
    {
        var parts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var range in text.Split('&'))
        {
            var part = text[range];
            var equals = part.IndexOf('=');
            if (equals > 0)
                parts[part[..equals].ToString()] = Uri.UnescapeDataString(part[(equals + 1)..]);
        }
        return parts;
    }

    private static Refusal Refused(string seen, string fix) => new(PeopleErrors.Unauthorized, seen, fix);

    private static Refusal NotFound() => new(PeopleErrors.NotFound, "There is no such API token", "Correct the id.");
}
