using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Live;

namespace Homeport.Tests.Hub.CloudToDevice;

/// <summary>Delivery over a connection: what is taken is held until it is answered or the connection ends.</summary>
public sealed class QueueReaderTests
{
    [Fact]
    public async Task Messages_are_taken_in_order_and_once()
    {
        await using var hub = await QueueFixture.StartAsync();
        foreach (var text in (string[])["1", "2", "3", "4", "5"])
            await hub.SendAsync(text);
        var reader = hub.Messages.OpenReader("dev1", null);
        reader.Take(0).ShouldBeEmpty();
        QueueFixture.Texts(reader.Take(2)).ShouldBe(["1", "2"]);
        QueueFixture.Texts(reader.Take(2)).ShouldBe(["3", "4"]);
        QueueFixture.Texts(reader.Take(2)).ShouldBe(["5"]);
        reader.Take(2).ShouldBeEmpty();
        await hub.SendAsync("6");
        QueueFixture.Texts(reader.Take(2)).ShouldBe(["6"]);
    }

    [Fact]
    public async Task A_completed_message_is_gone_and_an_abandoned_one_takes_its_place_again()
    {
        await using var hub = await QueueFixture.StartAsync();
        foreach (var text in (string[])["1", "2", "3"])
            await hub.SendAsync(text);
        var reader = hub.Messages.OpenReader("dev1", null);
        var taken = reader.Take(2);
        (await reader.CompleteAsync(taken[0].Sequence)).ShouldBeTrue();
        (await reader.AbandonAsync(taken[1].Sequence)).ShouldBeTrue();
        (await hub.CountAsync()).ShouldBe(2);
        var again = reader.Take(5);
        again.Select(m => (QueueFixture.Text(m), m.DeliveryCount)).ShouldBe([("2", 1), ("3", 0)]);
        (await reader.RejectAsync(again[1].Sequence)).ShouldBeTrue();
        (await hub.CountAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task Only_who_holds_a_message_answers_it_and_only_once()
    {
        await using var hub = await QueueFixture.StartAsync();
        var sequence = await hub.SendAsync("1");
        var (first, second) = (hub.Messages.OpenReader("dev1", null), hub.Messages.OpenReader("dev1", null));
        (await first.CompleteAsync(sequence)).ShouldBeFalse();
        first.Take(1).Count.ShouldBe(1);
        second.Take(1).ShouldBeEmpty();
        (await second.CompleteAsync(sequence)).ShouldBeFalse();
        (await second.AbandonAsync(sequence)).ShouldBeFalse();
        (await second.RejectAsync(sequence)).ShouldBeFalse();
        (await hub.Messages.OpenReader("dev1", "m1").CompleteAsync(sequence)).ShouldBeFalse();
        (await first.CompleteAsync(sequence)).ShouldBeTrue();
        (await first.CompleteAsync(sequence)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_hold_has_no_end_of_its_own()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1", "iothub-ack=full", "$.mid=m1");
        var reader = hub.Messages.OpenReader("dev1", null);
        var message = reader.Take(1)[0];
        hub.Time.Advance(TimeSpan.FromHours(3));
        await hub.Messages.SweepAsync(default);
        hub.Messages.OpenReader("dev1", null).Take(1).ShouldBeEmpty();
        // It expired while the device had it: the device's answer still counts.
        (await reader.CompleteAsync(message.Sequence)).ShouldBeTrue();
        (await hub.FeedbackAsync()).ShouldBe(["m1:Success"]);
    }

    [Fact]
    public async Task Closing_gives_back_what_was_not_answered_and_tells_the_next_connection()
    {
        await using var hub = await QueueFixture.StartAsync();
        foreach (var text in (string[])["1", "2", "3"])
            await hub.SendAsync(text);
        var first = hub.Messages.OpenReader("dev1", null);
        var taken = first.Take(2);
        var link = new FakeLink("dev1");
        hub.Live.Open(link);
        await first.CompleteAsync(taken[0].Sequence);
        await first.CloseAsync();
        link.Waiting.ShouldBe(1);
        first.Take(5).ShouldBeEmpty();
        (await first.CompleteAsync(taken[1].Sequence)).ShouldBeFalse();
        hub.Messages.OpenReader("dev1", null).Take(5).Select(m => (QueueFixture.Text(m), m.DeliveryCount)).ShouldBe([("2", 1), ("3", 0)]);
    }

    [Fact]
    public async Task A_restart_unlocks_and_keeps_the_counts()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1");
        var reader = hub.Messages.OpenReader("dev1", null);
        await reader.AbandonAsync(reader.Take(1)[0].Sequence);
        reader.Take(1).Count.ShouldBe(1);
        hub.Restart();
        var message = hub.Messages.OpenReader("dev1", null).Take(1).ShouldHaveSingleItem();
        (QueueFixture.Text(message), message.DeliveryCount).ShouldBe(("1", 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_message_that_came_back_too_often_is_dead(int max)
    {
        await using var hub = await QueueFixture.StartAsync(new CloudToDeviceSettings { MaxDeliveryCount = max });
        await hub.SendAsync("1", "iothub-ack=negative", "$.mid=m1");
        var reader = hub.Messages.OpenReader("dev1", null);
        for (var i = 0; i < max; i++)
        {
            (await hub.FeedbackAsync()).ShouldBeEmpty();
            var message = reader.Take(1).ShouldHaveSingleItem();
            message.DeliveryCount.ShouldBe(i);
            (await reader.AbandonAsync(message.Sequence)).ShouldBeTrue();
        }
        reader.Take(1).ShouldBeEmpty();
        (await hub.CountAsync()).ShouldBe(0);
        (await hub.FeedbackAsync()).ShouldBe(["m1:DeliveryCountExceeded"]);
    }

    [Fact]
    public async Task An_abandoned_message_between_held_ones_is_found()
    {
        await using var hub = await QueueFixture.StartAsync();
        for (var i = 1; i <= 10; i++)
            await hub.SendAsync($"{i}");
        var reader = hub.Messages.OpenReader("dev1", null);
        var taken = reader.Take(8);
        await reader.AbandonAsync(taken[3].Sequence);
        await reader.AbandonAsync(taken[1].Sequence);
        QueueFixture.Texts(reader.Take(1)).ShouldBe(["2"]);
        QueueFixture.Texts(reader.Take(2)).ShouldBe(["4", "9"]);
        QueueFixture.Texts(reader.Take(2)).ShouldBe(["10"]);
    }

    [Fact]
    public async Task A_sender_and_a_reader_at_once_lose_nothing_and_keep_the_order()
    {
        await using var hub = await QueueFixture.StartAsync();
        var reader = hub.Messages.OpenReader("dev1", null);
        var got = new List<string>();
        var sender = Task.Run(async () =>
        {
            for (var i = 0; i < 500; i++)
            {
                while ((await hub.Messages.SendAsync("dev1", null, QueueFixture.Message($"{i}"), default)).Refusal is not null)
                    await Task.Yield();
            }
        });
        while (got.Count < 500)
        {
            var taken = reader.Take(16);
            got.AddRange(taken.Select(QueueFixture.Text));
            (await Task.WhenAll(taken.Select(m => reader.CompleteAsync(m.Sequence)))).ShouldAllBe(done => done);
        }
        await sender;
        got.ShouldBe(Enumerable.Range(0, 500).Select(i => $"{i}"));
    }

    [Fact]
    public async Task Closing_while_taking_leaves_nothing_held()
    {
        await using var hub = await QueueFixture.StartAsync(new CloudToDeviceSettings { MaxDeliveryCount = 100 });
        for (var i = 0; i < 20; i++)
            await hub.SendAsync($"{i}");
        for (var round = 0; round < 50; round++)
        {
            var reader = hub.Messages.OpenReader("dev1", null);
            var taking = Task.Run(() => reader.Take(3));
            await Task.WhenAll(taking, Task.Run(reader.CloseAsync));
            hub.Messages.Peek("dev1", null).ShouldAllBe(m => !m.IsLocked);
        }
    }

    [Fact]
    public async Task A_connected_device_hears_of_what_it_abandoned()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1");
        var link = new FakeLink("dev1");
        hub.Live.Open(link);
        var reader = hub.Messages.OpenReader("dev1", null);
        await reader.AbandonAsync(reader.Take(1)[0].Sequence);
        link.Waiting.ShouldBe(1);
        link.Reason.ShouldBe(CloseReason.None);
    }
}
