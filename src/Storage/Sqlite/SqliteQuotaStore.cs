using Homeport.Hub.Limits;

namespace Homeport.Storage.Sqlite;

/// <summary>The count of a day of one hub in SQLite.</summary>
public sealed class SqliteQuotaStore(SqliteDatabase database, string hub) : IQuotaStore
{
    /// <inheritdoc/>
    public DayCount? Read()
        => database.Read(c => c.Query("SELECT day, used FROM day_quota WHERE hub=$hub", r => (DayCount?)new DayCount(r.GetInt64(0), r.GetInt64(1)), ("$hub", hub))).FirstOrDefault();

    /// <inheritdoc/>
    public Task SaveAsync(DayCount count, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "INSERT INTO day_quota (hub, day, used) VALUES ($hub, $day, $used) ON CONFLICT (hub) DO UPDATE SET day=excluded.day, used=excluded.used",
        ("$hub", hub), ("$day", count.Day), ("$used", count.Used)), token);
}
