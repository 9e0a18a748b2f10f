using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>
/// The SQLite file of all that is not a message. One writer at a time, each write one transaction that is on the disk when it
/// returns; any number of readers, which see the last write.
/// </summary>
public sealed class SqliteDatabase : IDisposable
{
    private readonly string _connectionString;
    private readonly SqliteConnection _writer;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly ConcurrentBag<SqliteConnection> _readers = [];

    private SqliteDatabase(string file)
    {
        _connectionString = new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString();
        _writer = Connect();
    }

    /// <summary>Opens or makes the file and brings its schema up to date.</summary>
    public static SqliteDatabase Open(string file)
    {
        var database = new SqliteDatabase(file);
        Migrations.Apply(database._writer);
        return database;
    }

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

    /// <summary>Writes in one transaction. When the task completes, it is durable; when it fails, nothing was written.</summary>
    public async Task<T> WriteAsync<T>(Func<SqliteConnection, T> work, CancellationToken token)
    {
        await _writing.WaitAsync(token);
        try
        {
            return InTransaction(work);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var reader in _readers)
            reader.Dispose();
        _writer.Dispose();
        _writing.Dispose();
    }

    private T InTransaction<T>(Func<SqliteConnection, T> work)
    {
        using var transaction = _writer.BeginTransaction();
        var result = work(_writer);
        transaction.Commit();
        return result;
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        connection.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON;");
        return connection;
    }
}
