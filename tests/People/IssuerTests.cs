using Homeport.Contract.Errors;
using Homeport.People.Access;
using Homeport.People.Accounts;
using Homeport.People.Issuer;
using Microsoft.IdentityModel.Tokens;

namespace Homeport.Tests.People;

/// <summary>Whom an issuer may vouch for, and which of its tokens count.</summary>
public sealed class IssuerTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private static readonly string[] Wanted = ["operators-of-plant-7"];

    [Fact]
    public async Task A_verified_address_binds_an_account_once_and_for_all()
    {
        var (account, first) = await fixture.PersonAsync(Role.Builder);
        var name = account.Name;
        (await EnterAsync(Person("unverified-1") with { HasUnverifiedEmail = true })).Refusal!.Error.ShouldBe(PeopleErrors.EmailNotVerified);
        (await EnterAsync(Person("nobody-1", "nobody-1@example.com"))).Refusal!.Error.ShouldBe(PeopleErrors.NoAccount);

        var session = (await EnterAsync(Person("ada-1", name.ToUpperInvariant()))).Value.ShouldNotBeNull();
        (session.Session.Role, session.Session.AccountName).ShouldBe((Role.Builder, name));
        (await fixture.Sessions.FindAsync(session.Token, default)).ShouldNotBeNull();
        // The password that an administrator knows ended, and nothing asks for another.
        var bound = (await fixture.Accounts.GetAsync(account.Id, default)).Value!;
        (bound.Issuer, bound.Subject, bound.MustChangePassword).ShouldBe((TestIssuer.Address, "ada-1", false));
        (await fixture.SignIn.SignInAsync(new SignInAttempt(name, first, null, "192.0.2.31", null), default)).Refusal!.Error.ShouldBe(PeopleErrors.SignInRefused);

        (await EnterAsync(Person("mallory-1", name))).Refusal!.Error.ShouldBe(PeopleErrors.AccountClaimed);
        // The identity counts, not the address, which may change at the issuer.
        (await EnterAsync(Person("ada-1", "ada.new@example.com"))).Value!.Session.AccountId.ShouldBe(account.Id);
        (await fixture.Accounts.UpdateAsync(account.Id, Role.Builder, enabled: false, default)).Value.ShouldNotBeNull();
        (await EnterAsync(Person("ada-1", name) with { Groups = Wanted })).Refusal!.Error.ShouldBe(PeopleErrors.AccountDisabled);
        (await fixture.Accounts.UpdateAsync(account.Id, Role.Builder, enabled: true, default)).Value.ShouldNotBeNull();

        var open = (await EnterAsync(Person("ada-1", name))).Value!;
        (await fixture.SendAsync("DELETE", $"/api/x/users/{account.Id}/identity", await fixture.TokenAsync(Role.Administrator))).Status.ShouldBe(200);
        (await fixture.Sessions.FindAsync(open.Token, default)).ShouldBeNull();
        (await EnterAsync(Person("ada-2", name))).Value!.Session.AccountId.ShouldBe(account.Id);
    }

    [Fact]
    public async Task A_group_gives_its_role_with_the_name_of_the_person_and_the_strongest_counts()
    {
        var administrator = await fixture.TokenAsync(Role.Administrator);
        await PutAsync(administrator, "g-operators", """{"type":"adGroup","tenantId":"t-1","objectId":"group-operators","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e"}]}""");
        await PutAsync(administrator, "g-builders", """{"type":"adGroup","tenantId":"t-1","objectId":"group-builders","roles":[{"role":"344138e9-8de4-4497-8c54-5237e96d6aaf"}]}""");
        var gina = Person("gina-1", "gina@example.com") with { Groups = ["x", "group-operators", "group-builders"] };
        var session = (await EnterAsync(gina)).Value!.Session;
        (session.AccountId, session.AccountName, session.Role).ShouldBe(("g-builders", "gina@example.com", Role.Builder));
        (await EnterAsync(gina with { TenantId = "t-2" })).Refusal!.Error.ShouldBe(PeopleErrors.NoAccount);
        (await EnterAsync(gina with { TenantId = "t-1" })).Value.ShouldNotBeNull();
        // Neither a group nor a program has a password.
        (await fixture.SendAsync("POST", "/api/x/users/g-builders/password", administrator)).Status.ShouldBe(400);
        (await fixture.SendAsync("DELETE", "/api/users/g-builders", administrator)).Status.ShouldBe(204);
        (await fixture.Sessions.ListAsync("g-builders", default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Each_kind_of_user_is_shown_as_IoT_Central_shows_it()
    {
        var administrator = await fixture.TokenAsync(Role.Administrator);
        var made = await PutAsync(administrator, "sp-shown", """{"type":"servicePrincipal","tenantId":"t-1","objectId":"sp-object","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e"}]}""");
        ((string?)made["type"], (string?)made["tenantId"], (string?)made["objectId"], made["email"], made["initialPassword"]).ShouldBe(("servicePrincipal", "t-1", "sp-object", null, null));
        foreach (var wrong in new[] { """{"type":"robot","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e"}]}""", """{"type":"adGroup","email":"x","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e"}]}""" })
            (await fixture.SendAsync("PUT", "/api/users/wrong", administrator, wrong)).Status.ShouldBe(400);
        (await fixture.SendAsync("PUT", "/api/users/sp-shown", administrator, """{"type":"email","email":"sp-object","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e"}]}""")).Status.ShouldBe(409);
    }

    [Fact]
    public async Task Only_a_token_of_this_issuer_for_this_audience_at_this_time_counts()
    {
        var administrator = await fixture.TokenAsync(Role.Administrator);
        await PutAsync(administrator, "sp-1", """{"type":"servicePrincipal","objectId":"program-1","roles":[{"role":"344138e9-8de4-4497-8c54-5237e96d6aaf"}]}""");
        var claims = new Dictionary<string, object>(StringComparer.Ordinal) { ["sub"] = "program-1" };
        var issuer = fixture.Issuer;
        (await CallAsync(issuer.Token(claims))).ShouldBe((200, ""));
        (await CallAsync(issuer.Token(claims, ends: TimeSpan.FromMinutes(-1)))).Status.ShouldBe(200, "clocks differ");
        (await CallAsync(issuer.Token(claims, ends: TimeSpan.FromMinutes(-4), begins: TimeSpan.FromHours(-1)))).Reason.ShouldContain("ended at");
        (await CallAsync(issuer.Token(claims, begins: TimeSpan.FromMinutes(1)))).Status.ShouldBe(200, "clocks differ");
        (await CallAsync(issuer.Token(claims, begins: TimeSpan.FromMinutes(4)))).Reason.ShouldContain("begins at");
        (await CallAsync(issuer.Token(claims, audience: "homeport"))).Reason.ShouldContain("another audience");
        (await CallAsync(issuer.Token(claims, issuer: "https://other.homeport.test"))).Reason.ShouldContain("another issuer");
        (await CallAsync(TestIssuer.Unsigned(claims))).Reason.ShouldContain("no signature of the issuer");
        var shared = new SymmetricSecurityKey(System.Text.Encoding.ASCII.GetBytes(new string('k', 64))) { KeyId = issuer.Key.KeyId };
        (await CallAsync(issuer.Token(claims, signs: new SigningCredentials(shared, SecurityAlgorithms.HmacSha256)))).Status.ShouldBe(401);
        using var foreign = new TestIssuer();
        (await CallAsync(foreign.Token(claims))).Reason.ShouldContain("no signature of the issuer");
        (await CallAsync("abc")).Reason.ShouldContain("no JSON Web Token");
        (await CallAsync(issuer.Token([]))).Reason.ShouldContain("no claim sub");
        (await CallAsync(issuer.Token(new(StringComparer.Ordinal) { ["sub"] = "program-2", ["client_id"] = "program-1", ["azp"] = "program-1" }))).Status.ShouldBe(403, "the program that a person used is not the person");
        (await CallAsync(issuer.Token(new(StringComparer.Ordinal) { ["sub"] = "pairwise", ["oid"] = "program-1" }))).Status.ShouldBe(200);
    }

    [Fact]
    public async Task A_group_in_the_claim_of_a_token_counts_and_what_is_done_is_in_the_audit_log()
    {
        var administrator = await fixture.TokenAsync(Role.Administrator);
        await PutAsync(administrator, "plant-7", """{"type":"adGroup","objectId":"operators-of-plant-7","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e"}]}""");
        var token = fixture.Issuer.Token(new(StringComparer.Ordinal) { ["sub"] = "hans", ["email"] = "hans@example.com", ["email_verified"] = true, ["groups"] = Wanted });
        (await fixture.SendAsync("PUT", "/api/devices/of-hans", "Bearer " + token, "{}")).Status.ShouldBe(200);
        var entry = (await fixture.Audit.SearchAsync(new() { Action = "putDevice", ActorId = "plant-7" }, 1, default)).ShouldHaveSingleItem();
        (entry.ActorName, entry.ActorKind).ShouldBe(("hans@example.com", ActorKind.User));
    }

    [Fact]
    public async Task New_keys_of_the_issuer_are_fetched_and_an_issuer_that_is_down_is_asked_no_more_than_needed()
    {
        var administrator = await fixture.TokenAsync(Role.Administrator);
        await PutAsync(administrator, "sp-3", """{"type":"servicePrincipal","objectId":"program-3","roles":[{"role":"344138e9-8de4-4497-8c54-5237e96d6aaf"}]}""");
        var claims = new Dictionary<string, object>(StringComparer.Ordinal) { ["sub"] = "program-3" };
        var issuer = fixture.Issuer;
        (await CallAsync(issuer.Token(claims))).Status.ShouldBe(200);
        fixture.Time.Advance(TimeSpan.FromSeconds(11));
        issuer.Rotate();
        (await CallAsync(issuer.Token(claims))).Status.ShouldBe(200);
        var asked = issuer.Asked;
        using var foreign = new TestIssuer();
        for (var i = 0; i < 5; i++)
            (await CallAsync(foreign.Token(claims, signs: new SigningCredentials(new RsaSecurityKey(System.Security.Cryptography.RSA.Create(2048)) { KeyId = $"foreign-{i}" }, SecurityAlgorithms.RsaSha256)))).Status.ShouldBe(401);
        issuer.Asked.ShouldBe(asked);

        // What was known stays good while the issuer is down.
        issuer.IsDown = true;
        fixture.Time.Advance(TimeSpan.FromDays(2));
        (await CallAsync(issuer.Token(claims))).Status.ShouldBe(200);
        using var http = new HttpClient(issuer, disposeHandler: false);
        using var fresh = new Homeport.Gateway.Http.Operators.Issuer.IssuerDocument(TestIssuer.Settings, http, fixture.Time);
        await Should.ThrowAsync<Homeport.Gateway.Http.Operators.Issuer.IssuerException>(() => fresh.GetConfigurationAsync(default));
        issuer.IsDown = false;
        await Should.ThrowAsync<Homeport.Gateway.Http.Operators.Issuer.IssuerException>(() => fresh.GetConfigurationAsync(default));
        fixture.Time.Advance(TimeSpan.FromSeconds(6));
        (await fresh.GetConfigurationAsync(default)).Issuer.ShouldBe(TestIssuer.Address);
        issuer.Name = TestIssuer.Address + "/";
        fresh.RequestRefresh();
        using var mistaken = new Homeport.Gateway.Http.Operators.Issuer.IssuerDocument(TestIssuer.Settings, http, fixture.Time);
        (await Should.ThrowAsync<Homeport.Gateway.Http.Operators.Issuer.IssuerException>(() => mistaken.GetConfigurationAsync(default))).Message.ShouldContain("letter by letter");
        issuer.Name = TestIssuer.Address;
    }

    private static IssuerIdentity Person(string subject, string? verified = null) => new(TestIssuer.Address, subject) { Email = verified };

    private Task<Outcome<Homeport.People.Sessions.NewSession>> EnterAsync(IssuerIdentity who) => fixture.IssuerSignIn.SignInAsync(who, "192.0.2.30", "a browser", default);

    private async Task<System.Text.Json.Nodes.JsonNode> PutAsync(string token, string id, string body)
    {
        var (status, made) = await fixture.SendAsync("PUT", $"/api/users/{id}", token, body);
        status.ShouldBe(200, made?.ToString());
        return made!;
    }

    private async Task<(int Status, string Reason)> CallAsync(string token)
    {
        var (status, body) = await fixture.SendAsync("GET", "/api/devices", "Bearer " + token);
        return (status, status == 200 ? "" : (string)body!["error"]!["message"]!);
    }
}
