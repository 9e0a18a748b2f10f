using Homeport.Log;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Homeport.Storage.Sqlite;

/// <summary>
/// The record batches of one hub in a SQLite file of their own: one row per group commit and partition. The appending path
/// uses prepared statements without ADO.NET, so that a commit allocates nothing per batch.
/// </summary>
public sealed class SqliteRecordStore : IRecordStore, IDisposable
{
    /// <summary>Rows that one call of <see cref="DropBefore"/> deletes at most, so that senders never wait long.</summary>
    private const int DropAtOnce = 256;

    private readonly string _connectionString;
    private readonly SqliteConnection _writer;
    private readonly sqlite3_stmt _begin;
    private readonly sqlite3_stmt _insert;
    private readonly sqlite3_stmt _commit;
    private readonly sqlite3_stmt _rollback;
    private readonly long[] _nextOffsets;

    private SqliteRecordStore(string connectionString, SqliteConnection writer, int partitionCount)
    {
        _connectionString = connectionString;
        _writer = writer;
        _begin = Prepare("BEGIN IMMEDIATE");
        _insert = Prepare("INSERT INTO batches (partition, base_offset, count, first_time, last_time, bytes) VALUES (?,?,?,?,?,?)");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
        _nextOffsets = new long[partitionCount];
        foreach (var (partition, next) in writer.Query("SELECT partition, next_offset FROM partitions", r => (r.GetInt32(0), r.GetInt64(1))))
            _nextOffsets[partition] = next;
        foreach (var (partition, next) in writer.Query("SELECT partition, max(base_offset + count) FROM batches GROUP BY partition", r => (r.GetInt32(0), r.GetInt64(1))))
            _nextOffsets[partition] = Math.Max(_nextOffsets[partition], next);
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
        // Large pages suit large blobs. The checkpoint is late enough not to run at every commit, early enough to keep the journal small.
        writer.Execute("PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2048; PRAGMA busy_timeout=5000;");
        writer.Execute("""
            CREATE TABLE IF NOT EXISTS partitions (partition INTEGER NOT NULL PRIMARY KEY, next_offset INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS batches (
                partition   INTEGER NOT NULL,
                base_offset INTEGER NOT NULL,
                count       INTEGER NOT NULL,
                first_time  INTEGER NOT NULL,
                last_time   INTEGER NOT NULL,
                bytes       BLOB    NOT NULL,
                PRIMARY KEY (partition, base_offset)
            );
            CREATE INDEX IF NOT EXISTS batches_by_time ON batches (last_time);
            """);
        for (var i = 0; writer.Query("SELECT count(*) FROM partitions", r => r.GetInt32(0))[0] == i && i < partitionCount; i++)
            writer.Execute("INSERT INTO partitions (partition, next_offset) VALUES ($partition, 0)", ("$partition", i));
        var count = writer.Query("SELECT count(*) FROM partitions", r => r.GetInt32(0))[0];
        return new SqliteRecordStore(connectionString, writer, count);
    }

    /// <inheritdoc/>
    public long NextOffset(int partition) => Volatile.Read(ref _nextOffsets[partition]);

    /// <inheritdoc/>
    public void Append(IReadOnlyList<RecordBatch> batches)
    {
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
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Record>> ReadAsync(int partition, long offset, int max, CancellationToken token)
        // Nothing at or behind the end is the usual case of a reader that waits.
        => Task.FromResult<IReadOnlyList<Record>>(offset >= NextOffset(partition) ? [] : Read(partition, offset, max, token));

    /// <inheritdoc/>
    public bool DropBefore(DateTimeOffset time)
    {
        if (_writer.Query("SELECT 1 FROM batches WHERE last_time<$time LIMIT 1", r => r.GetInt32(0), ("$time", time)).Count == 0)
            return false;
        using var transaction = _writer.BeginTransaction();
        // The next offset outlives the records: an empty partition goes on counting.
        for (var partition = 0; partition < _nextOffsets.Length; partition++)
            _writer.Execute("UPDATE partitions SET next_offset=$next WHERE partition=$partition", ("$next", _nextOffsets[partition]), ("$partition", partition));
        var dropped = _writer.Execute(
            "DELETE FROM batches WHERE rowid IN (SELECT rowid FROM batches WHERE last_time<$time ORDER BY last_time LIMIT $max)",
            ("$time", time), ("$max", DropAtOnce));
        transaction.Commit();
        return dropped == DropAtOnce;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var statement in (sqlite3_stmt[])[_begin, _insert, _commit, _rollback])
            statement.Dispose();
        _writer.Dispose();
    }

    private List<Record> Read(int partition, long offset, int max, CancellationToken token)
    {
        var records = new List<Record>();
        using var connection = new SqliteConnection(_connectionString);
        connection.Open();
        var start = connection.Query(
            "SELECT coalesce(max(base_offset), 0) FROM batches WHERE partition=$partition AND base_offset<=$offset",
            r => r.GetInt64(0), ("$partition", partition), ("$offset", offset))[0];
        while (records.Count < max)
        {
            token.ThrowIfCancellationRequested();
            var batch = connection.QueryFirst(
                "SELECT base_offset, count, bytes FROM batches WHERE partition=$partition AND base_offset>=$start ORDER BY base_offset LIMIT 1",
                r => new StoredBatch(r.GetInt64(0), r.GetInt32(1), r.GetFieldValue<byte[]>(2)), ("$partition", partition), ("$start", start));
            if (batch is null)
                break;
            records.AddRange(RecordBatch.Read(batch.Bytes, batch.BaseOffset).Where(r => r.Offset >= offset).Take(max - records.Count));
            start = batch.BaseOffset + batch.Count;
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

    private sealed record StoredBatch(long BaseOffset, int Count, byte[] Bytes);
}
