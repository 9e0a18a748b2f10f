using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Jobs;
using Homeport.Hub.Methods;

namespace Homeport.Tests.Hub.Jobs;

public sealed class ScheduledJobsTests
{
    public static TheoryData<string, string?, long?, string> BadRequests => new()
    {
        { "a/b", "*", null, "jobId" },
        { "", "*", null, "jobId" },
        { "j1", null, null, "queryCondition" },
        { "j1", "deviceId = ", null, "queryCondition" },
        { "j1", "FROM devices.modules WHERE moduleId='m'", null, "modules" },
        { "j1", "*", 0, "maxExecutionTimeInSeconds" },
        { "j1", "*", 2_592_001, "maxExecutionTimeInSeconds" },
    };

    [Theory]
    [MemberData(nameof(BadRequests))]
    public async Task A_bad_request_is_refused_with_the_member_that_is_wrong(string id, string? condition, long? seconds, string named)
    {
        await using var hub = new JobFixture();
        var refusal = (await hub.Jobs.CreateAsync(new JobRequest(id, condition, JobFixture.Twin(), null, seconds), default)).Refusal.ShouldNotBeNull();
        refusal.Error.ShouldBe(HubErrors.ArgumentInvalid);
        refusal.Seen.ShouldContain(named);
    }

    [Fact]
    public async Task A_broken_condition_is_refused_with_its_position()
    {
        await using var hub = new JobFixture();
        var refusal = (await hub.Jobs.CreateAsync(new JobRequest("j1", "tags.floor = = 1", JobFixture.Twin(), null, null), default)).Refusal.ShouldNotBeNull();
        refusal.Seen.ShouldContain("14");
    }

    [Fact]
    public async Task A_method_is_checked_when_the_job_is_made()
    {
        await using var hub = new JobFixture();
        var action = new MethodAction(new MethodCall("a/b", default, TimeSpan.FromSeconds(30), TimeSpan.Zero));
        (await hub.Jobs.CreateAsync(new JobRequest("j1", "*", action, null, null), default)).Refusal!.Seen.ShouldContain("methodName");
    }

    [Theory]
    [InlineData("""{"properties":{"desired":{"a.b":1}}}""", "a.b")]
    [InlineData("""{"tags":[1]}""", "tags")]
    [InlineData("""{"etag":5,"tags":{"a":1}}""", "etag")]
    [InlineData("{}", "neither")]
    public void A_twin_is_checked_when_the_job_is_made(string twin, string named)
        => TwinAction.Read(JsonNode.Parse(twin)!.AsObject()).Refusal!.Seen.ShouldContain(named);

    [Fact]
    public async Task An_id_is_taken_once()
    {
        await using var hub = new JobFixture();
        await hub.CreateAsync("j1", JobFixture.Twin());
        (await hub.Jobs.CreateAsync(new JobRequest("j1", "*", JobFixture.Twin(), null, null), default)).Refusal!.Error.Code.ShouldBe(409104);
        (await hub.Jobs.GetAsync("j2", default)).Refusal!.Error.Code.ShouldBe(404002);
    }

    [Fact]
    public async Task Only_so_many_jobs_may_wait()
    {
        await using var hub = new JobFixture(new JobSettings { MaxWaiting = 2 });
        await hub.CreateAsync("j1", JobFixture.Twin());
        await hub.CreateAsync("j2", JobFixture.Twin());
        (await hub.Jobs.CreateAsync(new JobRequest("j3", "*", JobFixture.Twin(), null, null), default)).Refusal!.Error.Code.ShouldBe(429004);
        await hub.Jobs.CancelAsync("j1", default);
        await hub.CreateAsync("j3", JobFixture.Twin());
    }

    [Fact]
    public async Task A_list_comes_in_pages_with_the_newest_first()
    {
        await using var hub = new JobFixture();
        for (var i = 0; i < 5; i++)
            await hub.CreateAsync($"j{i}", i % 2 == 0 ? JobFixture.Twin() : JobFixture.Method());
        var first = (await hub.Jobs.ListAsync(new JobFilter(), 3, null, default)).Value!;
        first.Jobs.Select(j => j.Id).ShouldBe(["j4", "j3", "j2"]);
        var second = (await hub.Jobs.ListAsync(new JobFilter(), 3, first.Continuation, default)).Value!;
        second.Jobs.Select(j => j.Id).ShouldBe(["j1", "j0"]);
        second.Continuation.ShouldBeNull();
        (await hub.Jobs.ListAsync(new JobFilter { Type = JobType.ScheduleDeviceMethod }, null, null, default)).Value!.Jobs.Select(j => j.Id).ShouldBe(["j3", "j1"]);
        (await hub.Jobs.ListAsync(new JobFilter { Status = JobStatus.Running }, null, null, default)).Value!.Jobs.ShouldBeEmpty();
        (await hub.Jobs.ListAsync(new JobFilter(), 0, null, default)).Refusal.ShouldNotBeNull();
        (await hub.Jobs.ListAsync(new JobFilter(), null, "x", default)).Refusal.ShouldNotBeNull();
    }

    [Theory]
    [InlineData("ScheduleUpdateTwin", "Completed", JobType.ScheduleUpdateTwin, JobStatus.Completed, false)]
    [InlineData("scheduleDeviceMethod", "cancelled", JobType.ScheduleDeviceMethod, JobStatus.Cancelled, false)]
    [InlineData(null, "QUEUED", null, JobStatus.Queued, false)]
    [InlineData("Export", null, null, null, true)]
    [InlineData(null, "Enqueued", null, null, true)]
    [InlineData("", "", null, null, false)]
    public void Types_and_states_are_read_in_any_case(string? type, string? status, JobType? wantedType, JobStatus? wantedStatus, bool nothing)
        => JobWords.Filter(type, status).Value.ShouldBe(new JobFilter { Type = wantedType, Status = wantedStatus, Nothing = nothing });

    [Theory]
    [InlineData("reboot", null, "jobType")]
    [InlineData(null, "canceled", "jobStatus")]
    public void Unknown_types_and_states_are_refused(string? type, string? status, string named) => JobWords.Filter(type, status).Refusal!.Seen.ShouldContain(named);

    [Fact]
    public async Task What_a_job_does_is_kept_as_it_was_asked_for()
    {
        await using var hub = new JobFixture();
        var method = new MethodAction(new MethodCall("m", default, TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(9)));
        await hub.CreateAsync("j1", method);
        var read = ((MethodAction)JobAction.Read(await hub.GetAsync("j1")).Value!).Call;
        (read.Name, read.Payload.Length, read.ResponseTimeout, read.ConnectTimeout).ShouldBe(("m", 0, TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(9)));
        await hub.CreateAsync("j2", JobFixture.Twin("""{"tags":{"a":null,"b":{"c":"ä"}},"properties":{"desired":{"$version":4,"x":[1,2]}}}"""));
        System.Text.Encoding.UTF8.GetString((await hub.GetAsync("j2")).Body.Span).ShouldBe("""{"etag":"*","tags":{"a":null,"b":{"c":"ä"}},"properties":{"desired":{"x":[1,2]}}}""");
    }
}
