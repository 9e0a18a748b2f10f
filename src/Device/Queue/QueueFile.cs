using System.Globalization;
using Homeport.Device.Hub;
using Microsoft.Data.Sqlite;

namespace Homeport.Device.Queue;

/// <summary>A message with its number; numbers grow and are never used again.</summary>
internal readonly record struct QueuedMessage(long Number, OutgoingMessage Message);

/// <summary>The SQLite file of a queue: one connection that writes, for one thread, and one that reads.</summary>
internal sealed class QueueFile : IDisposable
{
    private const int SchemaVersion = 1;

    private readonly FileStream _lock;
    private readonly SqliteConnection _writer;
    private readonly SqliteConnection _reader;
    private readonly SqliteCommand _insert;
    private readonly SqliteCommand _save;
    private readonly SqliteCommand _page;

    private QueueFile(FileStream fileLock, SqliteConnection writer, SqliteConnection reader)
    {
        _lock = fileLock;
        _writer = writer;
        _reader = reader;
        _insert = Prepare(writer, "INSERT INTO message(number, accepted, size, bag, body) VALUES($1, $2, $3, $4, $5)", 5);
        _save = Prepare(writer, "UPDATE state SET next=$1, messages=$2, bytes=$3, dropped=$4, clock=$5, wall=$6", 6);
        _page = Prepare(reader, "SELECT number, bag, body FROM message WHERE number > $1 ORDER BY number", 1);
        using var command = writer.CreateCommand();
        command.CommandText = "SELECT next, messages, bytes, dropped, clock, wall, id FROM state";
        using var row = command.ExecuteReader();
        row.Read();
        State = new QueueState(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5));
        Id = row.GetString(6);
    }

    /// <summary>As it was when the file was opened.</summary>
    public QueueState State { get; }

    /// <summary>Tells this queue from any other.</summary>
    public string Id { get; }

    /// <summary>Opens or makes the file.</summary>
    /// <exception cref="QueueException">It is in use, damaged, or cannot be written.</exception>
    public static QueueFile Open(string path, int? maxPages = null)
    {
        var full = Path.GetFullPath(path);
        FileStream? fileLock = null;
        SqliteConnection? writer = null;
        try
        {
            MakeDirectory(Path.GetDirectoryName(full)!);
            fileLock = Lock(full);
            writer = Connect(full);
            Execute(writer, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-4096;");
            MakeSchema(writer, full);
            if (maxPages is { } pages)
                Execute(writer, $"PRAGMA max_page_count={pages}");
            return new QueueFile(fileLock, writer, Connect(full));
        }
        catch (Exception e)
        {
            writer?.Dispose();
            fileLock?.Dispose();
            throw e switch
            {
                QueueException => e,
                SqliteException sqlite => Explain(sqlite, full),
                IOException or UnauthorizedAccessException => new QueueException(QueueFailure.Disk, $"The queue '{full}' cannot be opened: {e.Message}", e),
                _ => e,
            };
        }
    }

    /// <summary>One commit: when this returns it is on the disk, when it throws nothing has changed.</summary>
    public void Commit(Action work)
    {
        Execute(_writer, "BEGIN IMMEDIATE");
        try
        {
            work();
            Execute(_writer, "COMMIT");
        }
        catch
        {
            // SQLite ends a transaction itself when the disk is full.
            if (SQLitePCL.raw.sqlite3_get_autocommit(_writer.Handle) == 0)
                Execute(_writer, "ROLLBACK");
            throw;
        }
    }

    public void Insert(long number, long accepted, in OutgoingMessage message)
    {
        Bind(_insert, number, accepted, (long)message.Size);
        _insert.Parameters[3].Value = Bytes(message.Bag);
        _insert.Parameters[4].Value = Bytes(message.Body);
        _insert.ExecuteNonQuery();
    }

    public void Save(QueueState state)
    {
        Bind(_save, state.Next, state.Messages, state.Bytes, state.Dropped, state.Clock, state.Wall);
        _save.ExecuteNonQuery();
    }

    /// <summary>Removes what has this number or a smaller one; gives how much that was.</summary>
    public (long Messages, long Bytes) RemoveThrough(long number)
    {
        using var count = _writer.CreateCommand();
        count.CommandText = "SELECT count(*), ifnull(sum(size), 0) FROM message WHERE number <= $1";
        count.Parameters.AddWithValue("$1", number);
        (long Messages, long Bytes) removed;
        using (var row = count.ExecuteReader())
        {
            row.Read();
            removed = (row.GetInt64(0), row.GetInt64(1));
        }

        if (removed.Messages == 0)
            return removed;
        using var delete = _writer.CreateCommand();
        delete.CommandText = "DELETE FROM message WHERE number <= $1";
        delete.Parameters.AddWithValue("$1", number);
        delete.ExecuteNonQuery();
        return removed;
    }

    /// <summary>The last number, from the oldest on, with which enough bytes or messages are gone; 0 when there is none.</summary>
    public long OldestUntil(long messages, long bytes)
    {
        using var command = _writer.CreateCommand();
        command.CommandText = "SELECT number, size FROM message ORDER BY number";
        using var row = command.ExecuteReader();
        var number = 0L;
        while ((messages > 0 || bytes > 0) && row.Read())
        {
            number = row.GetInt64(0);
            messages--;
            bytes -= row.GetInt64(1);
        }

        return number;
    }

    /// <summary>The last number that was accepted before a time; 0 when there is none.</summary>
    public long AcceptedBefore(long clock)
    {
        using var command = _writer.CreateCommand();
        command.CommandText = "SELECT number, accepted FROM message ORDER BY number";
        using var row = command.ExecuteReader();
        var number = 0L;
        while (row.Read() && row.GetInt64(1) < clock)
            number = row.GetInt64(0);
        return number;
    }

    /// <summary>Gives pages that are free back to the file system; false when there is nothing to give.</summary>
    public bool Shrink()
    {
        using var command = _writer.CreateCommand();
        command.CommandText = "PRAGMA freelist_count";
        if ((long)command.ExecuteScalar()! == 0)
        {
            // Only a checkpoint makes the file smaller.
            Execute(_writer, "PRAGMA wal_checkpoint(TRUNCATE)");
            return false;
        }

        command.CommandText = "PRAGMA incremental_vacuum(4096)";
        using (var row = command.ExecuteReader())
        {
            while (row.Read())
            {
                // Each step frees one page.
            }
        }

        return true;
    }

    /// <summary>The next messages in order, at least one if there is one.</summary>
    public List<QueuedMessage> Read(long after, int maxMessages, long maxBytes)
    {
        var page = new List<QueuedMessage>();
        lock (_page)
        {
            Bind(_page, after);
            using var row = _page.ExecuteReader();
            while (page.Count < maxMessages && maxBytes > 0 && row.Read())
            {
                var message = new OutgoingMessage(row.GetFieldValue<byte[]>(1), row.GetFieldValue<byte[]>(2));
                page.Add(new QueuedMessage(row.GetInt64(0), message));
                maxBytes -= message.Size;
            }
        }

        return page;
    }

    /// <summary>When the oldest message was accepted; null when there is none.</summary>
    public long? OldestAccepted()
    {
        lock (_page)
        {
            using var command = _reader.CreateCommand();
            command.CommandText = "SELECT accepted FROM message ORDER BY number LIMIT 1";
            return (long?)command.ExecuteScalar();
        }
    }

    /// <summary>What a failure of SQLite means for the program.</summary>
    public static QueueException Explain(SqliteException e, string path) => e.SqliteErrorCode switch
    {
        11 or 26 => new QueueException(
            QueueFailure.Damaged, $"'{path}' is no queue, or it is damaged: {e.Message} Move the file away; what can be read of it stays there.", e),
        13 => new QueueException(QueueFailure.Disk, $"There is no room for the queue '{path}': free space on its disk. What was accepted before is safe.", e),
        _ => new QueueException(QueueFailure.Disk, $"The queue '{path}' cannot be written: {e.Message}", e),
    };

    public void Dispose()
    {
        _insert.Dispose();
        _save.Dispose();
        _page.Dispose();
        _reader.Dispose();
        _writer.Dispose();
        _lock.Dispose();
    }

    private static void MakeDirectory(string directory)
    {
        if (Directory.Exists(directory))
            return;
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(directory);
        else
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static FileStream Lock(string full)
    {
        try
        {
            // Ends with the process, however it ends.
            return new FileStream(full + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(full + ".lock"))
        {
            throw new QueueException(QueueFailure.InUse, $"Another program has the queue '{full}'. Give each its own file.", e);
        }
    }

    private static void MakeSchema(SqliteConnection connection, string full)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var version = (long)command.ExecuteScalar()!;
        if (version == SchemaVersion)
            return;
        if (version != 0)
            throw new QueueException(QueueFailure.Damaged, $"'{full}' has version {version}; this program knows {SchemaVersion}. Use the program that made it.");
        using var transaction = connection.BeginTransaction();
        command.Transaction = transaction;
        command.CommandText = $"""
            CREATE TABLE message(number INTEGER PRIMARY KEY, accepted INTEGER NOT NULL, size INTEGER NOT NULL, bag BLOB NOT NULL, body BLOB NOT NULL);
            CREATE TABLE state(next INTEGER NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL, dropped INTEGER NOT NULL,
                clock INTEGER NOT NULL, wall INTEGER NOT NULL, id TEXT NOT NULL);
            INSERT INTO state VALUES(1, 0, 0, 0, 0, 0, '{Guid.NewGuid().ToString("N")[..12]}');
            PRAGMA user_version={SchemaVersion.ToString(CultureInfo.InvariantCulture)};
            """;
        command.ExecuteNonQuery();
        transaction.Commit();
    }

    private static SqliteConnection Connect(string full)
    {
        var isNew = !File.Exists(full);
        if (isNew && !OperatingSystem.IsWindows())
            File.Open(full, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }).Dispose();
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = full, Pooling = false }.ToString());
        connection.Open();
        Execute(connection, "PRAGMA busy_timeout=5000");
        return connection;
    }

    private static void Execute(SqliteConnection connection, string text)
    {
        using var command = connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }

    private static SqliteCommand Prepare(SqliteConnection connection, string text, int parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = text;
        for (var i = 1; i <= parameters; i++)
            command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
        return command;
    }

    private static void Bind(SqliteCommand command, params ReadOnlySpan<long> values)
    {
        for (var i = 0; i < values.Length; i++)
            command.Parameters[i].Value = values[i];
    }

    private static byte[] Bytes(ReadOnlyMemory<byte> memory)
        => System.Runtime.InteropServices.MemoryMarshal.TryGetArray(memory, out var segment) && segment.Array is { } array && segment.Offset == 0 && segment.Count == array.Length
            ? array
            : memory.ToArray();
}

/// <summary>What the file says beside the messages.</summary>
internal sealed record QueueState(long Next, long Messages, long Bytes, long Dropped, long Clock, long Wall);
