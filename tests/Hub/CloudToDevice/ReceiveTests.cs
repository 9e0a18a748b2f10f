using Homeport.Contract.Errors;
using Homeport.Hub.CloudToDevice;

namespace Homeport.Tests.Hub.CloudToDevice;

/// <summary>Delivery without a connection: a message is locked for a time, and answered by its lock token.</summary>
public sealed class ReceiveTests
{
    [Fact]
    public async Task A_received_message_is_completed_by_its_token()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1");
        await hub.SendAsync("2");
        var first = await hub.ReceiveAsync();
        Guid.TryParse(first.LockToken, out _).ShouldBeTrue();
        QueueFixture.Text((await hub.ReceiveAsync()).Message).ShouldBe("2");
        (await hub.IsEmptyAsync()).ShouldBeTrue();
        hub.Messages.Peek("dev1", null).Select(m => (QueueFixture.Text(m.Message), m.IsLocked)).ShouldBe([("1", true), ("2", true)]);
        (await hub.Messages.SettleAsync("dev1", null, first.LockToken.ToUpperInvariant(), MessageOutcome.Success, default)).ShouldBeNull();
        (await hub.CountAsync()).ShouldBe(1);
        Lost(await hub.Messages.SettleAsync("dev1", null, first.LockToken, MessageOutcome.Success, default));
    }

    [Fact]
    public async Task An_abandoned_message_comes_again()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1");
        await hub.SendAsync("2");
        (await hub.Messages.AbandonAsync("dev1", null, (await hub.ReceiveAsync()).LockToken, default)).ShouldBeNull();
        var again = await hub.ReceiveAsync();
        (QueueFixture.Text(again.Message), again.Message.DeliveryCount).ShouldBe(("1", 1));
    }

    [Theory]
    [InlineData("dev1", "m1")]
    [InlineData("off", null)]
    public async Task A_token_is_good_for_its_own_queue_only(string device, string? module)
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1");
        var message = await hub.ReceiveAsync();
        Lost(await hub.Messages.SettleAsync(device, module, message.LockToken, MessageOutcome.Success, default));
        Lost(await hub.Messages.AbandonAsync(device, module, message.LockToken, default));
        Lost(await hub.Messages.SettleAsync("dev1", null, "nothing", MessageOutcome.Success, default));
        (await hub.Messages.SettleAsync("dev1", null, message.LockToken, MessageOutcome.Success, default)).ShouldBeNull();
    }

    [Theory]
    [InlineData(null, 60)]
    [InlineData(5, 5)]
    public async Task A_lock_ends_after_its_time(int? asked, int seconds)
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1");
        TimeSpan? lockTime = asked is { } number ? TimeSpan.FromSeconds(number) : null;
        var message = (await hub.Messages.ReceiveAsync("dev1", null, lockTime, default)).ShouldNotBeNull();
        hub.Time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromTicks(1));
        await hub.Messages.SweepAsync(default);
        (await hub.IsEmptyAsync()).ShouldBeTrue();
        hub.Time.Advance(TimeSpan.FromTicks(1));
        Lost(await hub.Messages.SettleAsync("dev1", null, message.LockToken, MessageOutcome.Success, default));
        (await hub.ReceiveAsync()).Message.DeliveryCount.ShouldBe(1);
    }

    [Fact]
    public async Task The_sweep_ends_locks_and_tells_who_is_connected()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1");
        await hub.ReceiveAsync();
        var link = new FakeLink("dev1");
        hub.Live.Open(link);
        hub.Messages.OpenReader("dev1", null).Take(1).ShouldBeEmpty();
        hub.Time.Advance(TimeSpan.FromSeconds(60));
        await hub.Messages.SweepAsync(default);
        link.Waiting.ShouldBe(1);
        hub.Messages.OpenReader("dev1", null).Take(1).ShouldHaveSingleItem().DeliveryCount.ShouldBe(1);
    }

    [Fact]
    public async Task Locks_that_end_again_and_again_make_the_message_dead()
    {
        await using var hub = await QueueFixture.StartAsync(new CloudToDeviceSettings { MaxDeliveryCount = 2 });
        await hub.SendAsync("1", "iothub-ack=full", "$.mid=m1");
        for (var i = 0; i < 2; i++)
        {
            await hub.ReceiveAsync();
            hub.Time.Advance(TimeSpan.FromSeconds(60));
        }
        (await hub.IsEmptyAsync()).ShouldBeTrue();
        (await hub.FeedbackAsync()).ShouldBe(["m1:DeliveryCountExceeded"]);
    }

    [Fact]
    public async Task A_message_expires_at_its_time_and_others_stay()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1", "$.mid=m1", "iothub-ack=negative");
        await hub.SendAsync("2", "$.exp=2026-01-01T02:00:00Z");
        hub.Time.Advance(TimeSpan.FromHours(1) - TimeSpan.FromMilliseconds(1));
        await hub.Messages.SweepAsync(default);
        (await hub.CountAsync()).ShouldBe(2);
        hub.Time.Advance(TimeSpan.FromMilliseconds(1));
        (await hub.CountAsync()).ShouldBe(1);
        hub.Messages.Peek("dev1", null).Count.ShouldBe(1);
        QueueFixture.Text((await hub.ReceiveAsync()).Message).ShouldBe("2");
        await hub.Messages.SweepAsync(default);
        (await hub.FeedbackAsync()).ShouldBe(["m1:Expired"]);
    }

    [Fact]
    public async Task A_purge_takes_held_messages_too()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1", "$.mid=m1", "iothub-ack=full");
        await hub.SendAsync("2", "$.mid=m2", "iothub-ack=positive");
        await hub.SendAsync("3", "$.mid=m3", "iothub-ack=negative");
        await hub.Messages.SendAsync("dev1", "m1", QueueFixture.Message("x"), default);
        var held = await hub.ReceiveAsync();
        (await hub.Messages.PurgeAsync("dev1", null, default)).ShouldBe(3);
        (await hub.Messages.PurgeAsync("dev1", null, default)).ShouldBe(0);
        (await hub.Messages.CountAsync("dev1/m1")).ShouldBe(1);
        Lost(await hub.Messages.SettleAsync("dev1", null, held.LockToken, MessageOutcome.Success, default));
        (await hub.FeedbackAsync()).ShouldBe(["m1:Purged", "m3:Purged"]);
        await hub.SendAsync("4");
        QueueFixture.Text((await hub.ReceiveAsync()).Message).ShouldBe("4");
    }

    private static void Lost(Refusal? refusal) => refusal.ShouldNotBeNull().Error.ShouldBe(HubErrors.DeviceMessageLockLost);
}
