using Homeport.Contract.Errors;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.People.Sessions;

namespace Homeport.People.Accounts;

/// <summary>What somebody typed to sign in.</summary>
/// <param name="Name">Name of the account.</param>
/// <param name="Password">Its password.</param>
/// <param name="Code">Code of the authenticator app, or null.</param>
/// <param name="Address">Where it comes from.</param>
/// <param name="Program">The browser, as it calls itself.</param>
public sealed record SignInAttempt(string Name, string Password, string? Code, string? Address, string? Program)
{
    /// <summary>Without the secrets.</summary>
    public override string ToString() => $"{Name} from {Address}";
}

/// <summary>Lets people in: password, lock-out, one-time code, rate limits. Every attempt is in the audit log.</summary>
public sealed class SignInService(IAccountStore accounts, Passwords passwords, SessionService sessions, AuditLog audit, TimeProvider time)
{
    /// <summary>Wrong attempts in a row after which the account is locked.</summary>
    public const int MaxFailures = 5;

    /// <summary>How long it is locked then.</summary>
    public static readonly TimeSpan LockTime = TimeSpan.FromMinutes(15);

    private readonly AttemptLimit _limit = new(time);

    /// <summary>Signs somebody in: gives a session, or why not. The texts tell nobody which names exist.</summary>
    public async Task<Outcome<NewSession>> SignInAsync(SignInAttempt attempt, CancellationToken token)
    {
        if (!_limit.TryTake(attempt.Address ?? ""))
            return new Refusal(PeopleErrors.TooManyRequests, $"More than {AttemptLimit.PerMinute} attempts in a minute came from {attempt.Address}", "Wait a minute.");
        var account = attempt.Name.Length <= 128 ? await accounts.FindByNameAsync(attempt.Name.Trim(), token) : null;
        var right = await passwords.VerifyAsync(account, attempt.Password, token);
        if (account is not { Kind: AccountKind.Person, Enabled: true })
            return await RefuseAsync(attempt, account, "unknown or disabled account", token);
        if (account.LockedUntil > time.GetUtcNow())
        {
            await NoteAsync(attempt, account, "locked", token);
            // Only who knows the password learns of the lock.
            return right ? Locked(account) : Wrong();
        }
        if (!right)
            return await FailAsync(attempt, account, "wrong password", token);
        return await CheckCodeAsync(attempt, account, token);
    }

    private async Task<Outcome<NewSession>> CheckCodeAsync(SignInAttempt attempt, Account account, CancellationToken token)
    {
        var step = account.TotpLastStep;
        if (account.TotpConfirmed)
        {
            if (string.IsNullOrWhiteSpace(attempt.Code))
                return new Refusal(PeopleErrors.CodeNeeded, "The account has an authenticator app", "Type the six digits that the app shows.");
            if (Totp.Match(account.TotpSecret, attempt.Code, time.GetUtcNow(), account.TotpLastStep) is not { } matched)
                return await FailAsync(attempt, account, "wrong code", token);
            step = matched;
        }
        var now = time.GetUtcNow();
        // The version keeps one code from opening two sessions at the same time.
        var entered = account with { FailedAttempts = 0, LockedUntil = null, TotpLastStep = step, LastSignIn = now, Version = account.Version + 1 };
        if (!await accounts.ReplaceAsync(entered, account.Version, token))
            return new Refusal(PeopleErrors.PreconditionFailed, "The account changed while you signed in", "Sign in again.");
        var session = await sessions.BeginAsync(entered, attempt.Address, attempt.Program, token);
        await audit.AppendAsync(session.Session.Actor, new AuditAction("signIn", "account", account.Id), token);
        return session;
    }

    private async Task<Outcome<NewSession>> FailAsync(SignInAttempt attempt, Account account, string reason, CancellationToken token)
    {
        var current = account;
        while (current is not null)
        {
            var failures = current.FailedAttempts + 1;
            var failed = current with
            {
                FailedAttempts = failures >= MaxFailures ? 0 : failures,
                LockedUntil = failures >= MaxFailures ? time.GetUtcNow() + LockTime : current.LockedUntil,
                Version = current.Version + 1,
            };
            if (await accounts.ReplaceAsync(failed, current.Version, token))
                break;
            current = await accounts.FindAsync(account.Id, token);
        }
        return await RefuseAsync(attempt, account, reason, token);
    }

    private async Task<Outcome<NewSession>> RefuseAsync(SignInAttempt attempt, Account? account, string reason, CancellationToken token)
    {
        await NoteAsync(attempt, account, reason, token);
        return Wrong();
    }

    /// <summary>What was typed as a name is not noted when no account has it: it may be a password in the wrong field.</summary>
    private Task<AuditEntry> NoteAsync(SignInAttempt attempt, Account? account, string reason, CancellationToken token)
    {
        var actor = new Actor(ActorKind.User, account?.Id ?? "", account?.Name ?? "(unknown)", account?.Role ?? Role.Auditor, attempt.Address);
        return audit.AppendAsync(actor, new AuditAction("signIn", "account", account?.Id ?? "") { Result = AuditResult.Refused, Detail = reason }, token);
    }

    private static Refusal Wrong() => new(PeopleErrors.SignInRefused, "The attempt was refused", $"Check what you typed. After {MaxFailures} wrong attempts an account is locked for {LockTime.TotalMinutes:0} minutes.");

    private Refusal Locked(Account account) => new(PeopleErrors.AccountLocked, $"Too many attempts were wrong; {Math.Ceiling((account.LockedUntil!.Value - time.GetUtcNow()).TotalMinutes):0} minutes are left", "Wait, or ask an administrator to unlock it.");
}
