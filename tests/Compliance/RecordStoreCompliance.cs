using System.Globalization;
using System.Text;
using Homeport.Log;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IRecordStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class RecordStoreCompliance : IAsyncLifetime
{
    protected const int Partitions = 3;
    private static readonly DateTimeOffset Time = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private protected RecordStoreFixture Fixture { get; private set; } = null!;

    private IRecordStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<RecordStoreFixture> CreateAsync();

    [Fact]
    public async Task A_new_store_is_empty()
    {
        Store.PartitionCount.ShouldBe(Partitions);
        for (var partition = 0; partition < Partitions; partition++)
        {
            Store.NextOffset(partition).ShouldBe(0);
            (await Read(partition, 0)).ShouldBeEmpty();
        }
        Store.DropBefore(Time).ShouldBeFalse();
    }

    [Fact]
    public async Task Batches_go_to_their_partitions_with_offsets_from_zero()
    {
        Append((0, ["a", "b"]), (2, ["x"]));
        Append((0, ["c"]), (1, ["m"]), (2, ["y", "z"]));
        (await Read(0, 0)).ShouldBe(["0:a", "1:b", "2:c"]);
        (await Read(1, 0)).ShouldBe(["0:m"]);
        (await Read(2, 0)).ShouldBe(["0:x", "1:y", "2:z"]);
        Enumerable.Range(0, Partitions).Select(Store.NextOffset).ShouldBe([3L, 1, 3]);
    }

    [Theory]
    [InlineData(0, 100, "0:a 1:b 2:c 3:d 4:e")]
    [InlineData(1, 100, "1:b 2:c 3:d 4:e")]
    [InlineData(2, 100, "2:c 3:d 4:e")]
    [InlineData(4, 100, "4:e")]
    [InlineData(5, 100, "")]
    [InlineData(500, 100, "")]
    [InlineData(0, 1, "0:a")]
    [InlineData(1, 2, "1:b 2:c")]
    [InlineData(1, 3, "1:b 2:c 3:d")]
    public async Task Reading_starts_inside_a_batch_and_stops_at_the_maximum(long offset, int max, string expected)
    {
        Append((0, ["a", "b", "c"]));
        Append((0, ["d", "e"]));
        string.Join(' ', await Read(0, offset, max)).ShouldBe(expected);
    }

    [Fact]
    public async Task A_record_keeps_its_bytes()
    {
        var body = Enumerable.Range(0, 256 * 1024).Select(i => (byte)(i * 7)).ToArray();
        var properties = new byte[64];
        var size = RecordProperties.Write(properties, "$.ct"u8, "text/plain;ä"u8);
        var batches = Batches();
        batches[1].Add(Time.ToUnixTimeMilliseconds(), MessageSource.Telemetry, new RecordOrigin("dev1", "m1", "638", "{}").Encode(), properties.AsSpan(0, size), body);
        batches[1].Add(Time.ToUnixTimeMilliseconds() + 1, MessageSource.Telemetry, new RecordOrigin("dev2", null, "639", "").Encode(), [], []);
        Seal(batches);
        Store.Append(batches);
        var records = await Store.ReadAsync(1, 0, 10, CancellationToken.None);
        records[0].Body.ToArray().ShouldBe(body);
        records[0].Properties.ShouldBe([new("$.ct", "text/plain;ä")]);
        records[0].Origin.ShouldBe(new RecordOrigin("dev1", "m1", "638", "{}"));
        (records[0].EnqueuedTime, records[1].EnqueuedTime).ShouldBe((Time, Time.AddMilliseconds(1)));
        (records[1].Origin, records[1].Body.Length, records[1].Properties.Count).ShouldBe((new RecordOrigin("dev2", null, "639", ""), 0, 0));
    }

    [Fact]
    public async Task Reopening_finds_everything_and_goes_on_counting()
    {
        Append((0, ["a", "b"]), (1, ["m"]));
        await Fixture.ReopenAsync(Partitions);
        Enumerable.Range(0, Partitions).Select(Store.NextOffset).ShouldBe([2L, 1, 0]);
        (await Read(0, 0)).ShouldBe(["0:a", "1:b"]);
        Append((0, ["c"]), (2, ["x"]));
        (await Read(0, 1)).ShouldBe(["1:b", "2:c"]);
        (await Read(2, 0)).ShouldBe(["0:x"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task The_number_of_partitions_is_decided_once(int wanted)
    {
        Append((2, ["x"]));
        await Fixture.ReopenAsync(wanted);
        Store.PartitionCount.ShouldBe(Partitions);
        (await Read(2, 0)).ShouldBe(["0:x"]);
    }

    [Fact]
    public async Task Retention_drops_whole_batches_that_are_older_and_offsets_stay()
    {
        Append(Time, (0, ["a", "b"]), (1, ["m"]));
        Append(Time.AddHours(1), (0, ["c"]));
        Append(Time.AddHours(2), (0, ["d"]));
        DropAll(Time);
        (await Read(0, 0)).Count.ShouldBe(4, "not older than that");
        DropAll(Time.AddHours(1));
        (await Read(0, 0)).ShouldBe(["2:c", "3:d"], "an offset that was dropped reads from the first one kept");
        (await Read(0, 1)).ShouldBe(["2:c", "3:d"]);
        (await Read(1, 0)).ShouldBeEmpty();
        Store.NextOffset(1).ShouldBe(1);
    }

    [Fact]
    public async Task Offsets_go_on_after_retention_dropped_all()
    {
        Append(Time, (0, ["a", "b"]), (1, ["m"]));
        DropAll(Time.AddDays(1));
        (await Read(0, 0)).ShouldBeEmpty();
        await Fixture.ReopenAsync(Partitions);
        Enumerable.Range(0, Partitions).Select(Store.NextOffset).ShouldBe([2L, 1, 0]);
        Append(Time.AddDays(2), (0, ["c"]), (1, ["n"]), (2, ["x"]));
        (await Read(0, 0)).ShouldBe(["2:c"]);
        (await Read(1, 0)).ShouldBe(["1:n"]);
        DropAll(Time.AddDays(3));
        await Fixture.ReopenAsync(Partitions);
        Enumerable.Range(0, Partitions).Select(Store.NextOffset).ShouldBe([3L, 2, 1]);
    }

    [Fact]
    public async Task Retention_drops_a_bounded_number_at_a_time_and_says_when_more_is_left()
    {
        for (var i = 0; i < 600; i++)
            Append(Time, (i % Partitions, [$"{i}"]));
        var rounds = 1;
        while (Store.DropBefore(Time.AddDays(1)))
            (++rounds).ShouldBeLessThan(600);
        rounds.ShouldBeGreaterThan(1, "senders wait while it drops, so it stops in between");
        (await Read(0, 0)).ShouldBeEmpty();
        Store.NextOffset(0).ShouldBe(200);
    }

    [Fact]
    public async Task A_damaged_batch_is_told_and_its_neighbours_are_read()
    {
        Append((0, ["a"]));
        Append((0, ["b-marker"]));
        Append((0, ["c"]));
        await Fixture.DamageAsync("b-marker"u8.ToArray(), "b-broken"u8.ToArray());
        var error = await Should.ThrowAsync<InvalidDataException>(async () => await Read(0, 1));
        error.Message.ShouldContain("offset 1");
        (await Read(0, 0, 1)).ShouldBe(["0:a"]);
        (await Read(0, 2)).ShouldBe(["2:c"]);
        Store.NextOffset(0).ShouldBe(3);
        Append((0, ["d"]));
        (await Read(0, 2)).ShouldBe(["2:c", "3:d"]);
    }

    [Fact]
    public async Task Readers_see_whole_commits_while_one_appends()
    {
        using var stop = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(partition => Task.Run(async () =>
        {
            var seen = 0L;
            while (!stop.IsCancellationRequested || seen < Store.NextOffset(partition))
            {
                foreach (var record in await Store.ReadAsync(partition, seen, 50, CancellationToken.None))
                {
                    record.Offset.ShouldBe(seen++);
                    Encoding.UTF8.GetString(record.Body.Span).ShouldBe(record.Offset.ToString(CultureInfo.InvariantCulture));
                }
            }
            return seen;
        })).ToList();
        for (var i = 0; i < 300; i++)
        {
            string[] pair = [$"{2 * i}", $"{(2 * i) + 1}"];
            Append((0, pair), (1, pair), (2, pair));
        }
        await stop.CancelAsync();
        (await Task.WhenAll(readers)).ShouldBe([600L, 600, 600]);
    }

    [Fact]
    public async Task A_read_can_be_given_up()
    {
        Append((0, ["a"]));
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(async () => await Store.ReadAsync(0, 0, 10, gone.Token));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1000, 0)]
    [InlineData(1001, 1)]
    [InlineData(1500, 1)]
    [InlineData(2000, 1)]
    [InlineData(2001, 3)]
    [InlineData(3000, 3)]
    [InlineData(3001, 4)]
    [InlineData(9000, 4)]
    public async Task A_record_is_found_by_its_time(long milliseconds, long expected)
    {
        Append(Time.AddMilliseconds(1000), (0, ["a"]), (1, ["m"]));
        Append(Time.AddMilliseconds(2000), (0, ["b", "c"]));
        Append(Time.AddMilliseconds(3000), (0, ["d"]), (2, ["x"]));
        (await Store.FindAsync(0, Time.AddMilliseconds(milliseconds), CancellationToken.None)).ShouldBe(expected);
    }

    [Fact]
    public async Task Times_are_found_within_batches_among_many_and_in_partitions_with_few()
    {
        var batches = Batches();
        for (var i = 0; i < 800; i++)
        {
            foreach (var busy in (int[])[0, 2])
            {
                batches[busy].Add(Time.AddSeconds(2 * i).ToUnixTimeMilliseconds(), MessageSource.Telemetry, [0, 0, 0, 0], [], []);
                batches[busy].Add(Time.AddSeconds((2 * i) + 1).ToUnixTimeMilliseconds(), MessageSource.Telemetry, [0, 0, 0, 0], [], []);
            }
            if (i is 50 or 700)
                batches[1].Add(Time.AddSeconds(2 * i).ToUnixTimeMilliseconds(), MessageSource.Telemetry, [0, 0, 0, 0], [], []);
            Seal(batches);
            Store.Append(batches);
            foreach (var batch in batches)
                batch.Clear(1024);
        }
        foreach (var second in (int[])[0, 1, 2, 333, 1000, 1001, 1597, 1598, 1599])
            (await Store.FindAsync(0, Time.AddSeconds(second), CancellationToken.None)).ShouldBe(second);
        (await Store.FindAsync(0, Time.AddSeconds(1600), CancellationToken.None)).ShouldBe(1600);
        (await Store.FindAsync(1, Time, CancellationToken.None)).ShouldBe(0);
        (await Store.FindAsync(1, Time.AddSeconds(100), CancellationToken.None)).ShouldBe(0);
        (await Store.FindAsync(1, Time.AddSeconds(101), CancellationToken.None)).ShouldBe(1);
        (await Store.FindAsync(1, Time.AddSeconds(1401), CancellationToken.None)).ShouldBe(2);
        (await Read(1, 0)).Count.ShouldBe(2);
        // What retention drops is not found any more.
        DropAll(Time.AddSeconds(300));
        (await Store.FindAsync(0, Time, CancellationToken.None)).ShouldBe(Store.ExtentOf(0).First);
        (await Store.FindAsync(0, Time.AddSeconds(1201), CancellationToken.None)).ShouldBe(1201);
        (await Store.FindAsync(1, Time, CancellationToken.None)).ShouldBe(1);
        (await Read(1, 0)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_partition_knows_what_it_holds()
    {
        Store.ExtentOf(0).ShouldBe(PartitionExtent.Empty);
        Append(Time, (0, ["a", "b"]));
        Append(Time.AddHours(1), (0, ["c"]), (1, ["m"]));
        Store.ExtentOf(0).ShouldBe(new PartitionExtent(0, 3, Time.AddHours(1)));
        DropAll(Time.AddMinutes(1));
        await Fixture.ReopenAsync(Partitions);
        Store.ExtentOf(0).ShouldBe(new PartitionExtent(2, 3, Time.AddHours(1)));
        DropAll(Time.AddDays(1));
        await Fixture.ReopenAsync(Partitions);
        Store.ExtentOf(0).ShouldBe(new PartitionExtent(3, 3, Time.AddHours(1)));
        Store.ExtentOf(0).IsEmpty.ShouldBeTrue();
        Store.ExtentOf(1).ShouldBe(new PartitionExtent(1, 1, Time.AddHours(1)));
        Store.ExtentOf(2).ShouldBe(PartitionExtent.Empty);
    }

    [Fact]
    public async Task A_page_has_the_bytes_that_were_asked_for_over_many_batches_and_one_record_at_least()
    {
        for (var i = 0; i < 10; i++)
            Append((0, [$"{i}", new string('x', 1000)]), (1, ["other"]));
        using (var page = (await Store.ReadPageAsync(0, 3, 3000, CancellationToken.None))!)
        {
            page.Length.ShouldBeInRange(2000, 3000);
            page.NextOffset.ShouldBe(3);
            page.TryRead(out var first).ShouldBeTrue();
            (first.Offset, first.Body.Length, first.EnqueuedTime).ShouldBe((3, 1000, Time.ToUnixTimeMilliseconds()));
            var offsets = new List<long>();
            while (page.TryRead(out var record))
                offsets.Add(record.Offset);
            offsets.ShouldBe(Enumerable.Range(4, offsets.Count).Select(i => (long)i));
            page.IsAtEnd.ShouldBeTrue();
            page.NextOffset.ShouldBe(offsets[^1] + 1);
        }
        using (var page = (await Store.ReadPageAsync(0, 1, 1, CancellationToken.None))!)
        {
            page.TryRead(out var only).ShouldBeTrue();
            only.Body.Length.ShouldBe(1000);
            page.IsAtEnd.ShouldBeTrue();
        }
        using (var all = (await Store.ReadPageAsync(0, 0, 1 << 20, CancellationToken.None))!)
        {
            var count = 0;
            while (all.TryRead(out _))
                count++;
            count.ShouldBe(20);
        }
        (await Store.ReadPageAsync(0, 20, 1 << 20, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task A_limit_of_the_size_drops_the_oldest_and_bounds_the_disk()
    {
        const long Limit = 4 << 20;
        var body = new string('x', 120_000);
        for (var i = 0; i < 300; i++)
        {
            Append((i % Partitions, [body]));
            while (Store.DropAbove(Limit))
            {
                // bounded steps
            }
        }
        await Fixture.ReopenAsync(Partitions);
        // 36 MB went through.
        Fixture.SizeOnDisk.ShouldBeInRange(Limit / 2, 2 * Limit);
        Store.ExtentOf(0).First.ShouldBeInRange(80, 95);
        Store.ExtentOf(0).Next.ShouldBe(100);
        (await Read(0, 0))[0].ShouldStartWith($"{Store.ExtentOf(0).First}:");
        Store.DropAbove(Limit).ShouldBeFalse();
        Store.DropAbove(long.MaxValue).ShouldBeFalse();
    }

    private void DropAll(DateTimeOffset before)
    {
        while (Store.DropBefore(before))
        {
            // bounded steps
        }
    }

    private void Append(params (int Partition, string[] Bodies)[] records) => Append(Time, records);

    private void Append(DateTimeOffset time, params (int Partition, string[] Bodies)[] records)
    {
        var batches = Batches();
        foreach (var (partition, bodies) in records)
        {
            foreach (var body in bodies)
                batches[partition].Add(time.ToUnixTimeMilliseconds(), MessageSource.Telemetry, new RecordOrigin("dev1", null, "1", "").Encode(), [], Encoding.UTF8.GetBytes(body));
        }
        Seal(batches);
        Store.Append(batches);
    }

    private static RecordBatch[] Batches() => [.. Enumerable.Range(0, Partitions).Select(_ => new RecordBatch(1024))];

    private static void Seal(RecordBatch[] batches)
    {
        foreach (var batch in batches.Where(b => b.Count > 0))
            batch.Seal();
    }

    private async Task<List<string>> Read(int partition, long offset, int max = 1000)
        => [.. (await Store.ReadAsync(partition, offset, max, CancellationToken.None)).Select(r => $"{r.Offset}:{Encoding.UTF8.GetString(r.Body.Span)}")];
}

/// <summary>A record store under test.</summary>
internal abstract class RecordStoreFixture : IAsyncDisposable
{
    public abstract IRecordStore Store { get; }

    /// <summary>Closes the store as a stopping server does, and opens it again with a setting for new stores.</summary>
    public abstract Task ReopenAsync(int partitions);

    /// <summary>Bytes of the files that keep records, without those that are for a crash.</summary>
    public abstract long SizeOnDisk { get; }

    /// <summary>Changes stored bytes behind the store's back, as a bad disk does.</summary>
    public abstract Task DamageAsync(byte[] from, byte[] to);

    public abstract ValueTask DisposeAsync();
}
