using Homeport.Contract.Errors;
using Homeport.People.Access;

namespace Homeport.Tests.People;

public sealed class TokenTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    [Fact]
    public async Task A_token_is_shown_once_has_IoT_Centrals_form_and_ends_when_it_is_deleted()
    {
        var administrator = await fixture.TokenAsync(Role.Administrator);
        var (status, made) = await fixture.SendAsync("PUT", "/api/apiTokens/ci", administrator,
            """{"roles":[{"role":"344138e9-8de4-4497-8c54-5237e96d6aaf"}],"expiry":"2099-01-01T00:00:00Z"}""");
        status.ShouldBe(200);
        var text = (string)made!["token"]!;
        text.ShouldMatch("^SharedAccessSignature sr=default&sig=[A-Za-z0-9%]+&skn=ci&se=4070908800000$");
        (await fixture.SendAsync("GET", "/api/apiTokens/ci", administrator)).Body!["token"].ShouldBeNull();
        (await fixture.SendAsync("GET", "/api/roles", text)).Status.ShouldBe(200);
        (await fixture.SendAsync("GET", "/api/users", text)).Status.ShouldBe(403);
        (await fixture.SendAsync("GET", "/api/apiTokens/ci", administrator)).Body!["lastUsed"].ShouldNotBeNull();

        (await fixture.SendAsync("PUT", "/api/apiTokens/ci", administrator, """{"roles":[{"role":"344138e9-8de4-4497-8c54-5237e96d6aaf"}]}""")).Status.ShouldBe(409);
        (await fixture.SendAsync("DELETE", "/api/apiTokens/ci", administrator)).Status.ShouldBe(204);
        (await fixture.SendAsync("GET", "/api/roles", text)).Status.ShouldBe(401);
    }

    [Fact]
    public async Task A_token_ends_at_its_time_and_nobody_moves_it()
    {
        var made = (await fixture.Tokens.CreateAsync("short", Role.Operator, fixture.Time.GetUtcNow().AddMinutes(5), Actor.Server, default)).Value!;
        var end = made.Token.Expiry.ToUnixTimeMilliseconds();
        (await fixture.Tokens.AuthenticateAsync(made.Text, null, default)).Value!.Role.ShouldBe(Role.Operator);
        var moved = made.Text.Replace($"se={end}", $"se={end + 60_000_000}", StringComparison.Ordinal);
        (await fixture.Tokens.AuthenticateAsync(moved, null, default)).Refusal!.Error.ShouldBe(PeopleErrors.Unauthorized);
        fixture.Time.Advance(TimeSpan.FromMinutes(6));
        (await fixture.Tokens.AuthenticateAsync(made.Text, null, default)).Refusal!.Seen.ShouldContain("ended");
    }

    [Fact]
    public async Task The_database_holds_no_secret()
    {
        var made = (await fixture.Tokens.CreateAsync("stored", Role.Operator, null, Actor.Server, default)).Value!;
        var secret = Convert.FromBase64String(Uri.UnescapeDataString(made.Text.Split("sig=")[1].Split('&')[0]));
        secret.Length.ShouldBe(32);
        made.Token.SecretHash.ShouldNotBe(secret);
        made.Token.ToString().ShouldNotContain(Convert.ToBase64String(secret));
    }

    [Fact]
    public async Task The_last_administrator_stays()
    {
        var first = (await fixture.Accounts.EnsureFirstAsync(default)).ShouldNotBeNull();
        (await fixture.Accounts.EnsureFirstAsync(default)).ShouldBeNull();
        (await fixture.Accounts.DeleteAsync(first.Account.Id, default))!.Error.ShouldBe(PeopleErrors.LastAdministrator);
        (await fixture.Accounts.UpdateAsync(first.Account.Id, Role.Operator, true, default)).Refusal!.Error.ShouldBe(PeopleErrors.LastAdministrator);
        (await fixture.Accounts.UpdateAsync(first.Account.Id, Role.Administrator, false, default)).Refusal!.Error.ShouldBe(PeopleErrors.LastAdministrator);
        var (second, _) = await fixture.PersonAsync(Role.Administrator);
        (await fixture.Accounts.DeleteAsync(first.Account.Id, default)).ShouldBeNull();
        (await fixture.Accounts.DeleteAsync(second.Id, default))!.Error.ShouldBe(PeopleErrors.LastAdministrator);
    }
}
