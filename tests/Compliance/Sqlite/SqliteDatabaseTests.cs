using System.Collections.Concurrent;
using Homeport.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The group commit: many writes share a commit, and none is the worse for it.</summary>
public sealed class SqliteDatabaseTests : IDisposable
{
    private const string Insert = "INSERT INTO settings (name, value) VALUES ($name, $value)";
    private readonly TempFolder _folder = new();
    private readonly SqliteDatabase _database;

    public SqliteDatabaseTests() => _database = SqliteDatabase.Open(_folder.File("hub.db"));

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Writes_are_made_completed_and_told_in_the_order_of_their_start()
    {
        ConcurrentQueue<int> made = new(), told = new();
        using var gate = new Gate(_database);
        var writes = Enumerable.Range(0, 200).Select(i => _database.WriteAsync(
            c =>
            {
                made.Enqueue(i);
                Add(c, i);
                return i;
            },
            told.Enqueue, default)).ToList();
        made.ShouldBeEmpty("the writer is busy");
        gate.Open();
        (await Task.WhenAll(writes)).ShouldBe(Enumerable.Range(0, 200));
        made.ShouldBe(Enumerable.Range(0, 200));
        told.ShouldBe(Enumerable.Range(0, 200));
        Names().Count.ShouldBe(200);
    }

    [Fact]
    public async Task A_write_that_throws_takes_back_itself_and_nothing_else()
    {
        using var gate = new Gate(_database);
        var told = new ConcurrentQueue<int>();
        var writes = Enumerable.Range(0, 60).Select(i => _database.WriteAsync(
            c =>
            {
                Add(c, i);
                if (i % 3 == 1)
                    throw new InvalidOperationException($"{i}");
                if (i % 3 == 2)
                    Add(c, i);
                return i;
            },
            told.Enqueue, default)).ToList();
        gate.Open();
        for (var i = 0; i < writes.Count; i++)
        {
            if (i % 3 == 0)
                (await writes[i]).ShouldBe(i);
            else if (i % 3 == 1)
                (await Should.ThrowAsync<InvalidOperationException>(writes[i])).Message.ShouldBe($"{i}");
            else
                (await Should.ThrowAsync<SqliteException>(writes[i])).SqliteErrorCode.ShouldBe(19, "the name is there already");
        }
        var good = Enumerable.Range(0, 60).Where(i => i % 3 == 0).ToList();
        Names().ShouldBe(good.Select(i => $"{i}"), ignoreOrder: true);
        told.ShouldBe(good);
    }

    [Fact]
    public async Task A_later_write_sees_the_earlier_ones_of_its_group_and_not_what_was_taken_back()
    {
        using var gate = new Gate(_database);
        var first = _database.WriteAsync(c => Add(c, 1), default);
        var taken = _database.WriteAsync<int>(c =>
        {
            Add(c, 2);
            throw new InvalidOperationException("taken back");
        }, default);
        var last = _database.WriteAsync(c => c.Query("SELECT name FROM settings", r => r.GetString(0)), default);
        gate.Open();
        await first;
        await Should.ThrowAsync<InvalidOperationException>(taken);
        (await last).ShouldBe(["1"]);
    }

    /// <summary>At the moment of each acknowledgement the files are copied, as a power failure would leave them, and the copy is opened.</summary>
    [Fact]
    public async Task Nothing_is_acknowledged_or_told_before_it_is_in_the_files()
    {
        for (var round = 0; round < 5; round++)
        {
            using var gate = new Gate(_database);
            var number = round * 10;
            IReadOnlyList<string>? whenTold = null;
            var writes = Enumerable.Range(number, 10).Select(i => _database.WriteAsync(c => Add(c, i), _ => whenTold ??= NamesInCopy(), default)).ToList();
            writes.ShouldAllBe(w => !w.IsCompleted);
            gate.Open();
            await writes[0];
            NamesInCopy().ShouldContain($"{number}");
            whenTold.ShouldNotBeNull().ShouldContain($"{number}");
            await Task.WhenAll(writes);
            var copy = NamesInCopy();
            Enumerable.Range(0, number + 10).ShouldAllBe(i => copy.Contains($"{i}"));
        }
    }

    [Fact]
    public async Task Readers_see_an_acknowledged_write_at_once_and_none_before_its_commit()
    {
        for (var i = 0; i < 50; i++)
        {
            await _database.WriteAsync(c => Add(c, i), default);
            Names().Count.ShouldBe(i + 1);
        }
        using var made = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var write = _database.WriteAsync(c =>
        {
            Add(c, 50);
            made.Set();
            goOn.Wait(TimeSpan.FromSeconds(20));
            return 0;
        }, default);
        made.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        Names().Count.ShouldBe(50);
        goOn.Set();
        await write;
        Names().Count.ShouldBe(51);
    }

    [Fact]
    public async Task A_write_that_is_given_up_while_it_waits_is_not_made()
    {
        using var stop = new CancellationTokenSource();
        using var gate = new Gate(_database);
        var given = _database.WriteAsync(c => Add(c, 1), stop.Token);
        var kept = _database.WriteAsync(c => Add(c, 2), default);
        await stop.CancelAsync();
        gate.Open();
        await kept;
        await Should.ThrowAsync<OperationCanceledException>(given);
        Names().ShouldBe(["2"]);
    }

    [Fact]
    public async Task Many_threads_write_and_nothing_is_lost_or_mixed_up()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < 100; i++)
            {
                var number = thread * 100 + i;
                (await _database.WriteAsync(c =>
                {
                    Add(c, number);
                    return number;
                }, default)).ShouldBe(number);
                Names().ShouldContain($"{number}");
            }
        })));
        Names().Count.ShouldBe(800);
    }

    [Fact]
    public async Task What_was_acknowledged_is_there_after_closing_at_once()
    {
        var writes = Enumerable.Range(0, 100).Select(i => _database.WriteAsync(c => Add(c, i), default)).ToList();
        await writes[30];
        _database.Dispose();
        var acknowledged = new List<int>();
        for (var i = 0; i < writes.Count; i++)
        {
            try
            {
                await writes[i].WaitAsync(TimeSpan.FromSeconds(20));
                acknowledged.Add(i);
            }
            catch (Exception e) when (e is ObjectDisposedException or OperationCanceledException)
            {
                // Not acknowledged, so it may be there or not.
            }
        }
        acknowledged.Count.ShouldBeGreaterThan(30);
        using var again = SqliteDatabase.Open(_folder.File("hub.db"));
        var names = again.Read(c => c.Query("SELECT name FROM settings", r => r.GetString(0)));
        acknowledged.ShouldAllBe(i => names.Contains($"{i}"));
    }

    private static int Add(SqliteConnection connection, int number) => connection.Execute(Insert, ("$name", $"{number}"), ("$value", "x"));

    private List<string> Names() => _database.Read(c => c.Query("SELECT name FROM settings", r => r.GetString(0)));

    private List<string> NamesInCopy()
    {
        using var copy = new TempFolder();
        foreach (var (name, bytes) in _folder.Contents().Where(f => !f.Name.EndsWith("-shm", StringComparison.Ordinal)))
            File.WriteAllBytes(copy.File(name), bytes);
        using var database = SqliteDatabase.Open(copy.File("hub.db"));
        return database.Read(c => c.Query("SELECT name FROM settings", r => r.GetString(0)));
    }

    /// <summary>Keeps the writer busy, so that what is written meanwhile makes one group.</summary>
    private sealed class Gate : IDisposable
    {
        private readonly ManualResetEventSlim _open = new();
        private readonly Task _write;

        public Gate(SqliteDatabase database)
        {
            using var entered = new ManualResetEventSlim();
            _write = database.WriteAsync(_ =>
            {
                entered.Set();
                return _open.Wait(TimeSpan.FromSeconds(20));
            }, default);
            entered.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        }

        public void Open() => _open.Set();

        public void Dispose()
        {
            _open.Set();
            ((IAsyncResult)_write).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(20));
            _open.Dispose();
        }
    }
}
