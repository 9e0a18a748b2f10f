using System.Collections.Concurrent;
using Homeport.Log;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Homeport.Storage.Sqlite;

/// <summary>Connections that read records, each used by one reader at a time, with their statements prepared.</summary>
internal sealed class SqliteRecordReaders(string connectionString) : IDisposable
{
    private readonly ConcurrentBag<SqliteRecordReader> _free = [];

    public T Use<T>(Func<SqliteRecordReader, T> read)
    {
        if (!_free.TryTake(out var reader))
            reader = new SqliteRecordReader(connectionString);
        try
        {
            return read(reader);
        }
        finally
        {
            _free.Add(reader);
        }
    }

    public void Dispose()
    {
        while (_free.TryTake(out var reader))
            reader.Dispose();
    }
}

/// <summary>Reads batches without ADO.NET: records go from SQLite's memory into the page, with no array of the batch in between.</summary>
internal sealed class SqliteRecordReader : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly sqlite3_stmt _position;
    private readonly sqlite3_stmt _nextPosition;
    private readonly sqlite3_stmt _batches;
    private readonly sqlite3_stmt _time;
    private readonly sqlite3_stmt _byTime;

    public SqliteRecordReader(string connectionString)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder(connectionString) { Pooling = false, Mode = SqliteOpenMode.ReadWrite }.ToString());
        _connection.Open();
        _position = Prepare("SELECT batch FROM positions WHERE partition=? AND base_offset<=? ORDER BY base_offset DESC LIMIT 1");
        _nextPosition = Prepare("SELECT batch FROM positions WHERE partition=? AND batch>? ORDER BY base_offset LIMIT 1");
        _batches = Prepare("SELECT base_offset, bytes FROM batches WHERE id>=? AND id<? AND partition=? AND base_offset+count>? ORDER BY id");
        _time = Prepare("SELECT last_time FROM batches WHERE id=?");
        _byTime = Prepare("SELECT base_offset, bytes FROM batches WHERE id>=? AND id<? AND partition=? AND last_time>=? ORDER BY id LIMIT 1");
    }

    /// <summary>Reads records from an offset on, over as many batches as fit. Null when there are none.</summary>
    /// <exception cref="InvalidDataException">The first batch is damaged; a later one ends the page.</exception>
    public RecordPage? Read(int partition, long offset, int maxBytes)
    {
        var start = PositionOf(partition, offset);
        // Files of earlier versions have positions that are further apart.
        return Read(partition, offset, maxBytes, start, start + SqliteRecordStore.PositionRows) ?? Read(partition, offset, maxBytes, start, long.MaxValue);
    }

    private RecordPage? Read(int partition, long offset, int maxBytes, long start, long end)
    {
        raw.sqlite3_bind_int64(_batches, 1, start);
        raw.sqlite3_bind_int64(_batches, 2, end);
        raw.sqlite3_bind_int(_batches, 3, partition);
        raw.sqlite3_bind_int64(_batches, 4, offset);
        RecordPage? page = null;
        try
        {
            while ((page?.Length ?? 0) < maxBytes && Step(_batches))
            {
                var baseOffset = raw.sqlite3_column_int64(_batches, 0);
                var bytes = raw.sqlite3_column_blob(_batches, 1);
                var from = page is null ? Math.Max(offset, baseOffset) : baseOffset;
                page ??= RecordPage.Start(from, Math.Min(maxBytes, bytes.Length));
                if (!page.Fill(bytes, baseOffset, from, maxBytes))
                    break;
            }
            return page;
        }
        catch (InvalidDataException) when (page is { Length: > 0 })
        {
            // The reader comes to the damaged batch when it has these.
            return page;
        }
        catch
        {
            page?.Dispose();
            throw;
        }
        finally
        {
            raw.sqlite3_reset(_batches);
        }
    }

    /// <summary>Offset of the partition's first record that was enqueued at a time or later, null when there is none.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="extent">What it holds: records, at least one.</param>
    /// <param name="time">Unix milliseconds.</param>
    public long? Find(int partition, PartitionExtent extent, long time)
    {
        var (low, high) = (extent.First, extent.Next - 1);
        // By halves, to the last position that is before the time.
        while (low < high)
        {
            var middle = high - ((high - low) / 2);
            if (LastTimeOf(PositionOf(partition, middle)) < time)
                low = middle;
            else
                high = middle - 1;
        }
        var position = PositionOf(partition, low);
        if (FindIn(position, position + SqliteRecordStore.PositionRows, partition, time) is { } found)
            return found;
        // Between two positions are few rows: what is not there is where the next one points to.
        return NextPosition(partition, position) is { } next ? FindIn(next, long.MaxValue, partition, time) : null;
    }

    public void Dispose()
    {
        foreach (var statement in (sqlite3_stmt[])[_position, _nextPosition, _batches, _time, _byTime])
            statement.Dispose();
        _connection.Dispose();
    }

    private long? FindIn(long start, long end, int partition, long time)
    {
        raw.sqlite3_bind_int64(_byTime, 1, start);
        raw.sqlite3_bind_int64(_byTime, 2, end);
        raw.sqlite3_bind_int(_byTime, 3, partition);
        raw.sqlite3_bind_int64(_byTime, 4, time);
        try
        {
            if (!Step(_byTime))
                return null;
            using var page = RecordPage.Start(raw.sqlite3_column_int64(_byTime, 0), 0);
            page.Fill(raw.sqlite3_column_blob(_byTime, 1), page.NextOffset, page.NextOffset, int.MaxValue);
            while (page.TryRead(out var record))
            {
                if (record.EnqueuedTime >= time)
                    return record.Offset;
            }
            return page.NextOffset;
        }
        finally
        {
            raw.sqlite3_reset(_byTime);
        }
    }

    /// <summary>Enqueued time of a row's last record. Of a row that was dropped: as old as can be.</summary>
    private long LastTimeOf(long row)
    {
        raw.sqlite3_bind_int64(_time, 1, row);
        var time = Step(_time) ? raw.sqlite3_column_int64(_time, 0) : long.MinValue;
        raw.sqlite3_reset(_time);
        return time;
    }

    private long? NextPosition(int partition, long after)
    {
        raw.sqlite3_bind_int(_nextPosition, 1, partition);
        raw.sqlite3_bind_int64(_nextPosition, 2, after);
        long? row = Step(_nextPosition) ? raw.sqlite3_column_int64(_nextPosition, 0) : null;
        raw.sqlite3_reset(_nextPosition);
        return row;
    }

    /// <summary>A batch at or before the one with the offset: there the search starts.</summary>
    private long PositionOf(int partition, long offset)
    {
        raw.sqlite3_bind_int(_position, 1, partition);
        raw.sqlite3_bind_int64(_position, 2, offset);
        var row = Step(_position) ? raw.sqlite3_column_int64(_position, 0) : 0;
        raw.sqlite3_reset(_position);
        return row;
    }

    private bool Step(sqlite3_stmt statement)
    {
        var code = raw.sqlite3_step(statement);
        if (code == raw.SQLITE_ROW)
            return true;
        var reset = raw.sqlite3_reset(statement);
        SqliteException.ThrowExceptionForRC(code == raw.SQLITE_DONE ? reset : code, _connection.Handle);
        return false;
    }

    private sqlite3_stmt Prepare(string sql)
    {
        var code = raw.sqlite3_prepare_v2(_connection.Handle, sql, out var statement);
        SqliteException.ThrowExceptionForRC(code, _connection.Handle);
        return statement;
    }
}
