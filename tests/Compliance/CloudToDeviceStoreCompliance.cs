using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Compliance;

/// <summary>The stores that depend on each other: a message goes to an identity that is registered, its feedback to the services.</summary>
public sealed record MessageStores(ICloudToDeviceStore Messages, IServiceBoundStore ServiceBound, IIdentityStore Identities);

/// <summary>What every <see cref="ICloudToDeviceStore"/> and <see cref="IServiceBoundStore"/> does.</summary>
public abstract class CloudToDeviceStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, 123, TimeSpan.Zero);
    private static readonly FeedbackTimes Times = new(Now.AddSeconds(1), Now.AddHours(1));
    private static readonly QueueAddress Device = new("dev1", null);
    private static readonly QueueAddress Module = new("dev1", "m1");

    private protected StoreFixture<MessageStores> Fixture { get; private set; } = null!;

    private ICloudToDeviceStore Store => Fixture.Store.Messages;

    private IServiceBoundStore ServiceBound => Fixture.Store.ServiceBound;

    public async ValueTask InitializeAsync()
    {
        Fixture = await CreateAsync();
        await RegisterAsync(Fixture.Store.Identities);
    }

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<MessageStores>> CreateAsync();

    [Fact]
    public async Task What_is_enqueued_is_read_field_by_field_also_after_reopening()
    {
        var sequence = await EnqueueAsync(Device, "m1", AckMode.Negative, Now.AddMinutes(5), [1, 2, 3], [4, 5]);
        for (var round = 0; round < 2; round++)
        {
            var message = Read(Device).ShouldHaveSingleItem();
            (message.Sequence, message.EnqueuedTime, message.ExpiryTime, message.DeliveryCount, message.Ack).ShouldBe((sequence, Now, Now.AddMinutes(5), 0, AckMode.Negative));
            message.Properties.ToArray().ShouldBe(new byte[] { 1, 2, 3 });
            message.Body.ToArray().ShouldBe(new byte[] { 4, 5 });
            await Fixture.ReopenAsync();
        }
    }

    [Fact]
    public async Task The_callback_comes_before_the_task_ends_and_sees_the_message()
    {
        var seen = -1;
        EnqueueResult? told = null;
        var result = await Store.EnqueueAsync(New(Device, "m1"), 50, r => (told, seen) = (r, Store.Count(Device, Now)), default);
        told.ShouldBe(result);
        seen.ShouldBe(1);
    }

    [Theory]
    [InlineData("dev2", null, EnqueueStatus.NoDevice)]
    [InlineData("Dev1", null, EnqueueStatus.NoDevice)]
    [InlineData("dev2", "m1", EnqueueStatus.NoDevice)]
    [InlineData("dev1", "m2", EnqueueStatus.NoModule)]
    [InlineData("off", null, EnqueueStatus.Disabled)]
    [InlineData("off", "m1", EnqueueStatus.Disabled)]
    [InlineData("dev1", null, EnqueueStatus.Stored)]
    [InlineData("dev1", "m1", EnqueueStatus.Stored)]
    public async Task Only_identities_that_are_registered_and_enabled_get_messages(string device, string? module, EnqueueStatus status)
    {
        var queue = new QueueAddress(device, module);
        (await Store.EnqueueAsync(New(queue, "m1"), 50, _ => { }, default)).Status.ShouldBe(status);
        Store.Count(queue, Now).ShouldBe(status == EnqueueStatus.Stored ? 1 : 0);
    }

    [Fact]
    public async Task A_queue_has_a_depth_and_queues_are_apart()
    {
        for (var i = 0; i < 3; i++)
            (await Store.EnqueueAsync(New(Device, $"{i}"), 3, _ => { }, default)).Status.ShouldBe(EnqueueStatus.Stored);
        (await Store.EnqueueAsync(New(Device, "full"), 3, _ => { }, default)).Status.ShouldBe(EnqueueStatus.QueueFull);
        (await Store.EnqueueAsync(New(Module, "m"), 3, _ => { }, default)).Status.ShouldBe(EnqueueStatus.Stored);
        (Store.Count(Device, Now), Store.Count(Module, Now)).ShouldBe((3, 1));

        var another = await Fixture.OpenAnotherHubAsync("hub2");
        await RegisterAsync(another.Identities);
        another.Messages.Count(Device, Now).ShouldBe(0);
        another.Messages.Read(Device, 0, 10, Now).ShouldBeEmpty();
        (await another.Messages.PurgeAsync(Device, Times, default)).ShouldBe(0);
        (await another.Messages.RemoveAsync(Device, Read(Device)[0].Sequence, MessageOutcome.Success, Times, default)).ShouldBeFalse();
        another.Messages.ReadExpired(Now.AddDays(9), null, 10).ShouldBeEmpty();
    }

    [Fact]
    public async Task Reading_is_in_order_behind_a_number_and_leaves_out_what_expired()
    {
        var (first, second, third) = (await EnqueueAsync(Device, "1"), await EnqueueAsync(Device, "2", expiry: Now.AddMilliseconds(1)), await EnqueueAsync(Device, "3"));
        (first < second && second < third).ShouldBeTrue();
        Read(Device).Select(m => m.Sequence).ShouldBe([first, second, third]);
        Store.Read(Device, first, 1, Now).Select(m => m.Sequence).ShouldBe([second]);
        Store.Read(Device, 0, 10, Now.AddMilliseconds(1)).Select(m => m.Sequence).ShouldBe([first, third]);
        Store.Count(Device, Now.AddMilliseconds(1)).ShouldBe(2);
    }

    [Fact]
    public async Task Numbers_are_never_used_again()
    {
        var last = await EnqueueAsync(Device, "1");
        await Store.RemoveAsync(Device, last, MessageOutcome.Success, Times, default);
        await Fixture.ReopenAsync();
        (await EnqueueAsync(Device, "2")).ShouldBeGreaterThan(last);
    }

    [Fact]
    public async Task Removing_works_once_and_in_its_own_queue()
    {
        var sequence = await EnqueueAsync(Device, "1");
        (await Store.RemoveAsync(Module, sequence, MessageOutcome.Success, Times, default)).ShouldBeFalse();
        (await Store.RemoveAsync(Device, sequence, MessageOutcome.Success, Times, default)).ShouldBeTrue();
        (await Store.RemoveAsync(Device, sequence, MessageOutcome.Success, Times, default)).ShouldBeFalse();
        await Fixture.ReopenAsync();
        Read(Device).ShouldBeEmpty();
    }

    [Fact]
    public async Task Deliveries_are_counted_durably_and_the_last_one_removes()
    {
        var sequence = await EnqueueAsync(Device, "m1", AckMode.Negative);
        (await Store.AbandonAsync(Module, sequence, 2, Times, default)).ShouldBeFalse();
        (await Store.AbandonAsync(Device, sequence, 2, Times, default)).ShouldBeTrue();
        await Fixture.ReopenAsync();
        Read(Device).ShouldHaveSingleItem().DeliveryCount.ShouldBe(1);
        (await Store.AbandonAsync(Device, sequence, 2, Times, default)).ShouldBeFalse();
        Read(Device).ShouldBeEmpty();
        (await Store.AbandonAsync(Device, sequence, 2, Times, default)).ShouldBeFalse();
        Feedback().ShouldBe(["m1:DeliveryCountExceeded"]);
    }

    [Theory]
    [InlineData(AckMode.None, MessageOutcome.Success, false)]
    [InlineData(AckMode.None, MessageOutcome.Expired, false)]
    [InlineData(AckMode.Positive, MessageOutcome.Success, true)]
    [InlineData(AckMode.Positive, MessageOutcome.Rejected, false)]
    [InlineData(AckMode.Negative, MessageOutcome.Success, false)]
    [InlineData(AckMode.Negative, MessageOutcome.Rejected, true)]
    [InlineData(AckMode.Negative, MessageOutcome.Expired, true)]
    [InlineData(AckMode.Full, MessageOutcome.Success, true)]
    [InlineData(AckMode.Full, MessageOutcome.Purged, true)]
    public async Task Feedback_is_made_with_the_removal_if_it_is_wanted(AckMode ack, MessageOutcome outcome, bool wanted)
    {
        var sequence = await EnqueueAsync(Device, "m1", ack);
        await Store.RemoveAsync(Device, sequence, outcome, Times, default);
        await Fixture.ReopenAsync();
        Feedback().ShouldBe(wanted ? [$"m1:{outcome}"] : []);
        ServiceBound.Read(ServiceBoundKind.Feedback, 0, 10, Times.Expiry).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_purge_empties_one_queue()
    {
        await EnqueueAsync(Device, "a", AckMode.Full);
        await EnqueueAsync(Device, "b", AckMode.Positive);
        await EnqueueAsync(Device, "c", AckMode.Negative);
        await EnqueueAsync(Module, "d", AckMode.Full);
        (await Store.PurgeAsync(Device, Times, default)).ShouldBe(3);
        (Store.Count(Device, Now), Store.Count(Module, Now)).ShouldBe((0, 1));
        Feedback().ShouldBe(["a:Purged", "c:Purged"]);
    }

    [Fact]
    public async Task Expired_messages_are_found_page_by_page_the_oldest_first()
    {
        var late = await EnqueueAsync(Device, "late", expiry: Now.AddMinutes(2));
        var module = await EnqueueAsync(Module, "module", expiry: Now.AddMinutes(1));
        var same = await EnqueueAsync(Device, "same", expiry: Now.AddMinutes(1));
        await EnqueueAsync(Device, "not yet", expiry: Now.AddMinutes(3));
        Store.ReadExpired(Now.AddSeconds(59), null, 10).ShouldBeEmpty();
        var first = Store.ReadExpired(Now.AddMinutes(2), null, 2);
        first.ShouldBe([new ExpiredMessage(Module, module, Now.AddMinutes(1)), new ExpiredMessage(Device, same, Now.AddMinutes(1))]);
        Store.ReadExpired(Now.AddMinutes(2), first[^1], 2).ShouldBe([new ExpiredMessage(Device, late, Now.AddMinutes(2))]);
    }

    [Fact]
    public async Task An_identity_takes_its_messages_along()
    {
        await EnqueueAsync(Device, "d");
        await EnqueueAsync(Module, "m");
        (await Fixture.Store.Identities.DeleteAsync("dev1", "m1", 99, null, default)).ShouldBeFalse();
        Store.Count(Module, Now).ShouldBe(1);
        (await Fixture.Store.Identities.DeleteAsync("dev1", "m1", null, null, default)).ShouldBeTrue();
        (Store.Count(Device, Now), Store.Count(Module, Now)).ShouldBe((1, 0));
        (await Fixture.Store.Identities.DeleteAsync("dev1", null, null, null, default)).ShouldBeTrue();
        Store.Count(Device, Now).ShouldBe(0);
    }

    [Fact]
    public async Task Service_bound_records_are_kept_by_kind()
    {
        await ServiceBound.AddAsync(ServiceBoundKind.Feedback, new NewServiceBoundRecord(null, "\"one\"", Now, Now.AddHours(1)), default);
        await ServiceBound.AddAsync(ServiceBoundKind.FileNotification, new NewServiceBoundRecord(null, "\"file\"", Now, Now.AddHours(1)), default);
        await ServiceBound.AddAsync(ServiceBoundKind.Feedback, new NewServiceBoundRecord(null, "\"two\"", Now.AddSeconds(1), Now.AddMinutes(1)), default);
        await Fixture.ReopenAsync();
        var records = ServiceBound.Read(ServiceBoundKind.Feedback, 0, 10, Now);
        records.Select(r => (r.Payload, r.EnqueuedTime)).ShouldBe([("\"one\"", Now), ("\"two\"", Now.AddSeconds(1))]);
        ServiceBound.Read(ServiceBoundKind.Feedback, records[0].Sequence, 10, Now).ShouldHaveSingleItem().Payload.ShouldBe("\"two\"");
        ServiceBound.Read(ServiceBoundKind.Feedback, 0, 1, Now).ShouldHaveSingleItem().Payload.ShouldBe("\"one\"");

        await ServiceBound.RemoveAsync(ServiceBoundKind.FileNotification, [records[0].Sequence], default);
        ServiceBound.Read(ServiceBoundKind.Feedback, 0, 10, Now).Count.ShouldBe(2);
        (await ServiceBound.DropExpiredAsync(ServiceBoundKind.Feedback, Now.AddMinutes(1), default)).ShouldBeFalse();
        ServiceBound.Read(ServiceBoundKind.Feedback, 0, 10, Now).ShouldHaveSingleItem().Payload.ShouldBe("\"one\"");
        await ServiceBound.RemoveAsync(ServiceBoundKind.Feedback, [records[0].Sequence], default);
        ServiceBound.Read(ServiceBoundKind.Feedback, 0, 10, Now).ShouldBeEmpty();
        ServiceBound.Read(ServiceBoundKind.FileNotification, 0, 10, Now).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_service_bound_record_waits_once_under_its_id_and_hub()
    {
        await ServiceBound.AddAsync(ServiceBoundKind.FileNotification, new NewServiceBoundRecord("a", "1", Now, Now.AddHours(1)), default);
        await ServiceBound.AddAsync(ServiceBoundKind.FileNotification, new NewServiceBoundRecord("a", "2", Now, Now.AddHours(1)), default);
        await ServiceBound.AddAsync(ServiceBoundKind.Feedback, new NewServiceBoundRecord("a", "3", Now, Now.AddHours(1)), default);
        var other = (await Fixture.OpenAnotherHubAsync("hub2")).ServiceBound;
        await other.AddAsync(ServiceBoundKind.FileNotification, new NewServiceBoundRecord("a", "4", Now, Now.AddHours(1)), default);
        var waiting = ServiceBound.Read(ServiceBoundKind.FileNotification, 0, 10, Now).ShouldHaveSingleItem();
        (waiting.Payload, waiting.DeliveryCount).ShouldBe(("1", 0));
        await other.RemoveAsync(ServiceBoundKind.FileNotification, [waiting.Sequence], default);
        await ServiceBound.RemoveAsync(ServiceBoundKind.FileNotification, [waiting.Sequence], default);
        ServiceBound.Read(ServiceBoundKind.FileNotification, 0, 10, Now).ShouldBeEmpty();
        other.Read(ServiceBoundKind.FileNotification, 0, 10, Now).ShouldHaveSingleItem().Payload.ShouldBe("4");
    }

    [Fact]
    public async Task The_oldest_service_bound_records_give_way()
    {
        for (var i = 0; i < 7; i++)
            await ServiceBound.AddAsync(ServiceBoundKind.FileNotification, new NewServiceBoundRecord(null, $"{i}", Now, Now.AddHours(1)), default);
        await ServiceBound.AddAsync(ServiceBoundKind.Feedback, new NewServiceBoundRecord(null, "x", Now, Now.AddHours(1)), default);
        (await ServiceBound.DropOldestAsync(ServiceBoundKind.FileNotification, 5, default)).ShouldBeFalse();
        ServiceBound.Read(ServiceBoundKind.FileNotification, 0, 10, Now).Select(r => r.Payload).ShouldBe(["2", "3", "4", "5", "6"]);
        (await ServiceBound.DropOldestAsync(ServiceBoundKind.Feedback, 1, default)).ShouldBeFalse();
        ServiceBound.Read(ServiceBoundKind.Feedback, 0, 10, Now).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_service_bound_record_that_came_back_too_often_is_dropped()
    {
        await ServiceBound.AddAsync(ServiceBoundKind.Feedback, new NewServiceBoundRecord(null, "1", Now, Now.AddHours(1)), default);
        var sequence = ServiceBound.Read(ServiceBoundKind.Feedback, 0, 1, Now)[0].Sequence;
        await ServiceBound.AbandonAsync(ServiceBoundKind.Feedback, [sequence], 2, default);
        await Fixture.ReopenAsync();
        ServiceBound.Read(ServiceBoundKind.Feedback, 0, 1, Now).ShouldHaveSingleItem().DeliveryCount.ShouldBe(1);
        await ServiceBound.AbandonAsync(ServiceBoundKind.Feedback, [sequence], 2, default);
        ServiceBound.Read(ServiceBoundKind.Feedback, 0, 1, Now).ShouldBeEmpty();
    }

    private IReadOnlyList<QueuedMessage> Read(QueueAddress queue) => Store.Read(queue, 0, 10, Now);

    private async Task<long> EnqueueAsync(QueueAddress queue, string id, AckMode ack = AckMode.None, DateTimeOffset? expiry = null, byte[]? properties = null, byte[]? body = null)
    {
        var message = New(queue, id) with { Ack = ack, ExpiryTime = expiry ?? Now.AddHours(1), Properties = properties ?? [], Body = body ?? [] };
        var result = await Store.EnqueueAsync(message, 50, _ => { }, default);
        result.Status.ShouldBe(EnqueueStatus.Stored);
        return result.Sequence;
    }

    private static NewMessage New(QueueAddress queue, string id) => new(queue, id, Now, Now.AddHours(1), AckMode.None, [], Encoding.UTF8.GetBytes(id));

    private string[] Feedback() => [.. ServiceBound.Read(ServiceBoundKind.Feedback, 0, 64, Now).Select(r =>
    {
        var record = JsonSerializer.Deserialize(r.Payload, Json.Default.FeedbackRecord)!;
        (record.DeviceId, record.DeviceGenerationId, record.Description, record.EnqueuedTimeUtc.ToString(), r.EnqueuedTime)
            .ShouldBe(("dev1", "gen-dev1", record.StatusCode, "2026-01-31T12:00:01.1230000Z", Times.Now));
        return $"{record.OriginalMessageId}:{record.StatusCode}";
    })];

    private static async Task RegisterAsync(IIdentityStore identities)
    {
        foreach (var (device, module) in ((string, string?)[])[("dev1", null), ("dev1", "m1"), ("off", null), ("off", "m1")])
        {
            await identities.InsertAsync(new Identity
            {
                DeviceId = device,
                ModuleId = module,
                GenerationId = "gen-" + device,
                Enabled = device != "off" || module is not null,
                Authentication = new Authentication(AuthenticationType.None),
            }, null, default);
        }
    }
}
