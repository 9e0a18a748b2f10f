using Homeport.Hub.Consumers;
using Homeport.Log;

namespace Homeport.Tests.Hub.Consumers;

/// <summary>Selector filters, and where they lead.</summary>
public sealed class EventPositionTests : IAsyncDisposable
{
    private readonly ScriptedRecordStore _store = new(1);
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000));
    private readonly HubLog _log;

    public EventPositionTests() => _log = new HubLog(_store, new RetentionLimits(TimeSpan.FromDays(1)), _time, new ListLogger<HubLog>());

    public ValueTask DisposeAsync() => _log.DisposeAsync();

    [Theory]
    [InlineData("amqp.annotation.x-opt-offset > '-1'", 0)]
    [InlineData("amqp.annotation.x-opt-offset > -1", 0)]
    [InlineData("amqp.annotation.x-opt-offset > '@latest'", 3)]
    [InlineData("amqp.annotation.x-opt-offset > '0'", 1)]
    [InlineData("amqp.annotation.x-opt-offset >= '0'", 0)]
    [InlineData("amqp.annotation.x-opt-offset >= 2", 2)]
    [InlineData("amqp.annotation.x-opt-sequence-number > '2'", 3)]
    [InlineData("amqp.annotation.x-opt-sequence-number >= '3'", 3)]
    [InlineData("  amqp.annotation.x-opt-sequence-number>'1' ", 2)]
    [InlineData("amqp.annotation.x-opt-sequence-number > -1", 0)]
    [InlineData("amqp.annotation.x-opt-enqueued-time > '0'", 0)]
    [InlineData("amqp.annotation.x-opt-enqueued-time >= '1000000'", 0)]
    [InlineData("amqp.annotation.x-opt-enqueued-time > '1000000'", 1)]
    [InlineData("amqp.annotation.x-opt-enqueued-time > 1000999", 1)]
    [InlineData("amqp.annotation.x-opt-enqueued-time > 1001000", 2)]
    [InlineData("amqp.annotation.x-opt-enqueued-time > '9223372036854775807'", 3)]
    [InlineData("amqp.annotation.x-opt-enqueued-time >= '-9223372036854775808'", 0)]
    public async Task A_filter_leads_to_its_event(string filter, long expected)
    {
        await FillAsync(3);
        EventPosition.Parse(filter).Succeeded(out var position, out var refusal).ShouldBeTrue(refusal?.Text);
        (await position!.ResolveAsync(_log, 0, default)).Value!.Offset.ShouldBe(expected);
    }

    [Theory]
    [InlineData("")]
    [InlineData("amqp.annotation.x-opt-offset")]
    [InlineData("amqp.annotation.x-opt-offset < '5'")]
    [InlineData("amqp.annotation.x-opt-offset > '5")]
    [InlineData("amqp.annotation.x-opt-offset > 5'")]
    [InlineData("amqp.annotation.x-opt-offset > 'five'")]
    [InlineData("amqp.annotation.x-opt-offset > '99999999999999999999'")]
    [InlineData("amqp.annotation.x-opt-enqueued-time > '@latest'")]
    [InlineData("amqp.annotation.x-opt-publisher = 'dev1'")]
    [InlineData("1=1 or amqp.annotation.x-opt-offset > '5'")]
    public void A_filter_that_is_none_is_refused_with_its_text(string filter)
    {
        EventPosition.Parse(filter).Refusal.ShouldNotBeNull().Error.Name.ShouldBe("ArgumentInvalid");
        EventPosition.Parse(new string(' ', 100_000) + filter).Refusal.ShouldNotBeNull().Text.Length.ShouldBeLessThan(500);
    }

    [Theory]
    [InlineData("amqp.annotation.x-opt-offset > '3'")]
    [InlineData("amqp.annotation.x-opt-sequence-number >= '4'")]
    [InlineData("amqp.annotation.x-opt-offset >= '9223372036854775807'")]
    public async Task An_offset_behind_the_end_is_refused_since_its_reader_would_wait_for_ever(string filter)
    {
        await FillAsync(3);
        (await EventPosition.Parse(filter).Value!.ResolveAsync(_log, 0, default)).Refusal.ShouldNotBeNull().Text.ShouldContain("whose last is 2");
    }

    [Fact]
    public async Task An_empty_partition_can_be_read_from_its_start_and_end()
    {
        foreach (var position in (EventPosition[])[EventPosition.Earliest, EventPosition.Latest, new(EventPositionKind.EnqueuedTime, 5, Inclusive: true), new(EventPositionKind.Offset, 0, Inclusive: true)])
            (await position.ResolveAsync(_log, 0, default)).Value!.Offset.ShouldBe(0);
    }

    private async Task FillAsync(int count)
    {
        var writer = _log.WriterFor(new RecordOrigin("dev1", null, "1", ""));
        for (var i = 0; i < count; i++)
        {
            await _log.Append(writer, MessageSource.Telemetry, [], [(byte)i]).WhenDurable();
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }
}
