using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.People.Access;
using Homeport.People.Accounts;
using Homeport.People.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Operators;

/// <summary>Accounts, roles, API tokens and sessions over REST.</summary>
public static class PeopleEndpoints
{
    /// <summary>Maps <c>/api/users</c>, <c>/api/roles</c>, <c>/api/apiTokens</c> and Homeport's own calls under <c>/api/x</c>.</summary>
    public static void MapPeople(this IEndpointRouteBuilder routes, OperatorApi api)
    {
        MapUsers(routes, api);
        MapTokens(routes, api);
        api.MapRead(routes, "/api/roles", new Operation("listRoles", Permission.ViewRoles, "Lists the roles.") { Reach = Reach.Anybody }, _
            => Task.FromResult(Reply.Of(new Collection<RoleDescription>([.. Enum.GetValues<Role>().Select(ToBody)]), OperatorJson.Default.CollectionRoleDescription)));
        api.MapRead(routes, "/api/roles/{id}", new Operation("getRole", Permission.ViewRoles, "Shows a role.") { Reach = Reach.Anybody }, context
            => Task.FromResult(RoleIds.Find(OperatorApi.Id(context)) is { } role
                ? Reply.Of(ToBody(role), OperatorJson.Default.RoleDescription)
                : new Refusal(PeopleErrors.NotFound, "There is no such role", "List the roles with GET /api/roles.")));
        api.MapRead(routes, "/api/x/sessions", new Operation("listSessions", Permission.ViewPeople, "Lists who is signed in."), async context =>
        {
            var sessions = await api.Sessions.ListAsync(context.Request.Query["user"], context.RequestAborted);
            return Reply.Of(new Collection<SessionDescription>([.. sessions.Select(s => new SessionDescription(s.Id, s.AccountId, s.Created, s.LastSeen, s.Address, s.Program))]),
                OperatorJson.Default.CollectionSessionDescription);
        });
        api.MapChange(routes, "DELETE", "/api/x/sessions/{id}", new Operation("endSession", Permission.ManagePeople, "Ends a session at once.") { Audited = "session" }, async (context, _)
            => await api.Sessions.EndAsync(OperatorApi.Id(context), context.RequestAborted)
                ? Reply.Empty
                : new Refusal(PeopleErrors.NotFound, "There is no such session", "List them with GET /api/x/sessions."));
    }

    private static void MapUsers(IEndpointRouteBuilder routes, OperatorApi api)
    {
        api.MapRead(routes, "/api/users", new Operation("listUsers", Permission.ViewPeople, "Lists the accounts."), async context
            => Reply.Of(new Collection<UserDescription>([.. (await api.Accounts.ListAsync(context.RequestAborted)).Select(a => ToBody(api, a))]), OperatorJson.Default.CollectionUserDescription));
        api.MapRead(routes, "/api/users/{id}", new Operation("getUser", Permission.ViewPeople, "Shows an account."), async context
            => Answer(api, await api.Accounts.GetAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapChange(routes, "PUT", "/api/users/{id}", Change("putUser", "Makes an account, or changes its role."), (context, _) => PutAsync(api, context));
        api.MapChange(routes, "PATCH", "/api/users/{id}", Change("patchUser", "Changes the role of an account, or keeps it out."), (context, _) => PatchAsync(api, context));
        api.MapChange(routes, "DELETE", "/api/users/{id}", Change("deleteUser", "Deletes an account."), async (context, _)
            => await api.Accounts.DeleteAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
        api.MapChange(routes, "POST", "/api/x/users/{id}/password", Change("resetPassword", "Gives an account a new random password."), async (context, _)
            => Answer(api, await api.Accounts.ResetPasswordAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapChange(routes, "POST", "/api/x/users/{id}/unlock", Change("unlockUser", "Takes the lock of wrong attempts away."), async (context, _)
            => Answer(api, await api.Accounts.UnlockAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapChange(routes, "DELETE", "/api/x/users/{id}/identity", Change("unbindUser", "Gives up the identity of the issuer that an account is bound to."), async (context, _)
            => Answer(api, await api.Accounts.UnbindAsync(OperatorApi.Id(context), context.RequestAborted)));
        api.MapChange(routes, "DELETE", "/api/x/users/{id}/totp", Change("removeTotp", "Takes the authenticator app of an account away."), async (context, _)
            => Answer(api, await api.Accounts.RemoveTotpAsync(OperatorApi.Id(context), context.RequestAborted)));
    }

    private static void MapTokens(IEndpointRouteBuilder routes, OperatorApi api)
    {
        api.MapRead(routes, "/api/apiTokens", new Operation("listApiTokens", Permission.ViewPeople, "Lists the API tokens."), async context
            => Reply.Of(new Collection<ApiTokenDescription>([.. (await api.Tokens.ListAsync(context.RequestAborted)).Select(t => ToBody(t, null))]), OperatorJson.Default.CollectionApiTokenDescription));
        api.MapRead(routes, "/api/apiTokens/{id}", new Operation("getApiToken", Permission.ViewPeople, "Shows an API token, without its secret."), async context
            => (await api.Tokens.GetAsync(OperatorApi.Id(context), context.RequestAborted)).Succeeded(out var found, out var refusal)
                ? Reply.Of(ToBody(found, null), OperatorJson.Default.ApiTokenDescription)
                : refusal);
        api.MapChange(routes, "PUT", "/api/apiTokens/{id}", new Operation("createApiToken", Permission.ManagePeople, "Makes an API token.") { Audited = "apiToken" }, async (context, actor) =>
        {
            if (!(await OperatorApi.ReadAsync(context, OperatorJson.Default.ApiTokenDescription)).Succeeded(out var body, out var refusal)
                || !(await CreateTokenAsync(api, context, body, actor)).Succeeded(out var made, out refusal))
            {
                return refusal;
            }
            return Reply.Of(ToBody(made.Token, made.Text), OperatorJson.Default.ApiTokenDescription);
        });
        api.MapChange(routes, "DELETE", "/api/apiTokens/{id}", new Operation("deleteApiToken", Permission.ManagePeople, "Revokes an API token at once.") { Audited = "apiToken" }, async (context, _)
            => await api.Tokens.DeleteAsync(OperatorApi.Id(context), context.RequestAborted) is { } refusal ? refusal : Reply.Empty);
    }

    private static async Task<Outcome<NewApiToken>> CreateTokenAsync(OperatorApi api, HttpContext context, ApiTokenDescription body, Actor actor)
        => (await RoleOfAsync(api, body.Roles, context.RequestAborted)).Succeeded(out var given, out var refusal)
            ? await api.Tokens.CreateAsync(OperatorApi.Id(context), given.Role, given.Organization, body.Expiry, actor, context.RequestAborted)
            : refusal;

    private static async Task<Outcome<Reply>> PutAsync(OperatorApi api, HttpContext context)
    {
        if (!(await OperatorApi.ReadAsync(context, OperatorJson.Default.UserDescription)).Succeeded(out var body, out var refusal))
            return refusal;
        if (KindOf(body.Type) is not { } kind)
            return new Refusal(PeopleErrors.InvalidBody, $"type is '{body.Type}'", "Send email, servicePrincipal or adGroup.");
        if (!(await RoleOfAsync(api, body.Roles, context.RequestAborted)).Succeeded(out var given, out refusal))
            return refusal;
        var id = OperatorApi.Id(context);
        var name = kind == AccountKind.Person ? body.Email : body.ObjectId;
        if ((await api.Accounts.GetAsync(id, context.RequestAborted)).Value is { } existing)
        {
            var same = kind == existing.Kind && (name is null || string.Equals(name, existing.Name, StringComparison.OrdinalIgnoreCase)) && (body.TenantId is null || body.TenantId == existing.TenantId);
            return same
                ? Answer(api, await api.Accounts.UpdateAsync(id, given.Role, given.Organization, body.Enabled ?? existing.Enabled, context.RequestAborted))
                : new Refusal(PeopleErrors.AlreadyExists, $"Account '{id}' is of another type, e-mail address, tenant or object", "Delete it and make it again, or leave these members out.");
        }
        return name is not null
            ? Answer(api, await api.Accounts.CreateAsync(new AccountWish(id, name, given.Role) { Kind = kind, TenantId = kind == AccountKind.Person ? null : body.TenantId, Organization = given.Organization }, context.RequestAborted))
            : new Refusal(PeopleErrors.InvalidBody, $"{(kind == AccountKind.Person ? "email" : "objectId")} is missing", "Send the e-mail address or name to sign in with, or the object id as the issuer has it.");
    }

    private static async Task<Outcome<Reply>> PatchAsync(OperatorApi api, HttpContext context)
    {
        var id = OperatorApi.Id(context);
        if (!(await OperatorApi.ReadAsync(context, OperatorJson.Default.UserDescription)).Succeeded(out var body, out var refusal)
            || !(await api.Accounts.GetAsync(id, context.RequestAborted)).Succeeded(out var existing, out refusal))
        {
            return refusal;
        }
        var given = new GivenRole(existing.Role, existing.Organization);
        if (body.Roles is not null && !(await RoleOfAsync(api, body.Roles, context.RequestAborted)).Succeeded(out given, out refusal))
            return refusal;
        return Answer(api, await api.Accounts.UpdateAsync(id, given.Role, given.Organization, body.Enabled ?? existing.Enabled, context.RequestAborted));
    }

    private static Operation Change(string name, string summary) => new(name, Permission.ManagePeople, summary) { Audited = "user" };

    private static AccountKind? KindOf(string? type) => type switch
    {
        null or "email" => AccountKind.Person,
        "servicePrincipal" => AccountKind.ServicePrincipal,
        "adGroup" => AccountKind.Group,
        _ => null,
    };

    private static string TypeOf(AccountKind kind) => kind switch
    {
        AccountKind.ServicePrincipal => "servicePrincipal",
        AccountKind.Group => "adGroup",
        _ => "email",
    };

    private static async Task<Outcome<GivenRole>> RoleOfAsync(OperatorApi api, IReadOnlyList<RoleAssignment>? roles, CancellationToken token)
    {
        if (roles is not [var only] || RoleIds.Find(only.Role) is not { } role)
            return new Refusal(PeopleErrors.InvalidBody, "roles does not name exactly one known role", "Send \"roles\": [{\"role\": \"<id from GET /api/roles>\"}], with \"organization\" if it counts in one only.");
        return await api.Organizations.CheckAsync(only.Organization, token) is { } unknown ? unknown : new GivenRole(role, only.Organization);
    }

    private static Outcome<Reply> Answer(OperatorApi api, Outcome<Account> outcome)
        => outcome.Succeeded(out var account, out var refusal) ? Reply.Of(ToBody(api, account), OperatorJson.Default.UserDescription) : refusal;

    private static Outcome<Reply> Answer(OperatorApi api, Outcome<NewAccount> outcome) => outcome.Succeeded(out var made, out var refusal)
        ? Reply.Of(ToBody(api, made.Account) with { InitialPassword = made.Password }, OperatorJson.Default.UserDescription)
        : refusal;

    private static RoleDescription ToBody(Role role) => new(RoleIds.Of(role), role.ToString());

    private static ApiTokenDescription ToBody(ApiToken apiToken, string? text) => new()
    {
        Id = apiToken.Id,
        Roles = [new RoleAssignment(RoleIds.Of(apiToken.Role), apiToken.Organization)],
        Expiry = apiToken.Expiry,
        LastUsed = apiToken.LastUsed,
        Token = text,
    };

    private static UserDescription ToBody(OperatorApi api, Account account) => new()
    {
        Id = account.Id,
        Type = TypeOf(account.Kind),
        Email = account.Kind == AccountKind.Person ? account.Name : null,
        TenantId = account.TenantId,
        ObjectId = account.Kind == AccountKind.Person ? null : account.Name,
        Issuer = account.Issuer,
        Subject = account.Subject,
        Roles = [new RoleAssignment(RoleIds.Of(account.Role), account.Organization)],
        Enabled = account.Enabled,
        Locked = account.LockedUntil > api.Time.GetUtcNow(),
        Totp = account.TotpConfirmed,
        LastSignIn = account.LastSignIn,
        Etag = account.Version.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    /// <summary>A role, and where it counts.</summary>
    private sealed record GivenRole(Role Role, string? Organization);
}
