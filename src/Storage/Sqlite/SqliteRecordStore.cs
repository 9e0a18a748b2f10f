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
/// would have it rewrite pages all over. Table <c>positions</c> knows some batches of each partition, so that no search starts more than
/// <see cref="PositionEvery"/> batches of it or <see cref="PositionRows"/> rows of others before its goal.
/// </remarks>
public sealed class SqliteRecordStore : IRecordStore, IDisposable
{
    /// <summary>Rows that one call of <see cref="DropBefore"/> deletes at most, so that senders never wait long.</summary>
    private const int DropAtOnce = 256;

    /// <summary>Batches of a partition from one known position to the next.</summary>
    private const int PositionEvery = 64;

    /// <summary>Rows from one known position of a partition to the next, for partitions with few records.</summary>
    internal const int PositionRows = 1024;

    private readonly SqliteConnection _writer;
    private readonly SqliteRecordReaders _readers;
    private readonly JournalCheckpoint _checkpoint;
    private readonly sqlite3_stmt _begin;
    private readonly sqlite3_stmt _insert;
    private readonly sqlite3_stmt _position;
    private readonly sqlite3_stmt _commit;
    private readonly sqlite3_stmt _rollback;
    private readonly PartitionExtent[] _extents;
    private readonly int[] _sincePosition;
    private readonly long[] _positionRow;

    private SqliteRecordStore(string connectionString, SqliteConnection writer, int partitionCount)
    {
        _writer = writer;
        _readers = new SqliteRecordReaders(connectionString);
        _checkpoint = new JournalCheckpoint(connectionString);
        _begin = Prepare("BEGIN IMMEDIATE");
        _insert = Prepare("INSERT INTO batches (partition, base_offset, count, first_time, last_time, bytes) VALUES (?,?,?,?,?,?)");
        _position = Prepare("INSERT INTO positions (partition, base_offset, batch) VALUES (?,?,last_insert_rowid())");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
        _extents = new PartitionExtent[partitionCount];
        _sincePosition = new int[partitionCount];
        _positionRow = new long[partitionCount];
        for (var partition = 0; partition < partitionCount; partition++)
            _extents[partition] = SqliteRecordSchema.ReadExtent(writer, partition);
    }

    /// <inheritdoc/>
    public int PartitionCount => _extents.Length;

    /// <summary>Opens or makes the file.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="partitionCount">Partitions of a new hub; a file that exists keeps its number.</param>
    public static SqliteRecordStore Open(string file, int partitionCount)
    {
        var connectionString = new SqliteConnectionStringBuilder { DataSource = file, Pooling = true }.ToString();
        var writer = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        writer.Open();
        // Large pages suit large blobs.
        writer.Execute("PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=134217728; PRAGMA busy_timeout=5000;");
        SqliteRecordSchema.Apply(writer, partitionCount);
        var count = writer.Query("SELECT count(*) FROM partitions", r => r.GetInt32(0))[0];
        return new SqliteRecordStore(connectionString, writer, count);
    }

    /// <inheritdoc/>
    public PartitionExtent ExtentOf(int partition) => Volatile.Read(ref _extents[partition]);

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
        {
            if (batches[partition].Count > 0)
                Grow(partition, batches[partition]);
        }
        _checkpoint.OnCommitted(batches.Sum(b => b.Count == 0 ? 0 : b.Length));
    }

    /// <inheritdoc/>
    public ValueTask<RecordPage?> ReadPageAsync(int partition, long offset, int maxBytes, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        var extent = ExtentOf(partition);
        // Nothing at or behind the end is the usual case of a reader that waits.
        return new(Math.Max(offset, extent.First) >= extent.Next ? null : _readers.Use(reader => reader.Read(partition, Math.Max(offset, extent.First), maxBytes)));
    }

    /// <inheritdoc/>
    public ValueTask<long> FindAsync(int partition, DateTimeOffset time, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        var extent = ExtentOf(partition);
        var wanted = time.ToUnixTimeMilliseconds();
        if (extent.IsEmpty || extent.LastTime!.Value.ToUnixTimeMilliseconds() < wanted)
            return new(extent.Next);
        return new(_readers.Use(reader => reader.Find(partition, extent, wanted)) ?? extent.Next);
    }

    /// <inheritdoc/>
    public bool DropBefore(DateTimeOffset time)
    {
        // Rows are in the order of time: the oldest come first.
        var old = Oldest().TakeWhile(row => row.LastTime < time.ToUnixTimeMilliseconds()).ToList();
        Drop(old);
        return old.Count == DropAtOnce;
    }

    /// <inheritdoc/>
    public bool DropAbove(long bytes)
    {
        var over = UsedBytes() - bytes;
        if (over <= 0)
            return false;
        var old = Oldest().TakeWhile(row => (over -= row.Length) + row.Length > 0).ToList();
        Drop(old);
        return old.Count == DropAtOnce;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _checkpoint.Dispose();
        _readers.Dispose();
        foreach (var statement in (sqlite3_stmt[])[_begin, _insert, _position, _commit, _rollback])
            statement.Dispose();
        _writer.Dispose();
    }

    private List<OldBatch> Oldest() => _writer.Query(
        "SELECT id, partition, base_offset+count, last_time, length(bytes) FROM batches ORDER BY id LIMIT $max",
        r => new OldBatch(r.GetInt64(0), r.GetInt32(1), r.GetInt64(2), r.GetInt64(3), r.GetInt64(4)), ("$max", DropAtOnce));

    /// <summary>Bytes of the file's pages that hold something. Free pages are used again before the file grows.</summary>
    private long UsedBytes()
    {
        long Pragma(string name) => _writer.Query($"PRAGMA {name}", r => r.GetInt64(0))[0];
        return (Pragma("page_count") - Pragma("freelist_count")) * Pragma("page_size");
    }

    private void Drop(IReadOnlyList<OldBatch> old)
    {
        if (old.Count == 0)
            return;
        var extents = (PartitionExtent[])_extents.Clone();
        foreach (var batch in old)
            extents[batch.Partition] = extents[batch.Partition] with { First = batch.End };
        using (var transaction = _writer.BeginTransaction())
        {
            for (var partition = 0; partition < extents.Length; partition++)
            {
                if (extents[partition] != _extents[partition])
                    SqliteRecordSchema.WriteExtent(_writer, partition, extents[partition]);
            }
            _writer.Execute("DELETE FROM batches WHERE id<=$last", ("$last", old[^1].Id));
            transaction.Commit();
        }
        for (var partition = 0; partition < extents.Length; partition++)
            Volatile.Write(ref _extents[partition], extents[partition]);
    }

    private void Grow(int partition, RecordBatch batch)
    {
        var extent = _extents[partition];
        Volatile.Write(ref _extents[partition], extent with { Next = extent.Next + batch.Count, LastTime = DateTimeOffset.FromUnixTimeMilliseconds(batch.LastTime) });
    }

    private void Insert(int partition, RecordBatch batch)
    {
        raw.sqlite3_bind_int(_insert, 1, partition);
        raw.sqlite3_bind_int64(_insert, 2, _extents[partition].Next);
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
        var row = raw.sqlite3_last_insert_rowid(_writer.Handle);
        if (_sincePosition[partition]++ % PositionEvery != 0 && row - _positionRow[partition] < PositionRows)
            return;
        _sincePosition[partition] = 1;
        _positionRow[partition] = row;
        raw.sqlite3_bind_int(_position, 1, partition);
        raw.sqlite3_bind_int64(_position, 2, _extents[partition].Next);
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

    private sealed record OldBatch(long Id, int Partition, long End, long LastTime, long Length);
}
