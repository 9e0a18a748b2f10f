using Homeport.People.Access;
using Homeport.People.Audit;

namespace Homeport.Tests.People;

public sealed class AuditTests : IAsyncLifetime
{
    private readonly PeopleFixture _fixture = new();

    public ValueTask InitializeAsync() => _fixture.InitializeAsync();

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_chain_that_nobody_touched_is_intact()
    {
        (await _fixture.Audit.VerifyAsync(default)).ShouldBeEquivalentTo(new AuditVerification(0, null, new byte[32]));
        await WriteAsync(1500);
        var result = await _fixture.Audit.VerifyAsync(default);
        (result.Intact, result.Broken).ShouldBe((1500, null));
    }

    [Theory]
    [InlineData("UPDATE audit SET actor_name='somebody else' WHERE number=7", 7)]
    [InlineData("UPDATE audit SET detail=NULL WHERE number=7", 7)]
    [InlineData("UPDATE audit SET time=time+1 WHERE number=7", 7)]
    [InlineData("UPDATE audit SET result=1 WHERE number=7", 7)]
    [InlineData("DELETE FROM audit WHERE number=7", 8)]
    [InlineData("DELETE FROM audit WHERE number=1", 2)]
    [InlineData("UPDATE audit SET hash=(SELECT hash FROM audit WHERE number=8) WHERE number=7", 7)]
    [InlineData("UPDATE audit SET entity_type=entity_id, entity_id=entity_type WHERE number=7", 7)]
    public async Task Every_change_of_the_past_is_seen(string sql, long broken)
    {
        await WriteAsync(10);
        await _fixture.Database.WriteAsync(c =>
        {
            using var command = c.CreateCommand();
            command.CommandText = sql;
            return command.ExecuteNonQuery();
        }, default);
        (await _fixture.Audit.VerifyAsync(default)).Broken.ShouldBe(broken);
    }

    [Fact]
    public async Task Entries_are_found_by_time_text_and_kind_page_by_page()
    {
        await WriteAsync(5);
        _fixture.Time.Advance(TimeSpan.FromHours(1));
        var later = _fixture.Time.GetUtcNow();
        await _fixture.Audit.AppendAsync(Actor.Server, new AuditAction("block", "device", "Pump_7") { Detail = "100% of 'pumps'" }, default);
        (await _fixture.Audit.SearchAsync(new AuditFilter { From = later }, 10, default)).ShouldHaveSingleItem().EntityId.ShouldBe("Pump_7");
        (await _fixture.Audit.SearchAsync(new AuditFilter { Text = "pump_" }, 10, default)).ShouldHaveSingleItem();
        (await _fixture.Audit.SearchAsync(new AuditFilter { Text = "100%" }, 10, default)).ShouldHaveSingleItem();
        (await _fixture.Audit.SearchAsync(new AuditFilter { Text = "' OR 1=1 --" }, 10, default)).ShouldBeEmpty();
        var first = await _fixture.Audit.SearchAsync(new AuditFilter { Action = "write" }, 3, default);
        var second = await _fixture.Audit.SearchAsync(new AuditFilter { Action = "write", Before = first[^1].Number }, 3, default);
        first.Concat(second).Select(e => e.Number).ShouldBe([5, 4, 3, 2, 1]);
    }

    [Fact]
    public async Task A_call_of_the_API_leaves_one_entry_without_the_secret_and_the_export_has_it()
    {
        var token = await _fixture.TokenAsync(Role.Administrator, "admin-token");
        var (status, body) = await _fixture.SendAsync("PUT", "/api/users/ada", token, """{"type":"email","email":"ada@example.com","roles":[{"role":"ae2c9854-393b-4f97-8c42-479d70ce626e"}]}""");
        status.ShouldBe(200, body?.ToJsonString());
        var password = (string)body!["initialPassword"]!;
        var entry = (await _fixture.Audit.SearchAsync(new AuditFilter(), 10, default)).ShouldHaveSingleItem();
        (entry.Action, entry.EntityType, entry.EntityId, entry.ActorId, entry.Result).ShouldBe(("putUser", "user", "ada", "admin-token", AuditResult.Done));
        var (_, lines) = await _fixture.SendAsync("GET", "/api/x/audit/export", token);
        ((string)lines!).ShouldContain("\"action\":\"putUser\"");
        ((string)lines!).ShouldNotContain(password);
        (await _fixture.SendAsync("GET", "/api/users/ada", token)).Body!["initialPassword"].ShouldBeNull();
        (await _fixture.SendAsync("GET", "/api/x/audit/verification", token)).Body!["intact"]!.GetValue<bool>().ShouldBeTrue();
    }

    [Fact]
    public async Task A_refused_change_is_audited_too()
    {
        var token = await _fixture.TokenAsync(Role.Operator, "operator-token");
        (await _fixture.SendAsync("DELETE", "/api/users/ada", token)).Status.ShouldBe(403);
        var entry = (await _fixture.Audit.SearchAsync(new AuditFilter(), 10, default)).ShouldHaveSingleItem();
        (entry.Action, entry.ActorId, entry.Result).ShouldBe(("deleteUser", "operator-token", AuditResult.Refused));
    }

    private async Task WriteAsync(int count)
    {
        // At once, so that they share commits.
        await Task.WhenAll(Enumerable.Range(0, count).Select(i => _fixture.Audit.AppendAsync(Actor.Server, new AuditAction("write", "thing", $"t{i}") { Detail = "" }, default)));
    }
}
