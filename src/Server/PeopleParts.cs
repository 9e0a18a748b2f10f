using Homeport.Gateway.Http.Operators;
using Homeport.Gateway.Http.Operators.Issuer;
using Homeport.Hub.Access;
using Homeport.People.Access;
using Homeport.People.Accounts;
using Homeport.People.Audit;
using Homeport.People.Issuer;
using Homeport.People.Organizations;
using Homeport.People.Sessions;
using Homeport.People.Tokens;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together what concerns people: accounts, sessions, API tokens and the audit log.</summary>
internal sealed class PeopleParts : IDisposable
{
    private readonly Passwords _passwords = new();

    public PeopleParts(Installation installation, Explanations explanations, TimeProvider time, IssuerParts? issuer = null, ILoggerFactory? loggers = null)
    {
        var accounts = new SqliteAccountStore(installation.Database, installation.Seal);
        Audit = new AuditLog(new SqliteAuditStore(installation.Database), installation.AuditKey, time);
        Sessions = new SessionService(new SqliteSessionStore(installation.Database), time);
        Accounts = new AccountService(accounts, _passwords, Sessions, time);
        SignIn = new SignInService(accounts, _passwords, Sessions, Audit, time);
        Tokens = new ApiTokenService(new SqliteApiTokenStore(installation.Database), Installation.ApplicationName, time);
        if (issuer is not null)
            IssuerSignIn = new IssuerSignIn(accounts, _passwords, Sessions, Audit, time);
        var bearer = issuer is null || loggers is null ? null : new BearerTokens(issuer.Options.Settings, issuer.Document, IssuerSignIn!, loggers.CreateLogger<BearerTokens>());
        Organizations = new OrganizationService(new SqliteOrganizationStore(installation.Database, Installation.ApplicationName));
        Api = new OperatorApi { Accounts = Accounts, Organizations = Organizations, Sessions = Sessions, Tokens = Tokens, Bearer = bearer, Audit = Audit, Explanations = explanations, Time = time };
    }

    public AuditLog Audit { get; }

    public SessionService Sessions { get; }

    public AccountService Accounts { get; }

    public OrganizationService Organizations { get; }

    public SignInService SignIn { get; }

    /// <summary>Null without an issuer.</summary>
    public IssuerSignIn? IssuerSignIn { get; }

    public ApiTokenService Tokens { get; }

    public OperatorApi Api { get; }

    /// <summary>Maps all calls of the operators' API.</summary>
    public void Map(IEndpointRouteBuilder routes, FleetParts fleet, ProvisioningParts provisioning)
    {
        provisioning.MapOperators(routes, Api);
        routes.MapPeople(Api);
        routes.MapOrganizations(Api);
        routes.MapAudit(Api);
        routes.MapBulkFiles(Api, fleet.Import, fleet.Export);
        routes.MapImportJobs(Api, fleet.ImportJobs);
        routes.MapOpenApi(Api);
    }

    /// <summary>Gives the first administrator a new password, without its authenticator app; makes one when there is none.</summary>
    public async Task<NewAccount> ResetAdministratorAsync(CancellationToken token)
    {
        if (await Accounts.EnsureFirstAsync(token) is { } made)
            return made;
        var accounts = await Accounts.ListAsync(token);
        var account = accounts.FirstOrDefault(a => a is { Role: Role.Administrator, Enabled: true }) ?? accounts.First(a => a.Role == Role.Administrator);
        await Accounts.RemoveTotpAsync(account.Id, token);
        await Accounts.UpdateAsync(account.Id, Role.Administrator, enabled: true, token);
        var reset = (await Accounts.ResetPasswordAsync(account.Id, token)).Value ?? throw new InvalidOperationException("The account went while its password was reset.");
        await Audit.AppendAsync(Actor.Server, new AuditAction("resetAdministrator", "user", account.Id), token);
        return reset;
    }

    /// <inheritdoc/>
    public void Dispose() => _passwords.Dispose();
}
