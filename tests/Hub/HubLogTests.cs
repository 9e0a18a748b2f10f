using System.Diagnostics;
using System.Text;
using Homeport.Log;

namespace Homeport.Tests.Hub;

/// <summary>Group commit: an acknowledgement means stored, a failure is told, order is kept, nothing is lost at the end.</summary>
public sealed class HubLogTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly FakeTimeProvider _time = new();
    private readonly ListLogger<HubLog> _logger = new();
    private readonly ScriptedRecordStore _store = new(4);
    private readonly HubLog _log;

    public HubLogTests() => _log = new HubLog(_store, new RetentionLimits(TimeSpan.FromDays(1)), _time, _logger);

    public async ValueTask DisposeAsync()
    {
        _store.GoOn();
        await _log.DisposeAsync();
    }

    [Fact]
    public async Task A_commit_is_durable_only_after_the_store_returned()
    {
        _store.Hang();
        var commit = Append("dev1", "1");
        await Eventually(() => _store.IsHanging);
        var durable = commit.WhenDurable();
        await Task.Delay(50);
        (commit.State, durable.IsCompleted).ShouldBe((CommitState.Pending, false));
        _store.GoOn();
        await durable.WaitAsync(Patience);
        commit.State.ShouldBe(CommitState.Durable);
        (await Bodies("dev1")).ShouldBe(["1"]);
        await commit.WhenDurable().WaitAsync(Patience);
        _logger.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task All_that_came_during_a_commit_shares_the_next_one()
    {
        _store.Hang();
        var first = Append("dev1", "0");
        await Eventually(() => _store.IsHanging);
        var rest = Enumerable.Range(1, 500).Select(i => Append($"dev{i % 7}", $"{i}")).ToList();
        rest.Distinct().Count().ShouldBe(1);
        rest[0].ShouldNotBeSameAs(first);
        _store.GoOn();
        await rest[0].WhenDurable().WaitAsync(Patience);
        _store.Appends.ShouldBe(2);
    }

    [Fact]
    public async Task A_failed_commit_is_told_to_all_who_wait_and_logged_and_the_next_one_works()
    {
        _store.FailNext(1);
        _store.Hang();
        var failed = Append("dev1", "lost");
        var waiter = new Waiter();
        failed.TryAddWaiter(waiter).ShouldBeTrue();
        _store.GoOn();
        await Should.ThrowAsync<IOException>(failed.WhenDurable().WaitAsync(Patience));
        await waiter.Told.WaitAsync(Patience);
        failed.State.ShouldBe(CommitState.Failed);
        failed.TryAddWaiter(new Waiter()).ShouldBeFalse("it is over");
        await Should.ThrowAsync<IOException>(failed.WhenDurable());

        var next = Append("dev1", "kept");
        await next.WhenDurable().WaitAsync(Patience);
        (await Bodies("dev1")).ShouldBe(["kept"]);
        _logger.Problems.ShouldBe([1001]);
    }

    [Fact]
    public async Task The_order_of_a_device_is_kept_and_its_modules_share_the_partition()
    {
        _log.WriterFor(new RecordOrigin("dev1", "m1", "1", "")).Partition.ShouldBe(Writer("dev1").Partition);
        var commits = new List<Commit>();
        for (var i = 0; i < 2000; i++)
        {
            commits.Add(Append("dev1", $"{i}"));
            if (i % 100 == 0)
                await commits[^1].WhenDurable().WaitAsync(Patience);
        }
        await commits[^1].WhenDurable().WaitAsync(Patience);
        (await Bodies("dev1")).ShouldBe(Enumerable.Range(0, 2000).Select(i => $"{i}"));
        commits.ShouldAllBe(c => c.State == CommitState.Durable);
    }

    [Fact]
    public async Task Many_senders_at_once_keep_each_their_order_and_lose_nothing()
    {
        const int Senders = 8, Messages = 3000;
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(async () =>
        {
            Commit? last = null;
            for (var i = 0; i < Messages; i++)
                last = Append($"sender{sender}", $"{sender}:{i}");
            await last!.WhenDurable().WaitAsync(Patience);
        })));
        for (var sender = 0; sender < Senders; sender++)
        {
            var own = (await Bodies($"sender{sender}")).Where(b => b.StartsWith($"{sender}:", StringComparison.Ordinal));
            own.ShouldBe(Enumerable.Range(0, Messages).Select(i => $"{sender}:{i}"));
        }
        Enumerable.Range(0, 4).Sum(_log.NextOffset).ShouldBe(Senders * Messages);
    }

    [Fact]
    public void Partitions_do_not_change_between_versions_and_are_all_used()
    {
        // FNV-1a of the id, modulo 4.
        foreach (var (device, partition) in ((string, int)[])[("dev1", Fnv("dev1")), ("sensor-17", Fnv("sensor-17")), ("ä", Fnv("ä"))])
            Writer(device).Partition.ShouldBe(partition);
        Enumerable.Range(0, 100).Select(i => Writer($"device-{i}").Partition).Distinct().Count().ShouldBe(4);

        static int Fnv(string text) => (int)(Encoding.UTF8.GetBytes(text).Aggregate(2166136261u, (hash, b) => (hash ^ b) * 16777619u) % 4);
    }

    [Fact]
    public async Task Senders_wait_when_the_disk_is_far_behind_and_go_on_when_it_is_back()
    {
        var writer = Writer("dev1");
        _store.Hang();
        Append("dev1", "first");
        await Eventually(() => _store.IsHanging);
        var body = new byte[256 * 1024];
        var appended = 0;
        Commit? last = null;
        while (_log.HasRoom(writer) && appended < 100)
        {
            last = _log.Append(writer, MessageSource.Telemetry, [], body);
            appended++;
        }
        appended.ShouldBeInRange(4, 64, "memory is bounded");
        var room = _log.RoomAsync(writer, CancellationToken.None);
        using var impatient = new CancellationTokenSource();
        var cancelled = _log.RoomAsync(writer, impatient.Token);
        await Task.Delay(50);
        room.IsCompleted.ShouldBeFalse();
        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(cancelled.WaitAsync(Patience));

        _store.GoOn();
        await room.WaitAsync(Patience);
        _log.HasRoom(writer).ShouldBeTrue();
        await last!.WhenDurable().WaitAsync(Patience);
        _log.NextOffset(writer.Partition).ShouldBe(1 + appended);
    }

    [Fact]
    public async Task Senders_go_on_after_a_failure_as_well()
    {
        var writer = Writer("dev1");
        _store.Hang();
        _store.FailNext(2);
        Append("dev1", "first");
        await Eventually(() => _store.IsHanging);
        while (_log.HasRoom(writer))
            _log.Append(writer, MessageSource.Telemetry, [], new byte[1024 * 1024]);
        var room = _log.RoomAsync(writer, CancellationToken.None);
        _store.GoOn();
        await room.WaitAsync(Patience);
        var last = Append("dev1", "last");
        await last.WhenDurable().WaitAsync(Patience);
        (await Bodies("dev1")).ShouldBe(["last"]);
        _logger.Problems.ShouldBe([1001, 1001]);
    }

    [Fact]
    public async Task Dispose_stores_what_is_in_memory_and_does_not_take_long()
    {
        _store.Hang();
        var first = Append("dev1", "first");
        await Eventually(() => _store.IsHanging);
        var second = Append("dev1", "second");
        var third = Append("dev2", "third");
        var disposing = _log.DisposeAsync().AsTask();
        await Task.Delay(50);
        disposing.IsCompleted.ShouldBeFalse();
        var clock = Stopwatch.StartNew();
        _store.GoOn();
        await disposing.WaitAsync(TimeSpan.FromSeconds(60));
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(10), "a stopping server does not sit out an interval");
        new[] { first, second, third }.ShouldAllBe(c => c.State == CommitState.Durable);
        (await Bodies("dev1")).ShouldBe(["first", "second"]);
    }

    [Fact]
    public async Task Dispose_tells_a_failure_too()
    {
        _store.FailNext(1);
        _store.Hang();
        var commit = Append("dev1", "lost");
        var disposing = _log.DisposeAsync().AsTask();
        _store.GoOn();
        await disposing.WaitAsync(TimeSpan.FromSeconds(60));
        commit.State.ShouldBe(CommitState.Failed);
    }

    [Fact]
    public async Task A_reader_waits_for_the_first_record_and_no_longer_than_asked()
    {
        var partition = Writer("dev1").Partition;
        var waiting = _log.ReadAsync(partition, 0, 10, TimeSpan.FromSeconds(30), CancellationToken.None);
        await Task.Delay(50);
        waiting.IsCompleted.ShouldBeFalse();
        Append("dev1", "1");
        (await waiting.WaitAsync(Patience)).Single().Offset.ShouldBe(0);

        var nothing = _log.ReadAsync(partition, 1, 10, TimeSpan.FromSeconds(30), CancellationToken.None);
        await Task.Delay(50);
        nothing.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(31));
        (await nothing.WaitAsync(Patience)).ShouldBeEmpty();

        using var gone = new CancellationTokenSource();
        var cancelled = _log.ReadAsync(partition, 1, 10, TimeSpan.FromSeconds(30), gone.Token);
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(cancelled.WaitAsync(Patience));
        (await _log.ReadAsync(partition, 1, 10, TimeSpan.Zero, CancellationToken.None)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_record_keeps_all_that_it_was_given()
    {
        var block = new byte[64];
        var size = RecordProperties.Write(block, "$.mid"u8, "1"u8);
        size += RecordProperties.Close(block.AsSpan(size), 0, null);
        var origin = new RecordOrigin("dev1", "m1", "638", "{\"scope\":\"module\"}", "dtmi:com:example:Thermostat;1");
        var writer = _log.WriterFor(origin);
        await _log.Append(writer, MessageSource.Telemetry, block.AsSpan(0, size), "body"u8).WhenDurable().WaitAsync(Patience);
        var record = (await _log.ReadAsync(writer.Partition, 0, 1, TimeSpan.Zero, CancellationToken.None)).Single();
        record.Origin.ShouldBe(origin);
        record.Properties.ShouldBe([new("$.mid", "1"), new("", null)]);
        (record.EnqueuedTime, record.Source, Encoding.UTF8.GetString(record.Body.Span)).ShouldBe((_time.GetUtcNow(), MessageSource.Telemetry, "body"));
    }

    [Fact]
    public async Task Old_records_are_dropped_by_the_clock_of_the_log()
    {
        _store.MoreToDrop = 2;
        await Append("dev1", "1").WhenDurable().WaitAsync(Patience);
        await Eventually(() => _store.Drops.Count == 1);
        _store.Drops[0].ShouldBe(_time.GetUtcNow() - TimeSpan.FromDays(1));
        await Append("dev1", "2").WhenDurable().WaitAsync(Patience);
        await Eventually(() => _store.Drops.Count == 2);
        await Append("dev1", "3").WhenDurable().WaitAsync(Patience);
        await Eventually(() => _store.Drops.Count == 3);
        await Append("dev1", "4").WhenDurable().WaitAsync(Patience);
        await Append("dev1", "5").WhenDurable().WaitAsync(Patience);
        _store.Drops.Count.ShouldBe(3, "nothing was left, so the log waits for an interval");
        _time.Advance(TimeSpan.FromSeconds(30));
        await Append("dev1", "6").WhenDurable().WaitAsync(Patience);
        await Eventually(() => _store.Drops.Count == 4);
    }

    [Fact]
    public async Task The_size_is_looked_at_as_it_grows()
    {
        await using var log = new HubLog(_store, new RetentionLimits(TimeSpan.FromDays(1), 1 << 30), _time, _logger);
        var writer = log.WriterFor(new RecordOrigin("dev1", null, "1", ""));
        await log.Append(writer, MessageSource.Telemetry, [], "1"u8).WhenDurable().WaitAsync(Patience);
        await Eventually(() => _store.SizeDrops.Count == 1);
        for (var i = 0; i < 5; i++)
            await log.Append(writer, MessageSource.Telemetry, [], new byte[1 << 20]).WhenDurable().WaitAsync(Patience);
        await Eventually(() => _store.SizeDrops.Count == 2);
        _store.SizeDrops.ShouldAllBe(bytes => bytes == 1 << 30);
    }

    [Fact]
    public async Task Enqueued_times_do_not_go_back_when_the_clock_is_set_back_a_little()
    {
        await Append("dev1", "1").WhenDurable().WaitAsync(Patience);
        var first = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromMinutes(-1));
        await Append("dev1", "2").WhenDurable().WaitAsync(Patience);
        _time.Advance(TimeSpan.FromMinutes(-10));
        await Append("dev1", "3").WhenDurable().WaitAsync(Patience);
        var records = await _store.ReadAsync(Writer("dev1").Partition, 0, 10, CancellationToken.None);
        records.Select(r => r.EnqueuedTime).ShouldBe([first, first, first.AddMinutes(-11)], "a clock that was far ahead and is mended is believed");
    }

    [Fact]
    public async Task A_page_comes_with_the_first_record()
    {
        var partition = Writer("dev1").Partition;
        var waiting = _log.ReadPageAsync(partition, 0, 1000, CancellationToken.None).AsTask();
        await Task.Delay(50);
        waiting.IsCompleted.ShouldBeFalse();
        Append("dev1", "1");
        using var page = await waiting.WaitAsync(Patience);
        page.NextOffset.ShouldBe(0);
        using var gone = new CancellationTokenSource();
        var cancelled = _log.ReadPageAsync(partition, 1, 1000, gone.Token).AsTask();
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(cancelled.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_failing_retention_does_not_stop_the_log()
    {
        _store.DropFailure = new IOException("locked");
        await Append("dev1", "1").WhenDurable().WaitAsync(Patience);
        await Append("dev1", "2").WhenDurable().WaitAsync(Patience);
        await Eventually(() => _logger.Problems.Any());
        _logger.Problems.ShouldAllBe(id => id == 1002);
    }

    [Fact]
    public void An_origin_that_does_not_fit_is_refused()
    {
        Should.Throw<ArgumentException>(() => _log.WriterFor(new RecordOrigin(new string('x', 256), null, "1", "")));
        Should.Throw<ArgumentException>(() => _log.WriterFor(new RecordOrigin("dev1", null, "1", "", new string('x', 70_000))));
    }

    [Fact]
    public void A_damaged_batch_is_told()
    {
        Should.Throw<InvalidDataException>(() => RecordBatch.Read([], 7)).Message.ShouldContain("7");
        Should.Throw<InvalidDataException>(() => RecordBatch.Read([0, 0, 0, 0, 1], 7));
        Should.Throw<InvalidDataException>(() => RecordBatch.Read(new byte[100], 7));
    }

    private LogWriter Writer(string device) => _log.WriterFor(new RecordOrigin(device, null, "1", ""));

    private Commit Append(string device, string body) => _log.Append(Writer(device), MessageSource.Telemetry, [], Encoding.UTF8.GetBytes(body));

    private async Task<List<string>> Bodies(string device)
    {
        var records = await _store.ReadAsync(Writer(device).Partition, 0, int.MaxValue, CancellationToken.None);
        records.Select(r => r.Offset).ShouldBe(Enumerable.Range(0, records.Count).Select(i => (long)i), "offsets have no gaps");
        return [.. records.Where(r => r.Origin.DeviceId == device).Select(r => Encoding.UTF8.GetString(r.Body.Span))];
    }

    private static async Task Eventually(Func<bool> condition)
    {
        for (var i = 0; i < 2000 && !condition(); i++)
            await Task.Delay(10);
        condition().ShouldBeTrue();
    }

    private sealed class Waiter : ICommitWaiter
    {
        private readonly TaskCompletionSource _told = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Told => _told.Task;

        public void OnCommitted(Commit commit) => _told.SetResult();
    }
}
