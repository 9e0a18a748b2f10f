using Homeport.Hub.Files;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Records for the service side of one hub in SQLite.</summary>
public sealed class SqliteNotificationQueue(SqliteDatabase database, string hub, string queue, NotificationRules rules) : INotificationQueue
{
    private const string Free = "hub=$hub AND queue=$queue AND enqueued>$oldest AND deliveries<$max AND (locked_until IS NULL OR locked_until<=$now)";

    /// <inheritdoc/>
    public Task AddAsync(Notification notification, CancellationToken token) => database.WriteAsync(c =>
    {
        Drop(c, notification.EnqueuedTime);
        // Waiting records only: the oldest ones give way.
        c.Execute(
            """
            DELETE FROM notifications WHERE hub=$hub AND queue=$queue AND sequence <=
                (SELECT sequence FROM notifications WHERE hub=$hub AND queue=$queue ORDER BY sequence DESC LIMIT 1 OFFSET $keep)
            """, ("$hub", hub), ("$queue", queue), ("$keep", rules.Capacity - 1));
        return c.Execute(
            """
            INSERT INTO notifications (hub, queue, id, body, enqueued, deliveries) VALUES ($hub, $queue, $id, $body, $enqueued, 0)
            ON CONFLICT DO NOTHING
            """, ("$hub", hub), ("$queue", queue), ("$id", notification.Id), ("$body", notification.Body), ("$enqueued", notification.EnqueuedTime));
    }, token);

    /// <inheritdoc/>
    public async Task<LockedNotification?> LockAsync(DateTimeOffset now, CancellationToken token)
    {
        // An empty queue is asked again and again: that must not write.
        if (database.Read(c => FindFree(c, now)) is null)
            return null;
        return await database.WriteAsync(c =>
        {
            Drop(c, now);
            if (FindFree(c, now) is not { } found)
                return null;
            var locked = found with { LockToken = Guid.NewGuid().ToString() };
            c.Execute("UPDATE notifications SET lock_token=$lock, locked_until=$until, deliveries=deliveries+1 WHERE sequence=$sequence",
                ("$lock", locked.LockToken), ("$until", now + rules.Lock), ("$sequence", locked.SequenceNumber));
            return locked;
        }, token);
    }

    /// <inheritdoc/>
    public Task<bool> CompleteAsync(string lockToken, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM notifications WHERE hub=$hub AND queue=$queue AND lock_token=$lock AND locked_until>$now",
        ("$hub", hub), ("$queue", queue), ("$lock", lockToken), ("$now", now)) == 1, token);

    /// <inheritdoc/>
    public Task<bool> AbandonAsync(string lockToken, DateTimeOffset now, CancellationToken token) => database.WriteAsync(c =>
    {
        var abandoned = c.Execute(
            "UPDATE notifications SET lock_token=NULL, locked_until=NULL WHERE hub=$hub AND queue=$queue AND lock_token=$lock AND locked_until>$now",
            ("$hub", hub), ("$queue", queue), ("$lock", lockToken), ("$now", now)) == 1;
        Drop(c, now);
        return abandoned;
    }, token);

    /// <summary>Records that are too old, or were given too often and are given to nobody now.</summary>
    private void Drop(SqliteConnection connection, DateTimeOffset now) => connection.Execute(
        """
        DELETE FROM notifications WHERE hub=$hub AND queue=$queue
            AND (enqueued<=$oldest OR (deliveries>=$max AND (locked_until IS NULL OR locked_until<=$now)))
        """, ("$hub", hub), ("$queue", queue), ("$oldest", now - rules.Life), ("$max", rules.MaxDeliveries), ("$now", now));

    private LockedNotification? FindFree(SqliteConnection connection, DateTimeOffset now) => connection.QueryFirst(
        $"SELECT id, body, enqueued, sequence, deliveries FROM notifications WHERE {Free} ORDER BY sequence LIMIT 1",
        r => new LockedNotification("", new Notification(r.GetString(0), r.GetFieldValue<byte[]>(1), r.TimeOrNull(2)!.Value), r.GetInt64(3), r.GetInt32(4)),
        ("$hub", hub), ("$queue", queue), ("$oldest", now - rules.Life), ("$max", rules.MaxDeliveries), ("$now", now));
}
