using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Jobs;
using Homeport.Hub.Limits;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Hub.Jobs;

public sealed class JobRunTests
{
    [Fact]
    public async Task A_twin_job_writes_every_device_that_matches_and_no_other()
    {
        await using var hub = new JobFixture();
        await hub.AddDevicesAsync(120, "in");
        await hub.AddDevicesAsync(3, "out");
        hub.Start();
        (await hub.CreateAsync("j1", JobFixture.Twin(), "startswith(deviceId, 'in')")).Status.ShouldBe(JobStatus.Queued);
        var job = await hub.WaitAsync("j1", JobStatus.Completed);
        job.Devices.ShouldBe(new DeviceJobCounts(0, 0, 120, 0, 0));
        job.EndTime.ShouldNotBeNull();
        (await hub.DesiredAsync("in0007")).ShouldBe("""{"interval":5}""");
        (await hub.DesiredAsync("out0001")).ShouldBe("{}");
        (await hub.Twins.GetAsync("in0119", null, default)).Value!.Desired.Version.ShouldBe(2, "written once");

        var rows = await hub.RowsAsync("devices.jobs.jobId='j1'");
        rows.Count.ShouldBe(120);
        rows.ShouldAllBe(r => (string)r["status"]! == "completed" && (string)r["jobType"]! == "scheduleUpdateTwin" && (string)r["jobId"]! == "j1");
        rows.Select(r => (string)r["deviceId"]!).ShouldBe(rows.Select(r => (string)r["deviceId"]!).Order(StringComparer.Ordinal));
        rows[0]["outcome"].ShouldBeNull();
        (await hub.RowsAsync("devices.jobs.deviceId='in0005' AND devices.jobs.status='completed'")).Count.ShouldBe(1);
        (await hub.RowsAsync("devices.jobs.jobId='j2'")).ShouldBeEmpty();
        hub.Log.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_method_job_keeps_each_answer_and_names_the_error_of_devices_that_are_offline()
    {
        await using var hub = new JobFixture();
        await hub.AddDevicesAsync(3);
        var link = hub.Connect("d0001");
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Method());
        await JobFixture.UntilAsync(() => link.Requests.Count == 1, "the method arrives");
        Encoding.UTF8.GetString(link.Requests[0].Payload.Span).ShouldBe("{\"a\":1}");
        await hub.WaitAsync("j1", j => j.Devices is { Failed: 2, Running: 1 }, "waiting for the one that is connected");
        hub.Methods.Answer(link, link.Requests[0].Id, 203, "\"ok\""u8);
        var job = await hub.WaitAsync("j1", JobStatus.Completed);
        job.Devices.ShouldBe(new DeviceJobCounts(0, 0, 1, 2, 0));
        var done = (await hub.RowsAsync("devices.jobs.jobId='j1' AND devices.jobs.status='completed'")).Single();
        done["outcome"]!["deviceMethodResponse"]!.ToJsonString().ShouldBe("""{"status":203,"payload":"ok"}""");
        var failed = await hub.RowsAsync("devices.jobs.jobId='j1' AND devices.jobs.status='failed'");
        failed.Count.ShouldBe(2);
        failed.ShouldAllBe(r => (string)r["error"]!["code"]! == "DeviceNotOnline");
    }

    [Fact]
    public async Task A_device_whose_twin_refuses_fails_alone()
    {
        await using var hub = new JobFixture();
        await hub.AddDevicesAsync(2);
        await hub.Twins.PatchAsync("d0000", null, new TwinPatch([], []), IfMatch.Absent, default);
        var etag = (await hub.Twins.GetAsync("d0001", null, default)).Value!.ETag;
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Twin("{\"etag\":\"" + etag + "\",\"tags\":{\"a\":1}}"));
        (await hub.WaitAsync("j1", JobStatus.Completed)).Devices.ShouldBe(new DeviceJobCounts(0, 0, 1, 1, 0));
        ((string)(await hub.RowsAsync("devices.jobs.deviceId='d0000'")).Single()["error"]!["code"]!).ShouldBe("PreconditionFailed");
    }

    [Fact]
    public async Task A_job_works_on_no_more_devices_than_the_limit_of_the_hub_allows()
    {
        var profile = new ThrottleProfile { Name = "small", Hub = new Dictionary<HubOperation, Rate> { [HubOperation.JobDevice] = Rate.Over(2, 10) } };
        await using var hub = new JobFixture(null, profile);
        await hub.AddDevicesAsync(25);
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Twin());
        await hub.WaitAsync("j1", j => j.Devices is { Succeeded: 20, Running: 5 }, "at what the limit lets through at once");
        hub.Time.Advance(TimeSpan.FromSeconds(1));
        await hub.WaitAsync("j1", j => j.Devices is { Succeeded: 22, Running: 3 }, "two further after a second");
        while ((await hub.GetAsync("j1")).Status != JobStatus.Completed)
        {
            hub.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        (await hub.GetAsync("j1")).Devices.ShouldBe(new DeviceJobCounts(0, 0, 25, 0, 0));
    }

    [Fact]
    public async Task The_place_of_a_job_that_ended_goes_to_the_next_one_at_once()
    {
        await using var hub = new JobFixture(new JobSettings { Concurrent = 1 });
        hub.Start();
        for (var i = 0; i < 40; i++)
            await hub.CreateAsync($"j{i}", JobFixture.Twin(), "tags.nothing=1");
        // The clock stands: no job can owe its start to a wait that ended.
        await hub.WaitAsync("j39", JobStatus.Completed);
    }

    [Fact]
    public async Task A_job_over_no_device_is_completed_at_once()
    {
        await using var hub = new JobFixture();
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Twin(), "tags.nothing=1");
        (await hub.WaitAsync("j1", JobStatus.Completed)).Devices.Total.ShouldBe(0);
    }

    [Fact]
    public async Task A_job_waits_for_its_start_time_and_then_takes_the_devices_of_that_time()
    {
        await using var hub = new JobFixture();
        hub.Start();
        var start = hub.Time.GetUtcNow() + TimeSpan.FromHours(2);
        (await hub.CreateAsync("j1", JobFixture.Twin(), start: start)).Status.ShouldBe(JobStatus.Scheduled);
        await hub.AddDevicesAsync(2);
        for (var i = 0; i < 20; i++)
        {
            hub.Time.Advance(TimeSpan.FromMinutes(5));
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
        (await hub.GetAsync("j1")).Status.ShouldBe(JobStatus.Scheduled);
        for (var i = 0; i < 200 && (await hub.GetAsync("j1")).Status != JobStatus.Completed; i++)
        {
            hub.Time.Advance(TimeSpan.FromMinutes(1));
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        (await hub.WaitAsync("j1", JobStatus.Completed)).Devices.Succeeded.ShouldBe(2);
    }

    [Fact]
    public async Task A_start_time_that_is_past_means_now()
    {
        await using var hub = new JobFixture();
        var job = await hub.CreateAsync("j1", JobFixture.Twin(), start: hub.Time.GetUtcNow() - TimeSpan.FromDays(1));
        job.Status.ShouldBe(JobStatus.Queued);
        job.StartTime.ShouldBe(hub.Time.GetUtcNow());
    }

    [Fact]
    public async Task More_jobs_than_may_run_wait_in_the_queue()
    {
        await using var hub = new JobFixture(new JobSettings { Concurrent = 1 });
        await hub.AddDevicesAsync(1);
        var link = hub.Connect("d0000");
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Method());
        await hub.CreateAsync("j2", JobFixture.Method("second"));
        await JobFixture.UntilAsync(() => link.Requests.Count == 1, "the first method arrives");
        await Task.Delay(50, TestContext.Current.CancellationToken);
        (await hub.GetAsync("j2")).Status.ShouldBe(JobStatus.Queued);
        hub.Methods.Answer(link, link.Requests[0].Id, 200, default);
        await hub.WaitAsync("j1", JobStatus.Completed);
        await JobFixture.UntilAsync(() => link.Requests.Count == 2, "the second method arrives");
        hub.Methods.Answer(link, link.Requests[1].Id, 200, default);
        await hub.WaitAsync("j2", JobStatus.Completed);
    }

    [Fact]
    public async Task No_more_devices_than_allowed_are_worked_on_at_a_time()
    {
        await using var hub = new JobFixture(new JobSettings { Devices = 4 });
        await hub.AddDevicesAsync(10);
        var links = Enumerable.Range(0, 10).Select(i => hub.Connect($"d{i:d4}")).ToList();
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Method());
        await JobFixture.UntilAsync(() => links.Sum(l => l.Requests.Count) == 4, "four methods arrive");
        await Task.Delay(50, TestContext.Current.CancellationToken);
        links.Sum(l => l.Requests.Count).ShouldBe(4);
        (await hub.GetAsync("j1")).Devices.ShouldBe(new DeviceJobCounts(6, 4, 0, 0, 0));
        foreach (var link in links)
        {
            await JobFixture.UntilAsync(() => link.Requests.Count == 1, link.Key);
            hub.Methods.Answer(link, link.Requests[0].Id, 200, default);
        }
        (await hub.WaitAsync("j1", JobStatus.Completed)).Devices.Succeeded.ShouldBe(10);
    }

    [Fact]
    public async Task A_cancelled_job_takes_no_more_devices_and_finishes_those_in_work()
    {
        await using var hub = new JobFixture(new JobSettings { Devices = 1 });
        await hub.AddDevicesAsync(5);
        var link = hub.Connect("d0000");
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Method());
        await JobFixture.UntilAsync(() => link.Requests.Count == 1, "the method arrives");
        var cancelled = (await hub.Jobs.CancelAsync("j1", default)).Value!;
        cancelled.Status.ShouldBe(JobStatus.Cancelled);
        cancelled.Devices.ShouldBe(new DeviceJobCounts(0, 1, 0, 0, 4));
        hub.Methods.Answer(link, link.Requests[0].Id, 200, default);
        await hub.WaitAsync("j1", j => j.Devices is { Succeeded: 1, Canceled: 4, Running: 0 }, "settled");
        (await hub.RowsAsync("devices.jobs.jobId='j1' AND devices.jobs.status='canceled'")).Count.ShouldBe(4);
        (await hub.Jobs.CancelAsync("j1", default)).Value!.Status.ShouldBe(JobStatus.Cancelled, "again is no mistake");
    }

    [Fact]
    public async Task A_job_that_waits_can_be_cancelled_and_never_runs()
    {
        await using var hub = new JobFixture();
        await hub.AddDevicesAsync(1);
        await hub.CreateAsync("j1", JobFixture.Twin(), start: hub.Time.GetUtcNow() + TimeSpan.FromSeconds(30));
        (await hub.Jobs.CancelAsync("j1", default)).Value!.Status.ShouldBe(JobStatus.Cancelled);
        hub.Start();
        hub.Time.Advance(TimeSpan.FromMinutes(5));
        await Task.Delay(50, TestContext.Current.CancellationToken);
        (await hub.DesiredAsync("d0000")).ShouldBe("{}");
    }

    [Fact]
    public async Task A_completed_job_cannot_be_cancelled()
    {
        await using var hub = new JobFixture();
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Twin());
        await hub.WaitAsync("j1", JobStatus.Completed);
        (await hub.Jobs.CancelAsync("j1", default)).Refusal!.Error.ShouldBe(HubErrors.InvalidOperation);
        (await hub.Jobs.CancelAsync("none", default)).Refusal!.Error.ShouldBe(HubErrors.JobNotFound);
    }

    [Fact]
    public async Task A_job_fails_when_its_time_is_over_and_so_do_the_devices_that_are_not_done()
    {
        await using var hub = new JobFixture(new JobSettings { Devices = 2 });
        await hub.AddDevicesAsync(5);
        var links = Enumerable.Range(0, 5).Select(i => hub.Connect($"d{i:d4}")).ToList();
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Method(), seconds: 10);
        await JobFixture.UntilAsync(() => links.Sum(l => l.Requests.Count) == 2, "two methods arrive");
        hub.Methods.Answer(links[0], links[0].Requests[0].Id, 200, default);
        await hub.WaitAsync("j1", j => j.Devices is { Succeeded: 1, Running: 2 }, "at the third device");
        hub.Time.Advance(TimeSpan.FromSeconds(11));
        var job = await hub.WaitAsync("j1", j => j is { Status: JobStatus.Failed, Devices.Pending: 0 }, "failed");
        job.Devices.ShouldBe(new DeviceJobCounts(0, 0, 1, 4, 0));
        job.FailureReason!.ShouldContain("10 seconds");
        (await hub.RowsAsync("devices.jobs.jobId='j1' AND devices.jobs.status='failed'")).ShouldAllBe(r => ((string)r["error"]!["code"]!) == "GatewayTimeout");
    }

    [Fact]
    public async Task After_a_stop_twins_go_on_and_each_device_is_right()
    {
        await using var hub = new JobFixture();
        await hub.AddDevicesAsync(40);
        await hub.CreateAsync("j1", JobFixture.Twin());
        // As the server left it: the list is not complete, one device is done, two are in work.
        await hub.Store.BeginAsync("j1", hub.Time.GetUtcNow(), default);
        await hub.Store.QueueDueAsync(hub.Time.GetUtcNow(), 1, default);
        (await hub.Store.BeginAsync("j1", hub.Time.GetUtcNow(), default)).ShouldBeFalse("it began once");
        await hub.Store.AddDevicesAsync("j1", ["d0000", "d0001", "d0002", "d0003"], hub.Time.GetUtcNow(), default);
        (await hub.Store.ClaimAsync("j1", 3, hub.Time.GetUtcNow(), default)).Order(StringComparer.Ordinal).ShouldBe(["d0000", "d0001", "d0002"]);
        await hub.Store.NoteResultAsync("j1", "d0000", new DeviceJobResult(), hub.Time.GetUtcNow(), default);
        hub.Start();
        (await hub.WaitAsync("j1", JobStatus.Completed)).Devices.ShouldBe(new DeviceJobCounts(0, 0, 40, 0, 0));
        (await hub.DesiredAsync("d0000")).ShouldBe("{}", "it was noted as done");
        (await hub.DesiredAsync("d0001")).ShouldBe("""{"interval":5}""");
        (await hub.DesiredAsync("d0039")).ShouldBe("""{"interval":5}""");
    }

    [Fact]
    public async Task After_a_stop_a_method_that_was_under_way_has_failed_and_is_not_called_again()
    {
        await using var hub = new JobFixture(new JobSettings { Devices = 1 });
        await hub.AddDevicesAsync(2);
        var (first, second) = (hub.Connect("d0000"), hub.Connect("d0001"));
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Method());
        await JobFixture.UntilAsync(() => first.Requests.Count == 1, "the method arrives");
        await hub.StopAsync();
        hub.Start();
        await JobFixture.UntilAsync(() => second.Requests.Count == 1, "the next device gets its call");
        hub.Methods.Answer(second, second.Requests[0].Id, 200, default);
        (await hub.WaitAsync("j1", JobStatus.Completed)).Devices.ShouldBe(new DeviceJobCounts(0, 0, 1, 1, 0));
        first.Requests.Count.ShouldBe(1);
        ((string)(await hub.RowsAsync("devices.jobs.deviceId='d0000'")).Single()["error"]!["code"]!).ShouldBe("ServiceUnavailable");
    }

    [Fact]
    public async Task The_history_is_deleted_after_thirty_days()
    {
        await using var hub = new JobFixture();
        await hub.AddDevicesAsync(3);
        hub.Start();
        await hub.CreateAsync("j1", JobFixture.Twin());
        await hub.WaitAsync("j1", JobStatus.Completed);
        await hub.StopAsync();
        hub.Time.Advance(TimeSpan.FromDays(29));
        hub.Start();
        await hub.CreateAsync("j2", JobFixture.Twin());
        await hub.WaitAsync("j2", JobStatus.Completed);
        (await hub.Jobs.GetAsync("j1", default)).Refusal.ShouldBeNull();
        await hub.StopAsync();
        hub.Time.Advance(TimeSpan.FromDays(2));
        hub.Start();
        while (await hub.Store.FindAsync("j1", default) is not null)
            await Task.Delay(10);
        (await hub.RowsAsync("devices.jobs.jobId='j1'")).ShouldBeEmpty();
        (await hub.RowsAsync("devices.jobs.jobId='j2'")).Count.ShouldBe(3);
    }
}
