using Homeport.Log;
using Homeport.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded record store.</summary>
public sealed class SqliteRecordStoreTests : RecordStoreCompliance
{
    private protected override Task<RecordStoreFixture> CreateAsync() => Task.FromResult<RecordStoreFixture>(new SqliteFixture());

    [Fact]
    public async Task What_was_appended_survives_a_process_that_never_closed_the_file()
    {
        var fixture = (SqliteFixture)Fixture;
        var batch = new RecordBatch(100);
        batch.Add(1, MessageSource.Telemetry, new RecordOrigin("dev1", null, "1", "").Encode(), [], "kept"u8);
        batch.Seal();
        fixture.Store.Append([batch, new RecordBatch(8), new RecordBatch(8)]);

        using var copy = fixture.CopyOfFiles();
        using var store = SqliteRecordStore.Open(copy.File("messages.db"), 1);
        store.NextOffset(0).ShouldBe(1);
        (await store.ReadAsync(0, 0, 10, CancellationToken.None)).Single().Body.ToArray().ShouldBe("kept"u8.ToArray());
    }

    [Fact]
    public async Task A_commit_that_fails_leaves_nothing_and_the_next_one_works()
    {
        var fixture = (SqliteFixture)Fixture;
        using (var other = fixture.Connect())
        {
            // The second of three inserts fails, as on a bad disk.
            other.Execute("CREATE TRIGGER bad_disk BEFORE INSERT ON batches WHEN new.partition=1 BEGIN SELECT RAISE(ABORT, 'bad disk'); END");
            var batches = Enumerable.Range(0, Partitions).Select(_ => new RecordBatch(100)).ToArray();
            foreach (var batch in batches)
            {
                batch.Add(1, MessageSource.Telemetry, new RecordOrigin("dev1", null, "1", "").Encode(), [], "x"u8);
                batch.Seal();
            }
            ShouldFail(() => fixture.Store.Append(batches));
            Enumerable.Range(0, Partitions).Select(fixture.Store.NextOffset).ShouldBe([0L, 0, 0]);
            (await fixture.Store.ReadAsync(0, 0, 10, CancellationToken.None)).ShouldBeEmpty();

            other.Execute("DROP TRIGGER bad_disk");
            fixture.Store.Append(batches);
            Enumerable.Range(0, Partitions).Select(fixture.Store.NextOffset).ShouldBe([1L, 1, 1]);
        }
    }

    [Fact]
    public async Task A_file_of_an_earlier_version_is_read_on()
    {
        using var folder = new TempFolder();
        using (var old = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = folder.File("messages.db"), Pooling = false }.ToString()))
        {
            await old.OpenAsync();
            old.Execute("""
                CREATE TABLE partitions (partition INTEGER NOT NULL PRIMARY KEY, next_offset INTEGER NOT NULL);
                CREATE TABLE batches (id INTEGER NOT NULL PRIMARY KEY, partition INTEGER NOT NULL, base_offset INTEGER NOT NULL, count INTEGER NOT NULL,
                    first_time INTEGER NOT NULL, last_time INTEGER NOT NULL, bytes BLOB NOT NULL);
                CREATE TABLE positions (partition INTEGER NOT NULL, base_offset INTEGER NOT NULL, batch INTEGER NOT NULL, PRIMARY KEY (partition, base_offset)) WITHOUT ROWID;
                INSERT INTO partitions VALUES (0, 7), (1, 3);
                """);
            var batch = new RecordBatch(100);
            batch.Add(5, MessageSource.Telemetry, new RecordOrigin("dev1", null, "1", "").Encode(), [], "kept"u8);
            batch.Seal();
            // The position of the first batch; the second is far behind it.
            old.Execute("INSERT INTO batches VALUES (10, 0, 7, 1, 5, 5, $bytes), (9000, 0, 8, 1, 5, 5, $bytes)", ("$bytes", batch.Bytes.ToArray()));
            old.Execute("INSERT INTO positions VALUES (0, 7, 10)");
        }
        using var store = SqliteRecordStore.Open(folder.File("messages.db"), 4);
        store.ExtentOf(0).ShouldBe(new PartitionExtent(7, 9, DateTimeOffset.FromUnixTimeMilliseconds(5)));
        store.ExtentOf(1).ShouldBe(new PartitionExtent(3, 3, null));
        (await store.ReadAsync(0, 0, 10, CancellationToken.None)).Select(r => r.Offset).ShouldBe([7, 8]);
    }

    private static void ShouldFail(Action append) => Should.Throw<SqliteException>(append);

    private sealed class SqliteFixture : RecordStoreFixture
    {
        private readonly TempFolder _folder = new();
        private SqliteRecordStore _store;

        public SqliteFixture() => _store = SqliteRecordStore.Open(_folder.File("messages.db"), Partitions);

        public override IRecordStore Store => _store;

        public override Task ReopenAsync(int partitions)
        {
            _store.Dispose();
            _store = SqliteRecordStore.Open(_folder.File("messages.db"), partitions);
            return Task.CompletedTask;
        }

        public override long SizeOnDisk => new DirectoryInfo(Path.GetDirectoryName(_folder.File("x"))!).EnumerateFiles().Where(f => !f.Name.Contains("db-", StringComparison.Ordinal)).Sum(f => f.Length);

        public override Task DamageAsync(byte[] from, byte[] to)
        {
            using var connection = Connect();
            var rows = connection.Query("SELECT partition, base_offset, bytes FROM batches", r => (r.GetInt32(0), r.GetInt64(1), r.GetFieldValue<byte[]>(2)));
            var (partition, offset, bytes) = rows.Single(row => row.Item3.AsSpan().IndexOf(from) >= 0);
            to.CopyTo(bytes, bytes.AsSpan().IndexOf(from));
            connection.Execute("UPDATE batches SET bytes=$bytes WHERE partition=$partition AND base_offset=$offset", ("$bytes", bytes), ("$partition", partition), ("$offset", offset)).ShouldBe(1);
            return Task.CompletedTask;
        }

        public SqliteConnection Connect()
        {
            var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = _folder.File("messages.db"), Pooling = false }.ToString());
            connection.Open();
            return connection;
        }

        /// <summary>The files as they are on the disk now: what a killed process leaves.</summary>
        public TempFolder CopyOfFiles()
        {
            var copy = new TempFolder();
            foreach (var (name, bytes) in _folder.Contents().Where(f => !f.Name.EndsWith("-shm", StringComparison.Ordinal)))
                File.WriteAllBytes(copy.File(name), bytes);
            return copy;
        }

        public override ValueTask DisposeAsync()
        {
            _store.Dispose();
            SqliteConnection.ClearAllPools();
            _folder.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
