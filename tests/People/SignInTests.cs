using Homeport.Contract.Errors;
using Homeport.People.Accounts;
using Homeport.People.Audit;

namespace Homeport.Tests.People;

public sealed class SignInTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private int _address;

    [Fact]
    public async Task The_right_password_begins_a_session_and_is_audited()
    {
        var (account, password) = await fixture.PersonAsync();
        var session = (await SignInAsync(account.Name, password)).Value.ShouldNotBeNull();
        session.Session.AccountId.ShouldBe(account.Id);
        (await fixture.Sessions.FindAsync(session.Token, default)).ShouldNotBeNull().Id.ShouldBe(session.Session.Id);
        (await fixture.Sessions.FindAsync(session.Token[..^1] + "A", default)).ShouldBeNull();
        var entry = (await fixture.Audit.SearchAsync(new AuditFilter { ActorId = account.Id }, 10, default)).ShouldHaveSingleItem();
        (entry.Action, entry.Result).ShouldBe(("signIn", AuditResult.Done));
    }

    [Fact]
    public async Task Wrong_attempts_lock_the_account_for_a_time_and_only_who_knows_the_password_is_told()
    {
        var (account, password) = await fixture.PersonAsync();
        for (var i = 0; i < SignInService.MaxFailures; i++)
            (await SignInAsync(account.Name, "wrong password")).Refusal!.Error.ShouldBe(PeopleErrors.SignInRefused);
        (await SignInAsync(account.Name, "wrong password")).Refusal!.Error.ShouldBe(PeopleErrors.SignInRefused);
        (await SignInAsync(account.Name, password)).Refusal!.Error.ShouldBe(PeopleErrors.AccountLocked);
        fixture.Time.Advance(SignInService.LockTime + TimeSpan.FromSeconds(1));
        (await SignInAsync(account.Name, password)).Value.ShouldNotBeNull();
    }

    [Fact]
    public async Task An_unknown_name_and_a_wrong_password_look_the_same()
    {
        var (account, _) = await fixture.PersonAsync();
        var wrong = (await SignInAsync(account.Name, "wrong password")).Refusal!;
        var unknown = (await SignInAsync("nobody@example.com", "wrong password")).Refusal!;
        unknown.Text.ShouldBe(wrong.Text);
    }

    [Fact]
    public async Task One_address_has_a_limited_number_of_attempts()
    {
        var answers = new List<Refusal?>();
        for (var i = 0; i < 25; i++)
            answers.Add((await fixture.SignIn.SignInAsync(new SignInAttempt("nobody", "x", null, "192.0.2.1", null), default)).Refusal);
        answers.Count(a => a!.Error == PeopleErrors.TooManyRequests).ShouldBe(5);
        fixture.Time.Advance(TimeSpan.FromMinutes(1));
        (await fixture.SignIn.SignInAsync(new SignInAttempt("nobody", "x", null, "192.0.2.1", null), default)).Refusal!.Error.ShouldBe(PeopleErrors.SignInRefused);
    }

    [Fact]
    public async Task With_an_authenticator_app_a_code_is_needed_and_none_counts_twice()
    {
        var (account, password) = await fixture.PersonAsync();
        var secret = (await fixture.Accounts.BeginTotpAsync(account.Id, default)).Value!.TotpSecret!;
        (await SignInAsync(account.Name, password)).Value.ShouldNotBeNull("the app is not confirmed yet");
        (await fixture.Accounts.ConfirmTotpAsync(account.Id, "000000", default)).Refusal.ShouldNotBeNull();
        (await fixture.Accounts.ConfirmTotpAsync(account.Id, Code(secret), default)).Value.ShouldNotBeNull();
        fixture.Time.Advance(TimeSpan.FromSeconds(60));

        (await SignInAsync(account.Name, password)).Refusal!.Error.ShouldBe(PeopleErrors.CodeNeeded);
        (await SignInAsync(account.Name, password, Code(secret))).Value.ShouldNotBeNull();
        (await SignInAsync(account.Name, password, Code(secret))).Refusal!.Error.ShouldBe(PeopleErrors.SignInRefused);
        fixture.Time.Advance(TimeSpan.FromSeconds(30));
        (await SignInAsync(account.Name, password, Code(secret))).Value.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_disabled_account_stays_out_and_its_sessions_end()
    {
        var (account, password) = await fixture.PersonAsync();
        var session = (await SignInAsync(account.Name, password)).Value!;
        var ended = new List<string>();
        fixture.Sessions.Ended += (_, e) => ended.Add(e.SessionId);
        (await fixture.Accounts.UpdateAsync(account.Id, account.Role, enabled: false, default)).Value.ShouldNotBeNull();
        ended.ShouldContain(session.Session.Id);
        (await fixture.Sessions.FindAsync(session.Token, default)).ShouldBeNull();
        (await fixture.Sessions.IsAliveAsync(session.Session.Id, default)).ShouldBeFalse();
        (await SignInAsync(account.Name, password)).Refusal!.Error.ShouldBe(PeopleErrors.SignInRefused);
    }

    [Fact]
    public async Task A_session_ends_without_use()
    {
        var (account, password) = await fixture.PersonAsync();
        var session = (await SignInAsync(account.Name, password)).Value!;
        fixture.Time.Advance(Homeport.People.Sessions.SessionService.Idle - TimeSpan.FromMinutes(1));
        (await fixture.Sessions.FindAsync(session.Token, default)).ShouldNotBeNull();
        fixture.Time.Advance(Homeport.People.Sessions.SessionService.Idle + TimeSpan.FromMinutes(1));
        (await fixture.Sessions.FindAsync(session.Token, default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_person_replaces_the_password_and_the_other_sessions_end()
    {
        var (account, password) = await fixture.PersonAsync();
        var mine = (await SignInAsync(account.Name, password)).Value!;
        var other = (await SignInAsync(account.Name, password)).Value!;
        (await fixture.Accounts.ChangePasswordAsync(mine.Session, password, "short", default)).Refusal!.Error.ShouldBe(PeopleErrors.WeakPassword);
        (await fixture.Accounts.ChangePasswordAsync(mine.Session, "another", "correct horse battery", default)).Refusal!.Error.ShouldBe(PeopleErrors.SignInRefused);
        (await fixture.Accounts.ChangePasswordAsync(mine.Session, password, "correct horse battery", default)).Value!.MustChangePassword.ShouldBeFalse();
        (await fixture.Sessions.FindAsync(mine.Token, default)).ShouldNotBeNull();
        (await fixture.Sessions.FindAsync(other.Token, default)).ShouldBeNull();
        (await SignInAsync(account.Name, password)).Refusal.ShouldNotBeNull();
        (await SignInAsync(account.Name, "correct horse battery")).Value.ShouldNotBeNull();
    }

    [Fact]
    public void Codes_are_those_of_RFC_6238()
    {
        // Appendix B of the RFC, the last six digits of its eight.
        var secret = "12345678901234567890"u8;
        Totp.CodeAt(secret, 59 / 30).ShouldBe("287082");
        Totp.CodeAt(secret, 1111111109 / 30).ShouldBe("081804");
        Totp.CodeAt(secret, 2000000000 / 30).ShouldBe("279037");
        // RFC 4648 for the same bytes.
        Totp.Text(secret).ShouldBe("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    private string Code(byte[] secret) => Totp.CodeAt(secret, Totp.StepOf(fixture.Time.GetUtcNow()));

    private Task<Outcome<Homeport.People.Sessions.NewSession>> SignInAsync(string name, string password, string? code = null)
        => fixture.SignIn.SignInAsync(new SignInAttempt(name, password, code, $"198.51.100.{++_address}", "test"), default);
}
