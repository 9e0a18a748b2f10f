using Homeport.Log;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Homeport.Storage.Sqlite;

/// <summary>
/// The record batches of one hub in a SQLite file of their own: one row per group commit and partition. The appending path
/// uses prepared statements without ADO.NET, so that a commit allocates nothing per batch.
/// </summary>
/// <remarks>
/// Rows are in the order of their commits, so that a commit writes at one place of the file: an index on partitions and offsets
/// would have it rewrite pages all over. Table <c>positions</c> knows every <see cref="PositionEvery"/>th batch of a partition; a reader goes
/// on from there.
/// </remarks>
public sealed class SqliteRecordStore : IRecordStore, IDisposable
{
    /// <summary>Rows that one call of <see cref="DropBefore"/> deletes at most, so that senders never wait long.</summary>
    private const int DropAtOnce = 256;

    /// <summary>Batches of a partition from one known position to the next.</summary>
    private const int PositionEvery = 64;

    private readonly string _connectionString;
    private readonly SqliteConnection _writer;
    private readonly JournalCheckpoint _checkpoint;
    private readonly sqlite3_stmt _begin;
    private readonly sqlite3_stmt _insert;
    private readonly sqlite3_stmt _position;
    private readonly sqlite3_stmt _commit;
    private readonly sqlite3_stmt _rollback;
    private readonly long[] _nextOffsets;
    private readonly int[] _sincePosition;

    private SqliteRecordStore(string connectionString, SqliteConnection writer, int partitionCount)
    {
        _connectionString = connectionString;
        _writer = writer;
        _checkpoint = new JournalCheckpoint(connectionString);
        _begin = Prepare("BEGIN IMMEDIATE");
        _insert = Prepare("INSERT INTO batches (partition, base_offset, count, first_time, last_time, bytes) VALUES (?,?,?,?,?,?)");
        _position = Prepare("INSERT INTO positions (partition, base_offset, batch) VALUES (?,?,last_insert_rowid())");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
        _nextOffsets = new long[partitionCount];
        _sincePosition = new int[partitionCount];
        foreach (var (partition, next) in writer.Query("SELECT partition, next_offset FROM partitions", r => (r.GetInt32(0), r.GetInt64(1))))
            _nextOffsets[partition] = next;
        for (var partition = 0; partition < partitionCount; partition++)
        {
            // The last position of the partition is at most PositionEvery of its batches from its end.
            var end = writer.Query(
                "SELECT coalesce(max(base_offset + count), 0) FROM batches WHERE id>=$start AND partition=$partition",
                r => r.GetInt64(0), ("$start", Position(writer, partition, long.MaxValue)), ("$partition", partition))[0];
            _nextOffsets[partition] = Math.Max(_nextOffsets[partition], end);
        }
    }

    /// <inheritdoc/>
    public int PartitionCount => _nextOffsets.Length;

    /// <summary>Opens or makes the file.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="partitionCount">Partitions of a new hub; a file that exists keeps its number.</param>
    public static SqliteRecordStore Open(string file, int partitionCount)
    {
        var connectionString = new SqliteConnectionStringBuilder { DataSource = file, Pooling = true }.ToString();
        var writer = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        writer.Open();
        // Large pages suit large blobs.
        writer.Execute("PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA busy_timeout=5000;");
        writer.Execute("""
            CREATE TABLE IF NOT EXISTS partitions (partition INTEGER NOT NULL PRIMARY KEY, next_offset INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS batches (
                id          INTEGER NOT NULL PRIMARY KEY,
                partition   INTEGER NOT NULL,
                base_offset INTEGER NOT NULL,
                count       INTEGER NOT NULL,
                first_time  INTEGER NOT NULL,
                last_time   INTEGER NOT NULL,
                bytes       BLOB    NOT NULL
            );
            CREATE TABLE IF NOT EXISTS positions (
                partition   INTEGER NOT NULL,
                base_offset INTEGER NOT NULL,
                batch       INTEGER NOT NULL,
                PRIMARY KEY (partition, base_offset)
            ) WITHOUT ROWID;
            """);
        if (writer.Query("SELECT count(*) FROM partitions", r => r.GetInt32(0))[0] == 0)
        {
            // All at once: a number of partitions that a crash cut short would stay for ever.
            using var transaction = writer.BeginTransaction();
            for (var i = 0; i < partitionCount; i++)
                writer.Execute("INSERT INTO partitions (partition, next_offset) VALUES ($partition, 0)", ("$partition", i));
            transaction.Commit();
        }
        var count = writer.Query("SELECT count(*) FROM partitions", r => r.GetInt32(0))[0];
        return new SqliteRecordStore(connectionString, writer, count);
    }

    /// <inheritdoc/>
    public long NextOffset(int partition) => Volatile.Read(ref _nextOffsets[partition]);

    /// <inheritdoc/>
    public void Append(IReadOnlyList<RecordBatch> batches)
    {
        _checkpoint.FinishIfDue(_writer);
        Step(_begin);
        try
        {
            for (var partition = 0; partition < batches.Count; partition++)
            {
                if (batches[partition].Count > 0)
                    Insert(partition, batches[partition]);
            }
            Step(_commit);
        }
        catch
        {
            raw.sqlite3_step(_rollback);
            raw.sqlite3_reset(_rollback);
            throw;
        }
        for (var partition = 0; partition < batches.Count; partition++)
            Volatile.Write(ref _nextOffsets[partition], _nextOffsets[partition] + batches[partition].Count);
        _checkpoint.OnCommitted(batches.Sum(b => b.Count == 0 ? 0 : b.Length));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Record>> ReadAsync(int partition, long offset, int max, CancellationToken token)
        // Nothing at or behind the end is the usual case of a reader that waits.
        => Task.FromResult<IReadOnlyList<Record>>(offset >= NextOffset(partition) ? [] : Read(partition, offset, max, token));

    /// <inheritdoc/>
    public bool DropBefore(DateTimeOffset time)
    {
        // Rows are in the order of time: the oldest come first.
        var oldest = _writer.Query("SELECT id, last_time FROM batches ORDER BY id LIMIT $max", r => (Id: r.GetInt64(0), LastTime: r.GetInt64(1)), ("$max", DropAtOnce));
        var old = oldest.TakeWhile(row => row.LastTime < time.ToUnixTimeMilliseconds()).ToList();
        if (old.Count == 0)
            return false;
        using var transaction = _writer.BeginTransaction();
        // The next offset outlives the records: an empty partition goes on counting.
        for (var partition = 0; partition < _nextOffsets.Length; partition++)
            _writer.Execute("UPDATE partitions SET next_offset=$next WHERE partition=$partition", ("$next", _nextOffsets[partition]), ("$partition", partition));
        _writer.Execute("DELETE FROM batches WHERE id<=$last", ("$last", old[^1].Id));
        _writer.Execute("DELETE FROM positions WHERE batch<=$last", ("$last", old[^1].Id));
        transaction.Commit();
        return old.Count == DropAtOnce;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _checkpoint.Dispose();
        foreach (var statement in (sqlite3_stmt[])[_begin, _insert, _position, _commit, _rollback])
            statement.Dispose();
        _writer.Dispose();
    }

    /// <summary>A batch at or before the one with the offset: there the search starts.</summary>
    private static long Position(SqliteConnection connection, int partition, long offset) => connection.Query(
        "SELECT coalesce(max(batch), 0) FROM (SELECT batch FROM positions WHERE partition=$partition AND base_offset<=$offset ORDER BY base_offset DESC LIMIT 1)",
        r => r.GetInt64(0), ("$partition", partition), ("$offset", offset))[0];

    private List<Record> Read(int partition, long offset, int max, CancellationToken token)
    {
        var records = new List<Record>();
        using var connection = new SqliteConnection(_connectionString);
        connection.Open();
        var start = Position(connection, partition, offset);
        while (records.Count < max)
        {
            token.ThrowIfCancellationRequested();
            var batch = connection.QueryFirst(
                "SELECT id, base_offset, bytes FROM batches WHERE id>=$start AND partition=$partition AND base_offset+count>$offset ORDER BY id LIMIT 1",
                r => new StoredBatch(r.GetInt64(0), r.GetInt64(1), r.GetFieldValue<byte[]>(2)), ("$start", start), ("$partition", partition), ("$offset", offset));
            if (batch is null)
                break;
            records.AddRange(RecordBatch.Read(batch.Bytes, batch.BaseOffset).Where(r => r.Offset >= offset).Take(max - records.Count));
            start = batch.Id + 1;
        }
        return records;
    }

    private void Insert(int partition, RecordBatch batch)
    {
        raw.sqlite3_bind_int(_insert, 1, partition);
        raw.sqlite3_bind_int64(_insert, 2, _nextOffsets[partition]);
        raw.sqlite3_bind_int(_insert, 3, batch.Count);
        raw.sqlite3_bind_int64(_insert, 4, batch.FirstTime);
        raw.sqlite3_bind_int64(_insert, 5, batch.LastTime);
        raw.sqlite3_bind_blob(_insert, 6, batch.Bytes);
        try
        {
            Step(_insert);
        }
        finally
        {
            raw.sqlite3_clear_bindings(_insert);
        }
        if (_sincePosition[partition]++ % PositionEvery != 0)
            return;
        raw.sqlite3_bind_int(_position, 1, partition);
        raw.sqlite3_bind_int64(_position, 2, _nextOffsets[partition]);
        Step(_position);
    }

    private sqlite3_stmt Prepare(string sql)
    {
        var code = raw.sqlite3_prepare_v2(_writer.Handle, sql, out var statement);
        SqliteException.ThrowExceptionForRC(code, _writer.Handle);
        return statement;
    }

    private void Step(sqlite3_stmt statement)
    {
        var code = raw.sqlite3_step(statement);
        var reset = raw.sqlite3_reset(statement);
        SqliteException.ThrowExceptionForRC(code == raw.SQLITE_DONE ? reset : code, _writer.Handle);
    }

    private sealed record StoredBatch(long Id, long BaseOffset, byte[] Bytes);
}
