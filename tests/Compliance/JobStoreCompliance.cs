using Homeport.Hub.Jobs;
using Homeport.Hub.Methods;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IJobStore"/> does.</summary>
public abstract class JobStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly DeviceJobError Error = new("DeviceNotOnline", "It is offline.");

    private protected StoreFixture<IJobStore> Fixture { get; private set; } = null!;

    private IJobStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IJobStore>> CreateAsync();

    [Fact]
    public async Task A_job_is_found_member_by_member_also_after_a_restart()
    {
        var job = Job("j1") with { Status = JobStatus.Scheduled, StartTime = Now.AddHours(1) };
        (await Store.InsertAsync(job, default)).ShouldBeTrue();
        await Fixture.ReopenAsync();
        var found = (await Store.FindAsync("j1", default)).ShouldNotBeNull();
        found.Body.ToArray().ShouldBe(job.Body.ToArray());
        (found with { Body = job.Body, Sequence = 0 }).ShouldBe(job);
        (await Store.FindAsync("J1", default)).ShouldBeNull();
    }

    [Fact]
    public async Task An_id_is_taken_once_in_a_hub()
    {
        (await Store.InsertAsync(Job("j1"), default)).ShouldBeTrue();
        (await Store.InsertAsync(Job("j1") with { Condition = "other" }, default)).ShouldBeFalse();
        (await Store.FindAsync("j1", default))!.Condition.ShouldBe("*");
        var other = await Fixture.OpenAnotherHubAsync("hub2");
        (await other.FindAsync("j1", default)).ShouldBeNull();
        (await other.InsertAsync(Job("j1"), default)).ShouldBeTrue();
        (await other.ListAsync(new JobFilter(), long.MaxValue, 10, default)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Scheduled_jobs_come_into_the_queue_at_their_time_and_in_its_order()
    {
        foreach (var (id, minutes) in ((string, int)[])[("late", 3), ("early", 1), ("middle", 2)])
            await Store.InsertAsync(Job(id) with { Status = JobStatus.Scheduled, StartTime = Now.AddMinutes(minutes) }, default);
        (await Store.QueueDueAsync(Now, 10, default)).ShouldBeEmpty();
        (await Store.NextStartAsync(default)).ShouldBe(Now.AddMinutes(1));
        (await Store.QueueDueAsync(Now.AddMinutes(2), 10, default)).Select(j => j.Id).ShouldBe(["early", "middle"]);
        (await Store.QueueDueAsync(Now.AddMinutes(2), 1, default)).Select(j => j.Id).ShouldBe(["early"]);
        (await Store.FindAsync("middle", default))!.Status.ShouldBe(JobStatus.Queued);
        (await Store.NextStartAsync(default)).ShouldBe(Now.AddMinutes(3));
        (await Store.CountWaitingAsync(default)).ShouldBe(3);
    }

    [Fact]
    public async Task A_job_begins_once_and_ends_once()
    {
        await Store.InsertAsync(Job("j1"), default);
        (await Store.BeginAsync("j1", Now, default)).ShouldBeTrue();
        (await Store.BeginAsync("j1", Now, default)).ShouldBeFalse();
        (await Store.EndAsync("j1", JobStatus.Failed, "because", Now.AddMinutes(1), default)).ShouldBeTrue();
        (await Store.EndAsync("j1", JobStatus.Completed, null, Now.AddMinutes(2), default)).ShouldBeFalse();
        (await Store.EndAsync("none", JobStatus.Completed, null, Now, default)).ShouldBeFalse();
        var job = (await Store.FindAsync("j1", default))!;
        (job.Status, job.FailureReason, job.BeganTime, job.EndTime).ShouldBe((JobStatus.Failed, "because", Now, Now.AddMinutes(1)));
        (await Store.CountWaitingAsync(default)).ShouldBe(0);
    }

    [Fact]
    public async Task Devices_go_through_the_counts_of_their_job()
    {
        await RunningAsync("j1", 5);
        await Store.AddDevicesAsync("j1", ["d0", "d1"], Now, default);
        await CountsAsync("j1", new DeviceJobCounts(5, 0, 0, 0, 0));
        (await Store.ClaimAsync("j1", 3, Now, default)).Order(StringComparer.Ordinal).ShouldBe(["d0", "d1", "d2"]);
        await CountsAsync("j1", new DeviceJobCounts(2, 3, 0, 0, 0));
        await Store.NoteResultAsync("j1", "d0", new DeviceJobResult(new MethodResult(200, "1"u8.ToArray())), Now, default);
        await Store.NoteResultAsync("j1", "d1", new DeviceJobResult(Error: Error), Now, default);
        // A device that is done, and one that nobody took, do not count again.
        await Store.NoteResultAsync("j1", "d1", new DeviceJobResult(), Now, default);
        await Store.NoteResultAsync("j1", "d4", new DeviceJobResult(), Now, default);
        await CountsAsync("j1", new DeviceJobCounts(2, 1, 1, 1, 0));
        (await Store.ClaimAsync("j1", 10, Now, default)).Order(StringComparer.Ordinal).ShouldBe(["d3", "d4"]);
        (await Store.ClaimAsync("j1", 10, Now, default)).ShouldBeEmpty();
        await Fixture.ReopenAsync();
        await CountsAsync("j1", new DeviceJobCounts(0, 3, 1, 1, 0));
    }

    [Fact]
    public async Task Those_who_claim_at_a_time_get_different_devices()
    {
        await RunningAsync("j1", 200);
        var claims = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Store.ClaimAsync("j1", 20, Now, default)));
        claims.SelectMany(c => c).Distinct(StringComparer.Ordinal).Count().ShouldBe(200);
    }

    [Fact]
    public async Task A_job_that_is_over_gives_and_takes_no_devices()
    {
        await RunningAsync("j1", 3);
        await Store.EndAsync("j1", JobStatus.Cancelled, null, Now, default);
        (await Store.ClaimAsync("j1", 3, Now, default)).ShouldBeEmpty();
        await Store.AddDevicesAsync("j1", ["more"], Now, default);
        (await Store.CloseDevicesAsync("j1", null, Now, default)).ShouldBeFalse();
        await CountsAsync("j1", new DeviceJobCounts(0, 0, 0, 0, 3));
    }

    [Fact]
    public async Task Many_devices_are_closed_in_parts()
    {
        await RunningAsync("j1", 2500);
        await Store.EndAsync("j1", JobStatus.Failed, "late", Now, default);
        var parts = 1;
        while (await Store.CloseDevicesAsync("j1", Error, Now, default))
            parts++;
        parts.ShouldBeGreaterThan(1);
        await CountsAsync("j1", new DeviceJobCounts(0, 0, 0, 2500, 0));
    }

    [Theory]
    [InlineData(JobType.ScheduleUpdateTwin, false)]
    [InlineData(JobType.ScheduleUpdateTwin, true)]
    [InlineData(JobType.ScheduleDeviceMethod, false)]
    [InlineData(JobType.ScheduleDeviceMethod, true)]
    public async Task Devices_that_nobody_works_on_any_more_wait_again_or_are_given_up(JobType type, bool over)
    {
        await RunningAsync("j1", 4, type);
        await Store.ClaimAsync("j1", 2, Now, default);
        if (over)
            await Store.EndAsync("j1", JobStatus.Cancelled, null, Now, default);
        (await Store.UnfinishedAsync(default)).Select(j => j.Id).ShouldBe(["j1"]);
        await Store.ReleaseAsync("j1", Error, Now, default);
        await CountsAsync("j1", type == JobType.ScheduleDeviceMethod ? new DeviceJobCounts(2, 0, 0, 2, 0)
            : over ? new DeviceJobCounts(2, 0, 0, 0, 2) : new DeviceJobCounts(4, 0, 0, 0, 0));
    }

    [Fact]
    public async Task Only_jobs_with_something_left_to_do_are_unfinished()
    {
        await Store.InsertAsync(Job("queued"), default);
        await RunningAsync("running", 0);
        await RunningAsync("over", 0);
        await Store.EndAsync("over", JobStatus.Completed, null, Now, default);
        await RunningAsync("open", 1);
        await Store.EndAsync("open", JobStatus.Cancelled, null, Now, default);
        (await Store.UnfinishedAsync(default)).Select(j => j.Id).ShouldBe(["running", "open"]);
        (await Store.FindAsync("running", default))!.Listed.ShouldBeFalse();
        await Store.NoteListedAsync("running", default);
        (await Store.FindAsync("running", default))!.Listed.ShouldBeTrue();
    }

    [Fact]
    public async Task A_list_is_narrowed_and_continued()
    {
        for (var i = 0; i < 6; i++)
            await Store.InsertAsync(Job($"j{i}", i % 2 == 0 ? JobType.ScheduleUpdateTwin : JobType.ScheduleDeviceMethod), default);
        await Store.BeginAsync("j2", Now, default);
        var first = await Store.ListAsync(new JobFilter(), long.MaxValue, 4, default);
        first.Select(j => j.Id).ShouldBe(["j5", "j4", "j3", "j2"]);
        (await Store.ListAsync(new JobFilter(), first[^1].Sequence, 4, default)).Select(j => j.Id).ShouldBe(["j1", "j0"]);
        (await Store.ListAsync(new JobFilter { Type = JobType.ScheduleUpdateTwin, Status = JobStatus.Running }, long.MaxValue, 4, default)).Select(j => j.Id).ShouldBe(["j2"]);
    }

    [Fact]
    public async Task The_history_goes_with_all_its_rows_and_what_is_newer_stays()
    {
        await RunningAsync("old", 1500);
        await Store.EndAsync("old", JobStatus.Cancelled, null, Now, default);
        await RunningAsync("new", 1);
        await Store.EndAsync("new", JobStatus.Cancelled, null, Now.AddDays(2), default);
        await RunningAsync("still", 1);
        while (await Store.PruneAsync(Now.AddDays(1), default))
        {
            // More of them.
        }
        (await Store.FindAsync("old", default)).ShouldBeNull();
        await CountsAsync("new", new DeviceJobCounts(1, 0, 0, 0, 0));
        await CountsAsync("still", new DeviceJobCounts(1, 0, 0, 0, 0));
        // The id is free again, and nothing of the old job is there.
        await RunningAsync("old", 2);
        (await Store.ClaimAsync("old", 10, Now, default)).Count.ShouldBe(2);
    }

    private async Task RunningAsync(string id, int devices, JobType type = JobType.ScheduleUpdateTwin)
    {
        (await Store.InsertAsync(Job(id, type), default)).ShouldBeTrue();
        (await Store.BeginAsync(id, Now, default)).ShouldBeTrue();
        await Store.AddDevicesAsync(id, [.. Enumerable.Range(0, devices).Select(i => $"d{i}")], Now, default);
    }

    private async Task CountsAsync(string id, DeviceJobCounts counts) => (await Store.FindAsync(id, default))!.Devices.ShouldBe(counts);

    private static Job Job(string id, JobType type = JobType.ScheduleUpdateTwin) => new()
    {
        Id = id,
        Type = type,
        Condition = "*",
        Body = "{}"u8.ToArray(),
        MaxExecution = TimeSpan.FromSeconds(60),
        CreatedTime = Now,
        StartTime = Now,
    };
}
