using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.Hub.CloudToDevice;

namespace Homeport.Tests.Hub.CloudToDevice;

/// <summary>What is taken into a queue, and in which form.</summary>
public sealed class SendTests
{
    [Fact]
    public async Task A_message_arrives_with_its_properties_in_the_form_that_devices_read()
    {
        await using var hub = await QueueFixture.StartAsync();
        var sent = await hub.Messages.SendAsync("dev1", null, QueueFixture.Message(
            "hello", "$.mid=m-1", "$.to=/devices/dev1/messages/devicebound", "$.exp=2026-01-01T00:30:00Z", "iothub-ack=Full", "$.ct=text/plain", "p 1=v/1", "empty"), default);
        sent.Value.ShouldBe(new SentMessage(1, "m-1"));
        var message = hub.Messages.OpenReader("dev1", null).Take(10).ShouldHaveSingleItem();
        QueueFixture.Text(message).ShouldBe("hello");
        (message.Sequence, message.DeliveryCount, message.Ack).ShouldBe((1, 0, AckMode.Full));
        message.EnqueuedTime.ShouldBe(hub.Time.GetUtcNow());
        message.ExpiryTime.ShouldBe(hub.Time.GetUtcNow().AddMinutes(30));
        Log.RecordProperties.Read(message.Properties.Span).Select(p => $"{p.Key}={p.Value}").ShouldBe(
        [
            "$.mid=m-1", "$.to=/devices/dev1/messages/deviceBound", "$.ct=text/plain", "p 1=v/1", "empty=", "$.exp=2026-01-01T00:30:00.0000000Z", "iothub-ack=full",
        ]);
    }

    [Fact]
    public async Task A_message_without_properties_gets_an_id_an_address_and_the_default_life()
    {
        await using var hub = await QueueFixture.StartAsync();
        var sent = (await hub.Messages.SendAsync("dev1", "m1", QueueFixture.Message(""), default)).Value.ShouldNotBeNull();
        Guid.TryParse(sent.MessageId, out _).ShouldBeTrue();
        hub.Messages.OpenReader("dev1", null).Take(1).ShouldBeEmpty();
        var message = hub.Messages.OpenReader("dev1", "m1").Take(1).ShouldHaveSingleItem();
        QueueFixture.Property(message, "$.mid").ShouldBe(sent.MessageId);
        QueueFixture.Property(message, "$.to").ShouldBe("/devices/dev1/modules/m1/messages/deviceBound");
        QueueFixture.Property(message, "$.exp").ShouldBeNull();
        message.ExpiryTime.ShouldBe(hub.Time.GetUtcNow().AddHours(1));
    }

    [Theory]
    [InlineData("dev2", null, "DeviceNotFound")]
    [InlineData("DEV1", null, "DeviceNotFound")]
    [InlineData("off", null, "DeviceNotFound")]
    [InlineData("off", "m1", "DeviceNotFound")]
    [InlineData("dev2", "m1", "DeviceNotFound")]
    [InlineData("dev1", "m2", "ModuleNotFound")]
    public async Task Nobody_else_gets_messages(string device, string? module, string error)
    {
        await using var hub = await QueueFixture.StartAsync();
        (await hub.Messages.SendAsync(device, module, QueueFixture.Message("x"), default)).Refusal.ShouldNotBeNull().Error.Name.ShouldBe(error);
        (await hub.Messages.CountAsync(module is null ? device : $"{device}/{module}")).ShouldBe(0);
    }

    [Theory]
    [InlineData(-1, 403009)]
    [InlineData(0, 403009)]
    [InlineData(1, 0)]
    [InlineData(2 * 24 * 3600, 0)]
    [InlineData(2 * 24 * 3600 + 1, 403009)]
    public async Task An_expiry_time_is_ahead_and_not_too_far(int seconds, int code)
    {
        await using var hub = await QueueFixture.StartAsync();
        var time = hub.Time.GetUtcNow().AddSeconds(seconds).UtcDateTime.ToString("o", CultureInfo.InvariantCulture);
        var outcome = await hub.Messages.SendAsync("dev1", null, QueueFixture.Message("x", "$.exp=" + time), default);
        (outcome.Refusal?.Error.Code ?? 0).ShouldBe(code);
    }

    [Theory]
    [InlineData("$.exp=soon", 403009)]
    [InlineData("iothub-ack=maybe", 400004)]
    [InlineData("$.mid=a b", 400004)]
    [InlineData("=x", 400004)]
    public async Task Bad_properties_are_refused(string property, int code)
    {
        await using var hub = await QueueFixture.StartAsync();
        var outcome = await hub.Messages.SendAsync("dev1", null, QueueFixture.Message("x", property), default);
        outcome.Refusal.ShouldNotBeNull().Error.Code.ShouldBe(code);
    }

    [Theory]
    [InlineData(64 * 1024, 0)]
    [InlineData(64 * 1024 + 1, 413001)]
    public async Task The_size_counts_values_and_the_names_of_the_application(int size, int code)
    {
        await using var hub = await QueueFixture.StartAsync();
        // 4 of the id's value, 4 + 6 of the property; the name $.mid is free.
        var outcome = await hub.Messages.SendAsync("dev1", null, QueueFixture.Message(new string('b', size - 14), "$.mid=1234", "name=värde"), default);
        (outcome.Refusal?.Error.Code ?? 0).ShouldBe(code);
    }

    [Fact]
    public async Task A_name_that_a_record_cannot_hold_is_too_large()
    {
        await using var hub = await QueueFixture.StartAsync();
        (await hub.Messages.SendAsync("dev1", null, QueueFixture.Message("", new string('n', 65536)), default)).Refusal.ShouldNotBeNull().Error.ShouldBe(HubErrors.MessageTooLarge);
    }

    [Fact]
    public async Task Fifty_messages_wait_and_no_more_and_each_identity_has_its_own_fifty()
    {
        await using var hub = await QueueFixture.StartAsync();
        for (var i = 0; i < 49; i++)
            await hub.SendAsync($"{i}");
        var racing = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => hub.Messages.SendAsync("dev1", null, QueueFixture.Message("x"), default)));
        racing.Count(o => o.Refusal is null).ShouldBe(1);
        racing.Count(o => o.Refusal?.Error == HubErrors.DeviceMaximumQueueDepthExceeded).ShouldBe(4);
        (await hub.Messages.SendAsync("dev1", "m1", QueueFixture.Message("x"), default)).Refusal.ShouldBeNull();

        var reader = hub.Messages.OpenReader("dev1", null);
        (await reader.CompleteAsync(reader.Take(1)[0].Sequence)).ShouldBeTrue();
        await hub.SendAsync("fits again");
        hub.Time.Advance(TimeSpan.FromHours(1));
        await hub.SendAsync("those that expired do not count");
    }

    [Fact]
    public async Task Who_is_connected_is_told()
    {
        await using var hub = await QueueFixture.StartAsync();
        var (device, module) = (new FakeLink("dev1"), new FakeLink("dev1/m1"));
        hub.Live.Open(device);
        hub.Live.Open(module);
        await hub.SendAsync("x");
        (device.Waiting, module.Waiting).ShouldBe((1, 0));
        await hub.Messages.SendAsync("dev1", "m1", QueueFixture.Message("x"), default);
        (device.Waiting, module.Waiting).ShouldBe((1, 1));
        await hub.Messages.SendAsync("dev1", "m2", QueueFixture.Message("x"), default);
        (device.Waiting, module.Waiting).ShouldBe((1, 1));
    }

    [Fact]
    public async Task Numbers_grow_over_all_queues_and_are_never_used_again()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("1");
        (await hub.Messages.SendAsync("dev1", "m1", QueueFixture.Message("2"), default)).Value!.Sequence.ShouldBe(2);
        await hub.Messages.PurgeAsync("dev1", null, default);
        await hub.Messages.PurgeAsync("dev1", "m1", default);
        hub.Restart();
        (await hub.SendAsync("3")).ShouldBe(3);
    }

    [Fact]
    public async Task A_deleted_identity_leaves_no_messages_to_the_next_of_its_name()
    {
        await using var hub = await QueueFixture.StartAsync();
        await hub.SendAsync("device");
        await hub.Messages.SendAsync("dev1", "m1", QueueFixture.Message("module"), default);
        await hub.Identities.DeleteAsync("dev1", "m1", null, null, default);
        (await hub.Messages.CountAsync("dev1/m1")).ShouldBe(0);
        (await hub.CountAsync()).ShouldBe(1);
        await hub.Identities.DeleteAsync("dev1", null, null, null, default);
        (await hub.CountAsync()).ShouldBe(0);
        (await hub.Messages.SendAsync("dev1", null, QueueFixture.Message("x"), default)).Refusal!.Error.ShouldBe(HubErrors.DeviceNotFound);
    }

    [Theory]
    [InlineData(59, 10, 60, false)]
    [InlineData(60, 1, 5, true)]
    [InlineData(2 * 24 * 3600, 100, 300, true)]
    [InlineData(2 * 24 * 3600 + 1, 10, 60, false)]
    [InlineData(60, 0, 60, false)]
    [InlineData(60, 101, 60, false)]
    [InlineData(60, 10, 4, false)]
    [InlineData(60, 10, 301, false)]
    public void Settings_have_ranges(int timeToLive, int deliveries, int lockTime, bool good)
    {
        var (life, hold) = (TimeSpan.FromSeconds(timeToLive), TimeSpan.FromSeconds(lockTime));
        (new CloudToDeviceSettings { DefaultTimeToLive = life, MaxDeliveryCount = deliveries, LockTime = hold }.Check() is null).ShouldBe(good);
        var feedback = new ServiceBoundSettings { TimeToLive = life, MaxDeliveryCount = deliveries, LockTime = hold };
        (new CloudToDeviceSettings { Feedback = feedback }.Check() is null).ShouldBe(good);
    }
}
