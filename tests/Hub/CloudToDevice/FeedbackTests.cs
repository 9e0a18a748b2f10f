using Homeport.Contract.Errors;
using Homeport.Hub.CloudToDevice;

namespace Homeport.Tests.Hub.CloudToDevice;

/// <summary>What senders hear of their messages, and the queue that they read it from.</summary>
public sealed class FeedbackTests
{
    [Theory]
    [InlineData("none", false, false)]
    [InlineData("positive", true, false)]
    [InlineData("negative", false, true)]
    [InlineData("full", true, true)]
    public async Task The_ack_mode_decides(string ack, bool success, bool failure)
    {
        await using var hub = await QueueFixture.StartAsync();
        var reader = hub.Messages.OpenReader("dev1", null);
        await hub.SendAsync("1", "$.mid=done", "iothub-ack=" + ack);
        await reader.CompleteAsync(reader.Take(1)[0].Sequence);
        (await hub.FeedbackAsync()).ShouldBe(success ? ["done:Success"] : []);
        await hub.SendAsync("2", "$.mid=no", "iothub-ack=" + ack);
        await reader.RejectAsync(reader.Take(1)[0].Sequence);
        (await hub.FeedbackAsync()).ShouldBe(failure ? ["no:Rejected"] : []);
    }

    [Fact]
    public async Task Batches_have_sixty_four_records_at_most_and_come_in_order()
    {
        await using var hub = await QueueFixture.StartAsync();
        for (var i = 0; i < 70; i++)
            await hub.Feedback.AddAsync(null, $"{i}", default);
        var first = (await hub.Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, default)).ShouldNotBeNull();
        var second = (await hub.Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, default)).ShouldNotBeNull();
        first.Records.Select(r => r.Payload).ShouldBe(Enumerable.Range(0, 64).Select(i => $"{i}"));
        second.ToJsonArray().ShouldBe("[64,65,66,67,68,69]");
        second.EnqueuedTime.ShouldBe(hub.Time.GetUtcNow());
        (await hub.Feedback.ReceiveAsync(1, default)).ShouldBeNull();
        (await hub.Feedback.CompleteAsync(second.LockToken, default)).ShouldBeNull();
        (await hub.Feedback.AbandonAsync(first.LockToken, default)).ShouldBeNull();
        (await hub.Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, default))!.Records.Count.ShouldBe(64);
    }

    [Fact]
    public async Task What_happens_within_a_second_can_be_gathered_and_a_full_batch_does_not_wait()
    {
        await using var hub = await QueueFixture.StartAsync();
        var gather = ServiceBoundQueue.GatherTime;
        await hub.Feedback.AddAsync(null, "0", default);
        (await hub.Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, default, gather)).ShouldBeNull("more may come");
        hub.Time.Advance(gather / 2);
        await hub.Feedback.AddAsync(null, "1", default);
        hub.Time.Advance(gather / 2);
        (await hub.Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, default, gather)).ShouldNotBeNull().ToJsonArray().ShouldBe("[0,1]");
        for (var i = 0; i < 64; i++)
            await hub.Feedback.AddAsync(null, $"{i}", default);
        var full = (await hub.Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, default, gather)).ShouldNotBeNull();
        full.Records.Count.ShouldBe(64);
        (await hub.Feedback.AbandonAsync(full.LockToken, default)).ShouldBeNull();
        hub.Time.Advance(gather);
        await hub.Feedback.AddAsync(null, "late", default);
        (await hub.Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, default, gather)).ShouldNotBeNull().Records.Count.ShouldBe(64, "what came back does not wait again");
    }

    [Fact]
    public async Task A_batch_that_nobody_answers_comes_again_until_it_came_too_often()
    {
        await using var hub = await QueueFixture.StartAsync(new CloudToDeviceSettings { Feedback = new ServiceBoundSettings { MaxDeliveryCount = 2 } });
        await hub.Feedback.AddAsync(null, "1", default);
        var first = (await hub.Feedback.ReceiveAsync(1, default)).ShouldNotBeNull();
        hub.Time.Advance(TimeSpan.FromSeconds(60));
        (await hub.Feedback.CompleteAsync(first.LockToken, default)).ShouldNotBeNull().Error.ShouldBe(HubErrors.DeviceMessageLockLost);
        var second = (await hub.Feedback.ReceiveAsync(1, default)).ShouldNotBeNull();
        (await hub.Feedback.AbandonAsync(second.LockToken, default)).ShouldBeNull();
        (await hub.Feedback.AbandonAsync(second.LockToken, default)).ShouldNotBeNull().Error.ShouldBe(HubErrors.DeviceMessageLockLost);
        (await hub.Feedback.ReceiveAsync(1, default)).ShouldBeNull();
    }

    [Fact]
    public async Task Feedback_is_kept_over_a_restart_and_dropped_after_its_time()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.Feedback.AddAsync(null, "1", default);
        await hub.Feedback.ReceiveAsync(1, default);
        hub.Restart();
        hub.Time.Advance(TimeSpan.FromMinutes(59));
        await hub.Feedback.AddAsync(null, "2", default);
        await hub.Feedback.SweepAsync(default);
        var both = (await hub.Feedback.ReceiveAsync(5, default)).ShouldNotBeNull();
        both.Records.Count.ShouldBe(2);
        await hub.Feedback.AbandonAsync(both.LockToken, default);
        hub.Time.Advance(TimeSpan.FromMinutes(1));
        await hub.Feedback.SweepAsync(default);
        (await hub.Feedback.ReceiveAsync(5, default))!.ToJsonArray().ShouldBe("[2]");
    }

    [Fact]
    public async Task One_who_waits_gets_what_comes_and_of_many_one_gets_it()
    {
        await using var hub = await QueueFixture.StartAsync();
        var waiting = Enumerable.Range(0, 10).Select(_ => hub.Feedback.WaitAsync(1, TestContext.Current.CancellationToken)).ToList();
        await hub.Feedback.AddAsync("a", "1", default);
        await hub.Feedback.AddAsync("a", "again", default);
        for (var i = 0; i < 500 && !waiting.Any(w => w.IsCompleted); i++)
        {
            hub.Time.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        var one = waiting.Where(w => w.IsCompleted).ShouldHaveSingleItem();
        var batch = await one;
        batch.ToJsonArray().ShouldBe("[1]");
        (await hub.Feedback.RejectAsync(batch.LockToken, default)).ShouldBeNull();
        (await hub.Feedback.ReceiveAsync(1, default)).ShouldBeNull();
    }

    [Fact]
    public async Task The_oldest_of_too_many_are_dropped()
    {
        await using var hub = await QueueFixture.StartAsync(new CloudToDeviceSettings { Feedback = new ServiceBoundSettings { Capacity = 2 } });
        for (var i = 0; i < 4; i++)
            await hub.Feedback.AddAsync(null, $"{i}", default);
        await hub.Feedback.SweepAsync(default);
        (await hub.Feedback.ReceiveAsync(5, default))!.ToJsonArray().ShouldBe("[2,3]");
    }

    [Fact]
    public async Task The_sweep_does_it_all_in_time()
    {
        await using var hub = await QueueFixture.StartAsync();
        var log = new ListLogger<CloudToDeviceSweep>();
        using var stop = new CancellationTokenSource();
        var running = new CloudToDeviceSweep(hub.Messages, [hub.Feedback], hub.Time, log).RunAsync(stop.Token);
        await hub.SendAsync("1", "$.mid=m1", "iothub-ack=full");
        hub.Time.Advance(TimeSpan.FromHours(1));
        string[] feedback = [];
        for (var i = 0; i < 500 && feedback.Length == 0; i++)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
            feedback = await hub.FeedbackAsync();
        }
        feedback.ShouldBe(["m1:Expired"]);
        await stop.CancelAsync();
        await running;
        log.Entries.ShouldBeEmpty();
    }
}
