using Homeport.Contract.Errors;
using Homeport.People.Access;
using Homeport.People.Accounts;
using Homeport.People.Audit;
using Homeport.People.Sessions;

namespace Homeport.People.Issuer;

/// <summary>
/// Lets in whom an issuer vouches for, when somebody here wants it: by an account that has the verified e-mail address and is bound to
/// the identity from then on, or by a group or service principal that an administrator entered. Nobody becomes anything by the issuer alone.
/// </summary>
public sealed class IssuerSignIn(IAccountStore accounts, Passwords passwords, SessionService sessions, AuditLog audit, TimeProvider time)
{
    /// <summary>Opens a session for a person. Every attempt is in the audit log.</summary>
    public async Task<Outcome<NewSession>> SignInAsync(IssuerIdentity who, string? address, string? program, CancellationToken token)
    {
        if (!(await AccountOfAsync(who, binds: true, token)).Succeeded(out var account, out var refusal))
        {
            var nobody = new Actor(ActorKind.User, "", NameOf(who), Role.Auditor, address);
            await audit.AppendAsync(nobody, new AuditAction("signIn", "account", "") { Result = AuditResult.Refused, Detail = $"{refusal.Error.Name}: {who.Subject} of {who.Issuer}" }, token);
            return refusal;
        }
        // People who come by a group have no account of their own: the session bears their name, and ends with the group's account.
        var person = account.Kind == AccountKind.Group ? account with { Name = NameOf(who) } : account;
        var session = await sessions.BeginAsync(person, address, program, token);
        await audit.AppendAsync(session.Session.Actor, new AuditAction("signIn", "account", account.Id) { Detail = $"{who.Subject} of {who.Issuer}" }, token);
        return session;
    }

    /// <summary>Who calls the API with a token of the issuer.</summary>
    public async Task<Outcome<Actor>> AuthenticateAsync(IssuerIdentity who, string? address, CancellationToken token)
    {
        if (!(await AccountOfAsync(who, binds: false, token)).Succeeded(out var account, out var refusal))
            return refusal;
        var (kind, name) = account.Kind switch
        {
            AccountKind.ServicePrincipal => (ActorKind.ServicePrincipal, account.Id),
            AccountKind.Group => (ActorKind.User, NameOf(who)),
            _ => (ActorKind.User, account.Name),
        };
        return new Actor(kind, account.Id, name, account.Role, address) { Organization = account.Organization };
    }

    /// <summary>The account that an identity may use.</summary>
    /// <param name="who">The identity.</param>
    /// <param name="binds">A person signs in, and becomes the owner of the account with the verified address; else a token is shown.</param>
    /// <param name="token">Ends the call.</param>
    private async Task<Outcome<Account>> AccountOfAsync(IssuerIdentity who, bool binds, CancellationToken token)
    {
        if (await accounts.FindBySubjectAsync(who.Issuer, who.Subject, token) is { } bound)
            return await EnterAsync(bound, who, binds, token);
        if (binds && who.Email is { } email && await accounts.FindByNameAsync(email, token) is { Kind: AccountKind.Person } mine)
            return mine.Subject is null ? await EnterAsync(mine, who, binds, token) : Claimed(mine);
        if (!binds && await PrincipalAsync(who, token) is { } principal)
            return principal.Enabled ? principal : Disabled(principal);
        var groups = await GroupsAsync(who, token);
        return groups.Count > 0 ? groups[0] : Unknown(who);
    }

    private async Task<Outcome<Account>> EnterAsync(Account account, IssuerIdentity who, bool signsIn, CancellationToken token)
    {
        if (!account.Enabled)
            return Disabled(account);
        if (!signsIn)
            return account;
        var entered = account with { Issuer = who.Issuer, Subject = who.Subject, LastSignIn = time.GetUtcNow(), Version = account.Version + 1 };
        if (account.MustChangePassword)
        {
            // A password that somebody else knows ends when its owner comes another way.
            entered = entered with { PasswordHash = await passwords.HashAsync(Passwords.Generate(), token), MustChangePassword = false };
        }
        return await accounts.ReplaceAsync(entered, account.Version, token)
            ? entered
            : new Refusal(PeopleErrors.PreconditionFailed, "The account changed while you signed in", "Sign in again.");
    }

    private async Task<Account?> PrincipalAsync(IssuerIdentity who, CancellationToken token)
    {
        foreach (var id in new[] { who.ObjectId, who.Subject }.OfType<string>())
        {
            if (await accounts.FindByNameAsync(id, token) is { Kind: AccountKind.ServicePrincipal } found && IsOfTenant(found, who))
                return found;
        }
        return null;
    }

    /// <summary>The accounts of the groups that the issuer names, that with the most rights first, and of those that of the whole application.</summary>
    private async Task<List<Account>> GroupsAsync(IssuerIdentity who, CancellationToken token)
    {
        var found = new List<Account>();
        foreach (var group in who.Groups.Distinct(StringComparer.Ordinal))
        {
            if (await accounts.FindByNameAsync(group, token) is { Kind: AccountKind.Group, Enabled: true } account && IsOfTenant(account, who))
                found.Add(account);
        }
        return [.. found.OrderBy(a => a.Role).ThenBy(a => a.Organization is not null).ThenBy(a => a.Id, StringComparer.Ordinal)];
    }

    // Only Entra ID names tenants.
    private static bool IsOfTenant(Account account, IssuerIdentity who) => who.TenantId is null || string.Equals(account.TenantId, who.TenantId, StringComparison.OrdinalIgnoreCase);

    private static string NameOf(IssuerIdentity who) => who.Email ?? who.Subject;

    private static Refusal Disabled(Account account) => new(PeopleErrors.AccountDisabled, $"The account '{account.Id}' is kept out", "Ask an administrator to let it in under People.");

    private static Refusal Claimed(Account account) => new(PeopleErrors.AccountClaimed, $"The account '{account.Id}' is bound to another identity",
        "If the issuer gave you a new identity, ask an administrator to unbind the account under People.");

    private static Refusal Unknown(IssuerIdentity who) => who.HasUnverifiedEmail
        ? new Refusal(PeopleErrors.EmailNotVerified, "The issuer did not verify the e-mail address", "Verify it there and sign in again, or ask an administrator for a role for one of your groups.")
        : new Refusal(PeopleErrors.NoAccount, "No account here has the e-mail address, subject or a group that the issuer vouches for",
            "Ask an administrator to make an account with your e-mail address, or to give one of your groups a role, under People.");
}
