using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>
/// Moves what is in the write-ahead journal to the database file, beside the commits and not between them: a commit that had to
/// do it would hold every sender up for as long as the disk needs for tens of megabytes.
/// </summary>
/// <remarks>
/// Source: SQLite "Write-Ahead Logging", section 3. A passive checkpoint never blocks the writer. Once it has nearly caught up, the
/// writer is asked to finish, which lets the journal start again from its beginning; else it would grow for ever.
/// </remarks>
internal sealed class JournalCheckpoint : IDisposable
{
    /// <summary>Bytes of messages after which the journal is moved.</summary>
    private const long StartBytes = 32 * 1024 * 1024;

    /// <summary>Passive checkpoints in a row, each of what came during the one before.</summary>
    private const int Rounds = 4;

    /// <summary>Pages that may be left for the writer to finish: 4 MB.</summary>
    private const int FinishPages = 256;

    /// <summary>When a passive checkpoint does not catch up, the writer finishes all the same: 512 MB.</summary>
    private const int MaxPages = 32768;

    private readonly SqliteConnection _connection;
    private readonly AutoResetEvent _work = new(initialState: false);
    private readonly Thread _thread;
    private volatile bool _stopping;
    private volatile bool _finish;
    private long _bytes;

    public JournalCheckpoint(string connectionString)
    {
        _connection = new SqliteConnection(connectionString);
        _connection.Open();
        _connection.Execute("PRAGMA synchronous=FULL; PRAGMA busy_timeout=0;");
        _thread = new Thread(Run) { Name = "journal checkpoint", IsBackground = true, Priority = ThreadPriority.BelowNormal };
        _thread.Start();
    }

    /// <summary>Tells how many bytes a commit had. Called by the writer.</summary>
    public void OnCommitted(int bytes)
    {
        _bytes += bytes;
        if (_bytes < StartBytes)
            return;
        _bytes = 0;
        _work.Set();
    }

    /// <summary>Called by the writer between two transactions: finishes a checkpoint that has nearly caught up.</summary>
    public void FinishIfDue(SqliteConnection writer)
    {
        if (!_finish)
            return;
        _finish = false;
        // A reader may hold it off; then the next round tries again.
        writer.Execute("PRAGMA busy_timeout=0; PRAGMA wal_checkpoint(RESTART); PRAGMA busy_timeout=5000;");
    }

    public void Dispose()
    {
        _stopping = true;
        _work.Set();
        _thread.Join();
        _connection.Dispose();
        _work.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _work.WaitOne();
            if (_stopping)
                return;
            try
            {
                _finish = CatchUp();
            }
            catch (SqliteException)
            {
                // The disk: the writer meets the same fault and reports it, and then the journal is asked for again.
                _finish = true;
            }
        }
    }

    /// <summary>Moves the journal. True when the writer should finish.</summary>
    private bool CatchUp()
    {
        for (var round = 1; ; round++)
        {
            var (pages, moved) = _connection.Query("PRAGMA wal_checkpoint(PASSIVE)", r => (r.GetInt32(1), r.GetInt32(2)))[0];
            if (pages - moved < FinishPages)
                return true;
            if (round == Rounds || _stopping)
                return pages > MaxPages;
        }
    }
}
