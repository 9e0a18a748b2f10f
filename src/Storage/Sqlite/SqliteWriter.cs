using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>
/// The one writing connection with group commit: one thread runs all works that came in while the transaction before was on its way
/// to the disk, in the order in which they came, in one transaction. A work that throws takes back its own writes only.
/// </summary>
internal sealed class SqliteWriter : IDisposable
{
    /// <summary>Works in one transaction at most, so that the first one does not wait for ever.</summary>
    private const int MaxBatch = 1000;

    private readonly SqliteConnection _connection;
    private readonly Lock _lock = new();
    private readonly Queue<Work> _waiting = new();
    private readonly AutoResetEvent _signal = new(initialState: false);
    private readonly Thread _thread;
    private bool _stopped;

    public SqliteWriter(SqliteConnection connection)
    {
        _connection = connection;
        _connection.KeepCommands();
        _thread = new Thread(Run) { Name = "registry commit", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Runs a work. When the task completes, its writes are durable; when it fails, nothing of it was written.</summary>
    /// <param name="work">Reads and writes; sees the works before it.</param>
    /// <param name="committed">
    /// Called by the writing thread once it is durable, in the order of the works and before the task completes: must only post
    /// and return.
    /// </param>
    /// <param name="token">Keeps a work that waits from being run.</param>
    public Task<T> RunAsync<T>(Func<SqliteConnection, T> work, Action<T>? committed, CancellationToken token)
    {
        var entry = new Work<T>(work, committed, token);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            _waiting.Enqueue(entry);
        }
        _signal.Set();
        return entry.Task;
    }

    /// <summary>Ends the thread when all that waits is written.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_stopped)
                return;
            _stopped = true;
        }
        _signal.Set();
        _thread.Join();
        _signal.Dispose();
        _connection.Dispose();
    }

    private void Run()
    {
        var batch = new List<Work>();
        while (true)
        {
            Take(batch);
            if (batch.Count > 0)
            {
                Commit(batch);
                batch.Clear();
                continue;
            }
            lock (_lock)
            {
                if (_stopped && _waiting.Count == 0)
                    return;
            }
            _signal.WaitOne();
        }
    }

    private void Take(List<Work> batch)
    {
        lock (_lock)
        {
            while (batch.Count < MaxBatch && _waiting.TryDequeue(out var work))
            {
                if (!work.IsCancelled())
                    batch.Add(work);
            }
        }
    }

    private void Commit(List<Work> batch)
    {
        try
        {
            _connection.Execute("BEGIN IMMEDIATE");
            foreach (var work in batch)
                RunOne(work, alone: batch.Count == 1);
            _connection.Execute("COMMIT");
        }
        catch (Exception e)
        {
            // The disk refused, or the only work threw: nothing of the batch is there, and every caller learns it.
            RollBack();
            foreach (var work in batch)
                work.Fail(e);
            return;
        }
        foreach (var work in batch)
            work.OnCommitted();
        foreach (var work in batch)
            work.Complete();
    }

    private void RunOne(Work work, bool alone)
    {
        if (alone)
        {
            work.Run(_connection);
            return;
        }
        _connection.Execute("SAVEPOINT work");
        try
        {
            work.Run(_connection);
        }
        catch (Exception e)
        {
            _connection.Execute("ROLLBACK TO work");
            work.Fail(e);
        }
        _connection.Execute("RELEASE work");
    }

    private void RollBack()
    {
        // SQLite may have rolled back by itself, for example on a full disk.
        if (SQLitePCL.raw.sqlite3_get_autocommit(_connection.Handle) == 0)
            _connection.Execute("ROLLBACK");
    }

    private abstract class Work
    {
        public abstract bool IsCancelled();

        public abstract void Run(SqliteConnection connection);

        public abstract void Fail(Exception e);

        public abstract void OnCommitted();

        public abstract void Complete();
    }

    private sealed class Work<T>(Func<SqliteConnection, T> work, Action<T>? committed, CancellationToken token) : Work
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? _result;
        private bool _failed;

        public Task<T> Task => _done.Task;

        public override bool IsCancelled() => token.IsCancellationRequested && _done.TrySetCanceled(token);

        public override void Run(SqliteConnection connection) => _result = work(connection);

        public override void Fail(Exception e)
        {
            _failed = true;
            _done.TrySetException(e);
        }

        public override void OnCommitted()
        {
            if (_failed || committed is null)
                return;
            try
            {
                committed(_result!);
            }
            catch (Exception e)
            {
                // It is written; the caller gets the fault of its own notification, and the thread goes on for the others.
                _done.TrySetException(e);
            }
        }

        public override void Complete()
        {
            if (!_failed)
                _done.TrySetResult(_result!);
        }
    }
}
