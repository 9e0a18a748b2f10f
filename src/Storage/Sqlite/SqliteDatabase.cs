using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Homeport.Storage.Sqlite;

/// <summary>
/// The SQLite file of all that is not a message. One thread writes, in group commits that are on the disk when a write returns; any
/// number of readers see the last one.
/// </summary>
public sealed class SqliteDatabase : IDisposable
{
    private readonly string _connectionString;
    private readonly SqliteWriter _writer;
    private readonly ConcurrentBag<SqliteConnection> _readers = [];

    private SqliteDatabase(string file)
    {
        _connectionString = new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString();
        var writer = Connect();
        Migrations.Apply(writer);
        _writer = new SqliteWriter(writer);
    }

    /// <summary>Opens or makes the file and brings its schema up to date.</summary>
    public static SqliteDatabase Open(string file) => new(file);

    /// <summary>Reads. The query runs on the calling thread: SQLite reads from memory or a local file.</summary>
    public T Read<T>(Func<SqliteConnection, T> query)
    {
        if (!_readers.TryTake(out var connection))
        {
            connection = Connect();
            connection.KeepCommands();
        }
        try
        {
            return query(connection);
        }
        finally
        {
            _readers.Add(connection);
        }
    }

    /// <summary>
    /// Writes, together with what others write at this time. When the task completes, it is durable; when it fails, nothing was written.
    /// </summary>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> work, CancellationToken token) => _writer.RunAsync(work, null, token);

    /// <summary>Writes, and calls back in the order of the writes once it is durable, before the task completes: for what must only be posted on.</summary>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> work, Action<T> committed, CancellationToken token) => _writer.RunAsync(work, committed, token);

    /// <inheritdoc/>
    public void Dispose()
    {
        _writer.Dispose();
        foreach (var reader in _readers)
            reader.Dispose();
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        connection.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON;");
        // Without this, a query is compiled anew for each new value of its LIMIT, which takes longer than running it.
        raw.sqlite3_db_config(connection.Handle, raw.SQLITE_DBCONFIG_ENABLE_QPSG, 1, out _);
        return connection;
    }
}
