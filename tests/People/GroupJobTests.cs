using System.Text.Json.Nodes;
using Homeport.Hub.Registry;
using Homeport.Operations.Jobs;
using Homeport.People.Access;
using Homeport.People.Audit;

namespace Homeport.Tests.People;

/// <summary>Jobs over device groups, over REST in the form of IoT Central; one runner works on them.</summary>
public sealed class GroupJobTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private const string Template = "dtmi:modelDefinition:jobs:lamp;1";
    private const string Next = "dtmi:modelDefinition:jobs:lamp;2";

    [Fact]
    public async Task Properties_are_written_on_all_devices_of_a_group_and_each_result_is_kept()
    {
        var token = await PrepareAsync("all", 40);
        await using var runner = new Running(fixture.Runner);
        await SendAsync(token, "PUT", "/api/jobs/all-1", """
            {"displayName":"Slower","group":"all","data":[{"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"interval","value":60},
             {"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"head.level","value":3}]}
            """);
        var done = await DoneAsync(token, "all-1");
        (Text(done, "status"), (int)done["progress"]!["completed"]!, (int)done["progress"]!["failed"]!).ShouldBe(("complete", 40, 0), done.ToJsonString());
        var twin = (await fixture.Twins.GetAsync("all-007", null, default)).Value!;
        JsonNode.Parse(twin.Desired.Properties.Span)!.ToJsonString().ShouldBe("""{"interval":60,"head":{"__t":"c","level":3}}""");

        await SendAsync(token, "PUT", "/api/jobs/all-2", """{"group":"all","data":[{"type":"CloudPropertyJobData","target":"dtmi:modelDefinition:jobs:lamp;1","path":"owner","value":"Ada"}]}""");
        Text(await DoneAsync(token, "all-2"), "status").ShouldBe("complete");
        JsonNode.Parse((await fixture.Twins.GetAsync("all-039", null, default)).Value!.Tags.Span)!["cloud"]!["owner"]!.GetValue<string>().ShouldBe("Ada");

        await SendAsync(token, "PUT", "/api/jobs/all-3", """{"group":"all","data":[{"type":"deviceTemplateMigration","template":"dtmi:modelDefinition:jobs:lamp;2"}]}""");
        Text(await DoneAsync(token, "all-3"), "status").ShouldBe("complete");
        (await fixture.Lifecycle.GetAsync("all-000", default)).Value!.Template.ShouldBe(Next);

        await SendAsync(token, "PUT", "/api/jobs/all-4", """{"group":"all","data":[{"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"interval","value":60}]}""");
        var failed = await DoneAsync(token, "all-4");
        (Text(failed, "status"), (int)failed["progress"]!["failed"]!).ShouldBe(("complete", 40), "they follow another template now");
        var devices = new List<JsonNode>();
        for (var link = "/api/jobs/all-4/devices?api-version=2022-07-31&$top=15"; link is not null;)
        {
            var page = await SendAsync(token, "GET", link);
            devices.AddRange(page["value"]!.AsArray().Select(d => d!));
            link = Text(page, "nextLink") is { } next ? new Uri(next).PathAndQuery : null;
        }
        devices.Count.ShouldBe(40);
        devices.ShouldAllBe(d => Text(d, "status") == "failed" && Text(d["error"]!, "code") == "JobTargetMissing");
        (await fixture.Audit.SearchAsync(new AuditFilter { EntityType = "job" }, 100, default)).ShouldContain(e => e.Action == "putJob" && e.EntityId == "all-1" && e.Detail!.Contains("interval", StringComparison.Ordinal));
        (await SendAsync(token, "GET", "/api/jobs"))["value"]!.AsArray().Select(j => Text(j!, "id")).Take(2).ShouldBe(["all-4", "all-3"]);
    }

    [Fact]
    public async Task A_job_is_stopped_resumed_and_run_again_on_what_failed()
    {
        var token = await PrepareAsync("again", 3);
        await SendAsync(token, "PUT", "/api/jobs/again-1", """{"group":"again","data":[{"type":"command","target":"dtmi:modelDefinition:jobs:lamp;1","path":"blink"}]}""");
        (await fixture.SendAsync("POST", "/api/jobs/again-1/stop", token)).Status.ShouldBe(204);
        await using var runner = new Running(fixture.Runner);
        Text(await SendAsync(token, "GET", "/api/jobs/again-1"), "status").ShouldBe("stopped");
        (await fixture.SendAsync("PUT", "/api/jobs/again-1/rerun/again-2", token)).Status.ShouldBe(409, "it is not over");
        (await fixture.SendAsync("POST", "/api/jobs/again-1/resume", token)).Status.ShouldBe(204);
        var done = await DoneAsync(token, "again-1");
        ((int)done["progress"]!["failed"]!).ShouldBe(3, "no device is connected");
        (await fixture.SendAsync("POST", "/api/jobs/again-1/stop", token)).Status.ShouldBe(409);
        (await fixture.SendAsync("POST", "/api/jobs/again-1/resume", token)).Status.ShouldBe(409);

        (await fixture.SendAsync("DELETE", "/api/devices/again-001", token)).Status.ShouldBe(204);
        await SendAsync(token, "PUT", "/api/jobs/again-1/rerun/again-2");
        var second = await DoneAsync(token, "again-2");
        ((int)second["progress"]!["total"]!).ShouldBe(3, "those that failed, whoever is in the group now");
        var devices = (await SendAsync(token, "GET", "/api/jobs/again-2/devices"))["value"]!.AsArray();
        devices.Select(d => Text(d!["error"]!, "code")).ShouldBe(["DeviceNotOnline", "DeviceNotFound", "DeviceNotOnline"]);
        (await fixture.SendAsync("PUT", "/api/jobs/again-1/rerun/again-2", token)).Status.ShouldBe(409, "the id is taken");
    }

    [Theory]
    [InlineData("""{"type":"number","value":2}""", """{"type":"number","value":3,"batch":false}""", 4)]
    [InlineData("""{"type":"percentage","value":20}""", """{"type":"percentage","value":50,"batch":true}""", 2)]
    [InlineData("""{"type":"number","value":1}""", """{"type":"number","value":0}""", 1)]
    public async Task A_job_ends_when_more_devices_failed_than_its_threshold_allows(string batch, string threshold, int failed)
    {
        var group = $"few-{failed}";
        var token = await PrepareAsync(group, 10);
        await using var runner = new Running(fixture.Runner);
        var body = $$"""{"group":"{{group}}","batch":{{batch}},"cancellationThreshold":{{threshold}},"data":[{"type":"command","target":"{{Template}}","path":"blink"}]}""";
        await SendAsync(token, "PUT", $"/api/jobs/{group}", body);
        var done = await DoneAsync(token, group);
        (Text(done, "status"), (int)done["progress"]!["failed"]!, (int)done["progress"]!["pending"]!).ShouldBe(("cancelled", failed, 10 - failed), done.ToJsonString());
        Text(done, "reason")!.ShouldContain("are allowed");
    }

    [Theory]
    [InlineData("""{"group":"wrong","data":[{"type":"property","target":"dtmi:nobody;1","path":"interval","value":1}]}""", 422, "no published template")]
    [InlineData("""{"group":"wrong","data":[{"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"colour","value":1}]}""", 422, "no writable property 'colour'")]
    [InlineData("""{"group":"wrong","data":[{"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"tail.level","value":1}]}""", 422, "no writable property 'tail.level'")]
    [InlineData("""{"group":"wrong","data":[{"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"owner","value":"x"}]}""", 422, "no writable property")]
    [InlineData("""{"group":"wrong","data":[{"type":"cloudProperty","target":"dtmi:modelDefinition:jobs:lamp;1","path":"interval","value":1}]}""", 422, "no cloud property")]
    [InlineData("""{"group":"wrong","data":[{"type":"command","target":"dtmi:modelDefinition:jobs:lamp;1","path":"migration.DeviceMove"}]}""", 422, "no command")]
    [InlineData("""{"group":"wrong","data":[{"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"interval","value":"often"}]}""", 422, "interval")]
    [InlineData("""{"group":"nobody","data":[{"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"interval","value":1}]}""", 422, "no device group 'nobody'")]
    [InlineData("""{"group":"wrong","data":[{"type":"paint","target":"x"}]}""", 400, "data.type")]
    [InlineData("""{"group":"wrong","data":[]}""", 400, "0 elements")]
    [InlineData("""{"group":"wrong","data":[{"type":"command","target":"x","path":"a"},{"type":"command","target":"x","path":"b"}]}""", 400, "more than one command")]
    [InlineData("""{"group":"wrong","data":[{"type":"property","target":"x","path":"a"},{"type":"command","target":"x","path":"b"}]}""", 400, "different type")]
    [InlineData("""{"data":[{"type":"property","target":"x","path":"a"}]}""", 400, "group is missing")]
    [InlineData("""{"group":"wrong","batch":{"type":"percentage","value":101},"data":[{"type":"property","target":"x","path":"a"}]}""", 400, "batch")]
    [InlineData("""{"group":["wrong"],"data":[{"type":"property","target":"x","path":"a"}]}""", 400, "wrong kind")]
    public async Task A_job_for_something_that_is_not_there_is_refused(string body, int status, string says)
    {
        var token = await PrepareAsync("wrong", 1);
        var answer = await fixture.SendAsync("PUT", "/api/jobs/wrong-1", token, body);
        answer.Status.ShouldBe(status, answer.Body?.ToJsonString());
        Text(answer.Body!["error"]!, "message")!.ShouldContain(says);
        (await fixture.SendAsync("GET", "/api/jobs/wrong-1", token)).Status.ShouldBe(404);
    }

    [Fact]
    public async Task A_job_of_a_group_that_is_gone_fails_and_an_empty_one_is_complete()
    {
        var token = await PrepareAsync("gone", 1);
        const string Data = """ "data":[{"type":"property","target":"dtmi:modelDefinition:jobs:lamp;1","path":"interval","value":1}]}""";
        await SendAsync(token, "PUT", "/api/deviceGroups/empty", """{"filter":"SELECT * FROM devices WHERE $id = 'nobody'"}""");
        await SendAsync(token, "PUT", "/api/jobs/gone-1", "{\"group\":\"gone\"," + Data);
        await SendAsync(token, "PUT", "/api/jobs/gone-2", "{\"group\":\"empty\"," + Data);
        (await fixture.SendAsync("DELETE", "/api/deviceGroups/gone", token)).Status.ShouldBe(204);
        await using var runner = new Running(fixture.Runner);
        var failed = await DoneAsync(token, "gone-1");
        (Text(failed, "status"), (int)failed["progress"]!["total"]!).ShouldBe(("failed", 0));
        Text(failed, "reason")!.ShouldContain("no device group 'gone'");
        Text(await DoneAsync(token, "gone-2"), "status").ShouldBe("complete");
    }

    [Fact]
    public async Task Devices_that_a_stop_of_the_server_left_in_work_go_on_and_commands_have_failed()
    {
        var token = await PrepareAsync("left", 4);
        var store = new Storage.Sqlite.SqliteGroupJobStore(fixture.Database, "default");
        foreach (var (id, data) in ((string, JobData)[])[("left-p", new JobData(JobDataType.Property, Template, "interval", "5")), ("left-c", new JobData(JobDataType.Command, Template, "blink", null))])
        {
            await store.InsertAsync(new GroupJob { Id = id, DisplayName = id, Group = "left", Data = [data], Created = fixture.Time.GetUtcNow() }, null, default);
            await store.MoveAsync(id, [GroupJobStatus.Pending], GroupJobStatus.Running, null, fixture.Time.GetUtcNow(), default);
            await store.AddDevicesAsync(id, ["left-000", "left-001"], fixture.Time.GetUtcNow(), default);
            (await store.ClaimAsync(id, 1, 32, fixture.Time.GetUtcNow(), default)).ShouldBe(["left-000"], "the list was cut short, and one was in work");
        }
        fixture.Runner.Wake();
        await using var runner = new Running(fixture.Runner);
        ((int)(await DoneAsync(token, "left-p"))["progress"]!["completed"]!).ShouldBe(4);
        ((int)(await DoneAsync(token, "left-c"))["progress"]!["failed"]!).ShouldBe(4);
        var devices = (await SendAsync(token, "GET", "/api/jobs/left-c/devices"))["value"]!.AsArray();
        Text(devices[0]!["error"]!, "message")!.ShouldContain("may have run it");
    }

    [Fact]
    public async Task The_history_goes_after_30_days()
    {
        var token = await PrepareAsync("old", 1);
        var store = new Storage.Sqlite.SqliteGroupJobStore(fixture.Database, "default");
        await store.InsertAsync(new GroupJob { Id = "old-1", DisplayName = "old", Group = "old", Data = [new JobData(JobDataType.Property, Template, "interval", "5")], Created = fixture.Time.GetUtcNow() }, null, default);
        await store.AddDevicesAsync("old-1", ["old-000"], fixture.Time.GetUtcNow(), default);
        await store.MoveAsync("old-1", [GroupJobStatus.Pending], GroupJobStatus.Complete, null, fixture.Time.GetUtcNow() - TimeSpan.FromDays(31), default);
        (await store.PruneAsync(fixture.Time.GetUtcNow() - GroupJob.History, default)).ShouldBeTrue();
        (await store.PruneAsync(fixture.Time.GetUtcNow() - GroupJob.History, default)).ShouldBeFalse();
        (await fixture.SendAsync("GET", "/api/jobs/old-1", token)).Status.ShouldBe(404);
        (await store.DevicesAsync("old-1", null, 10, default)).ShouldBeEmpty();
    }

    /// <summary>Two versions of a template, and a group of devices that follow the first. Gives a token.</summary>
    private async Task<string> PrepareAsync(string group, int devices)
    {
        var token = await fixture.TokenAsync(Role.Builder);
        foreach (var (id, version) in ((string, int)[])[(Template, 1), (Next, 2)])
        {
            var body = $$$"""
                {"@id":"{{{id}}}","@type":["ModelDefinition","DeviceModel"],"@context":["dtmi:iotcentral:context;2","dtmi:dtdl:context;2"],"displayName":"Lamp {{{version}}}",
                 "capabilityModel":{"@id":"dtmi:jobs:lamp;{{{version}}}","@type":"Interface","contents":[
                  {"@type":"Property","name":"interval","schema":"integer","writable":true},{"@type":["Property","Cloud"],"name":"owner","schema":"string"},{"@type":"Command","name":"blink"},
                  {"@type":"Component","name":"head","schema":{"@id":"dtmi:jobs:head;{{{version}}}","@type":"Interface","contents":[{"@type":"Property","name":"level","schema":"integer","writable":true}]}}]}}
                """;
            (await fixture.SendAsync("PUT", "/api/deviceTemplates/" + id, token, body)).Status.ShouldBe(200);
        }
        await SendAsync(token, "PUT", "/api/deviceGroups/" + group, $$"""{"filter":"SELECT * FROM devices WHERE STARTSWITH($id, '{{group}}-')"}""");
        for (var i = 0; i < devices; i++)
        {
            var id = $"{group}-{i:d3}";
            await fixture.Registry.PutAsync(new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) }, IfMatch.Absent, default);
            (await fixture.Lifecycle.MigrateAsync(id, Template, "test", default)).Refusal.ShouldBeNull();
        }
        return token;
    }

    private async Task<JsonNode> DoneAsync(string token, string id)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var job = await SendAsync(token, "GET", "/api/jobs/" + id);
            if (Text(job, "status") is "complete" or "cancelled" or "failed")
                return job;
            limit.Token.ThrowIfCancellationRequested();
            await Task.Delay(20, limit.Token);
        }
    }

    private async Task<JsonNode> SendAsync(string token, string method, string path, string? body = null)
    {
        var (status, answer) = await fixture.SendAsync(method, path, token, body);
        status.ShouldBe(200, answer?.ToJsonString());
        return answer!;
    }

    private static string? Text(JsonNode node, string member) => (string?)node[member];

    /// <summary>Lets jobs run until it is disposed.</summary>
    private sealed class Running : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _task;

        public Running(GroupJobRunner runner) => _task = runner.RunAsync(_stop.Token);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _task;
            _stop.Dispose();
        }
    }
}
