using Homeport.Contract.Errors;
using Homeport.People.Access;
using Homeport.People.Sessions;

namespace Homeport.People.Accounts;

/// <summary>The accounts of an installation. A change of what a person may do ends the sessions of that person.</summary>
public sealed class AccountService(IAccountStore store, Passwords passwords, SessionService sessions, TimeProvider time)
{
    /// <summary>Accounts there may be.</summary>
    public const int MaxAccounts = 1000;

    /// <summary>Makes the first administrator when there is no account. Null when there is one.</summary>
    public async Task<NewAccount?> EnsureFirstAsync(CancellationToken token)
    {
        if ((await store.ListAsync(token)).Count > 0)
            return null;
        var made = await CreateAsync("admin", "admin", Role.Administrator, token);
        return made.Value ?? throw new InvalidOperationException($"The first administrator could not be made: {made.Refusal?.Text}");
    }

    /// <summary>All, in the order of their ids.</summary>
    public Task<IReadOnlyList<Account>> ListAsync(CancellationToken token) => store.ListAsync(token);

    /// <summary>Finds one.</summary>
    public async Task<Outcome<Account>> GetAsync(string id, CancellationToken token) => await store.FindAsync(id, token) is { } found ? found : NotFound(id);

    /// <summary>Makes the account of a person with a random password, which the person replaces at the first sign-in.</summary>
    public Task<Outcome<NewAccount>> CreateAsync(string id, string name, Role role, CancellationToken token) => CreateAsync(new AccountWish(id, name, role), token);

    /// <summary>Makes an account. That of a person has a random password; others have none, since an issuer vouches for them.</summary>
    public async Task<Outcome<NewAccount>> CreateAsync(AccountWish wish, CancellationToken token)
    {
        if ((AccountRules.CheckId(wish.Id) ?? AccountRules.CheckName(wish.Name)) is { } bad)
            return bad;
        var password = wish.Kind == AccountKind.Person ? Passwords.Generate() : null;
        var account = new Account
        {
            Id = wish.Id,
            Name = wish.Name,
            Kind = wish.Kind,
            TenantId = wish.TenantId,
            Role = wish.Role,
            Organization = wish.Organization,
            PasswordHash = await passwords.HashAsync(password ?? Passwords.Generate(), token),
            MustChangePassword = password is not null,
            Created = time.GetUtcNow(),
        };
        if (await store.InsertAsync(account, MaxAccounts, token))
            return new NewAccount(account, password);
        if (await store.FindAsync(wish.Id, token) is not null || await store.FindByNameAsync(wish.Name, token) is not null)
            return new Refusal(PeopleErrors.AlreadyExists, $"There is an account with the id '{wish.Id}' or the name '{wish.Name}'", "Choose others, or change that account.");
        return new Refusal(PeopleErrors.LimitReached, $"There are {MaxAccounts} accounts", "Delete those that are not used any more.");
    }

    /// <summary>Changes role and whether the person may sign in; the organization stays.</summary>
    public async Task<Outcome<Account>> UpdateAsync(string id, Role role, bool enabled, CancellationToken token)
        => (await GetAsync(id, token)).Succeeded(out var account, out var refusal) ? await UpdateAsync(id, role, account.Organization, enabled, token) : refusal;

    /// <summary>Changes role, where it counts, and whether the person may sign in.</summary>
    public async Task<Outcome<Account>> UpdateAsync(string id, Role role, string? organization, bool enabled, CancellationToken token)
    {
        var outcome = await ChangeAsync(id, a => a with { Role = role, Organization = organization, Enabled = enabled }, keepsAdministrator: true, token);
        if (outcome.Value is not null)
            await sessions.EndAllAsync(id, null, token);
        return outcome;
    }

    /// <summary>Gives a new random password, takes the lock away, and ends the sessions.</summary>
    public async Task<Outcome<NewAccount>> ResetPasswordAsync(string id, CancellationToken token)
    {
        var password = Passwords.Generate();
        var hash = await passwords.HashAsync(password, token);
        var outcome = await ChangeAsync(id, a => a.Kind == AccountKind.Person
            ? a with { PasswordHash = hash, MustChangePassword = true, FailedAttempts = 0, LockedUntil = null }
            : new Refusal(PeopleErrors.InvalidBody, $"The {a} has no password", "The issuer vouches for it."), keepsAdministrator: false, token);
        if (!outcome.Succeeded(out var account, out var refusal))
            return refusal;
        await sessions.EndAllAsync(id, null, token);
        return new NewAccount(account, password);
    }

    /// <summary>Takes the lock of wrong attempts away.</summary>
    public Task<Outcome<Account>> UnlockAsync(string id, CancellationToken token)
        => ChangeAsync(id, a => a with { FailedAttempts = 0, LockedUntil = null }, keepsAdministrator: false, token);

    /// <summary>Gives up the identity of the issuer that an account is bound to, so that another may claim it by the e-mail address. Ends the sessions.</summary>
    public async Task<Outcome<Account>> UnbindAsync(string id, CancellationToken token)
    {
        var outcome = await ChangeAsync(id, a => a with { Issuer = null, Subject = null }, keepsAdministrator: false, token);
        if (outcome.Value is not null)
            await sessions.EndAllAsync(id, null, token);
        return outcome;
    }

    /// <summary>A person replaces the password. The other sessions of the person end.</summary>
    public async Task<Outcome<Account>> ChangePasswordAsync(Session session, string current, string wanted, CancellationToken token)
    {
        if (!(await GetAsync(session.AccountId, token)).Succeeded(out var account, out var refusal))
            return refusal;
        if (!await passwords.VerifyAsync(account, current, token))
            return new Refusal(PeopleErrors.SignInRefused, "The present password is another one", "Type the password that you signed in with.");
        if (string.Equals(current, wanted, StringComparison.Ordinal))
            return new Refusal(PeopleErrors.WeakPassword, "The new password is the present one", "Choose another one.");
        if (Passwords.Check(wanted, account.Name) is { } weak)
            return weak;
        var hash = await passwords.HashAsync(wanted, token);
        var outcome = await ChangeAsync(account.Id, a => a with { PasswordHash = hash, MustChangePassword = false }, keepsAdministrator: false, token);
        if (outcome.Value is not null)
            await sessions.EndAllAsync(account.Id, session.Id, token);
        return outcome;
    }

    /// <summary>Begins to set up an authenticator app: a new secret that counts only once <see cref="ConfirmTotpAsync"/> got a code.</summary>
    public Task<Outcome<Account>> BeginTotpAsync(string id, CancellationToken token) => ChangeAsync(id, a => a.Kind != AccountKind.Person
        ? new Refusal(PeopleErrors.InvalidBody, $"The {a} is nobody who types a code", "The issuer vouches for it.")
        : a.TotpConfirmed
        ? new Refusal(PeopleErrors.AlreadyExists, "An authenticator app is set up", "Take it away first.")
        : a with { TotpSecret = Totp.NewSecret(), TotpLastStep = 0 }, keepsAdministrator: false, token);

    /// <summary>The app shows the right code: from now on each sign-in needs one.</summary>
    public Task<Outcome<Account>> ConfirmTotpAsync(string id, string code, CancellationToken token) => ChangeAsync(id, a =>
    {
        if (a.TotpSecret is null || a.TotpConfirmed)
            return new Refusal(PeopleErrors.InvalidBody, "No set-up of an authenticator app is under way", "Begin with a new secret.");
        return Totp.Match(a.TotpSecret, code, time.GetUtcNow(), a.TotpLastStep) is { } step
            ? a with { TotpConfirmed = true, TotpLastStep = step }
            : new Refusal(PeopleErrors.SignInRefused, "The code is wrong", "Type the six digits that the app shows now; check the clock of the phone.");
    }, keepsAdministrator: false, token);

    /// <summary>Takes the authenticator app away.</summary>
    public Task<Outcome<Account>> RemoveTotpAsync(string id, CancellationToken token)
        => ChangeAsync(id, a => a with { TotpSecret = null, TotpConfirmed = false, TotpLastStep = 0 }, keepsAdministrator: false, token);

    /// <summary>Deletes an account and ends its sessions. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string id, CancellationToken token)
    {
        while (await store.FindAsync(id, token) is { } account)
        {
            if (await IsLastAsync(account, token))
                return Last(account);
            if (!await store.DeleteAsync(id, account.Version, token))
                continue;
            await sessions.EndAllAsync(id, null, token);
            return null;
        }
        return NotFound(id);
    }

    private async Task<Outcome<Account>> ChangeAsync(string id, Func<Account, Outcome<Account>> change, bool keepsAdministrator, CancellationToken token)
    {
        while (true)
        {
            if (!(await GetAsync(id, token)).Succeeded(out var account, out var refusal)
                || !change(account).Succeeded(out var wanted, out refusal))
            {
                return refusal;
            }
            if (keepsAdministrator && (!IsAdministrator(wanted)) && await IsLastAsync(account, token))
                return Last(account);
            wanted = wanted with { Version = account.Version + 1 };
            if (await store.ReplaceAsync(wanted, account.Version, token))
                return wanted;
        }
    }

    // A group or program is nobody who could let people in when the issuer is down.
    private async Task<bool> IsLastAsync(Account account, CancellationToken token)
        => IsAdministrator(account) && !(await store.ListAsync(token)).Any(a => IsAdministrator(a) && a.Id != account.Id);

    private static bool IsAdministrator(Account account) => account is { Kind: AccountKind.Person, Role: Role.Administrator, Organization: null, Enabled: true };

    private static Refusal Last(Account account)
        => new(PeopleErrors.LastAdministrator, $"The {account} is the last administrator who may sign in", "Make another administrator first.");

    private static Refusal NotFound(string id)
        => new(PeopleErrors.NotFound, $"There is no account '{(AccountRules.CheckId(id) is null ? id : "?")}'", "Correct the id, or create the account.");
}

/// <summary>An account that was just made or whose password was reset.</summary>
/// <param name="Account">The account.</param>
/// <param name="Password">Its password, which is nowhere else: show it once. Null when an issuer vouches for it.</param>
public sealed record NewAccount(Account Account, string? Password);

/// <summary>What an account is to be.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Name to sign in with; of a service principal or group the object id, as the issuer has it in <c>oid</c>, <c>sub</c> or the groups.</param>
/// <param name="Role">What it may do.</param>
public sealed record AccountWish(string Id, string Name, Role Role)
{
    public AccountKind Kind { get; init; }

    /// <summary>Tenant of a service principal or group.</summary>
    public string? TenantId { get; init; }

    /// <summary>Where the role counts; null: in the whole application.</summary>
    public string? Organization { get; init; }
}
