using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Hub.CloudToDevice;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Messages to the devices of one hub in SQLite. Needs the hub's identities in the same file.</summary>
public sealed class SqliteCloudToDeviceStore(SqliteDatabase database, string hub) : ICloudToDeviceStore
{
    private const string Row = "sequence, enqueued, expires, deliveries, ack, properties, body";

    /// <inheritdoc/>
    public Task<EnqueueResult> EnqueueAsync(NewMessage message, int maxDepth, Action<EnqueueResult> committed, CancellationToken token)
    {
        var body = message.Body.ToArray();
        return database.WriteAsync(c => Insert(c, message, body, maxDepth) ?? new EnqueueResult(WhyNot(c, message.Queue), 0), committed, token);
    }

    /// <inheritdoc/>
    public IReadOnlyList<QueuedMessage> Read(QueueAddress queue, long after, int max, DateTimeOffset now) => database.Read(c => c.Query(
        $"""
        SELECT {Row} FROM device_messages INDEXED BY device_messages_by_queue
        WHERE hub=$hub AND device_id=$device AND module_id=$module AND sequence>$after AND expires>$now ORDER BY sequence LIMIT $max
        """,
        ReadMessage, ("$hub", hub), ("$device", queue.DeviceId), ("$module", queue.ModuleId ?? ""), ("$after", after), ("$now", now), ("$max", max)));

    /// <inheritdoc/>
    public int Count(QueueAddress queue, DateTimeOffset now) => database.Read(c => c.Query(
        """
        SELECT count(*) FROM device_messages INDEXED BY device_messages_by_queue
        WHERE hub=$hub AND device_id=$device AND module_id=$module AND expires>$now
        """,
        r => r.GetInt32(0), ("$hub", hub), ("$device", queue.DeviceId), ("$module", queue.ModuleId ?? ""), ("$now", now)))[0];

    /// <inheritdoc/>
    public IReadOnlyList<ExpiredMessage> ReadExpired(DateTimeOffset now, ExpiredMessage? after, int max) => database.Read(c => c.Query(
        """
        SELECT device_id, module_id, sequence, expires FROM device_messages INDEXED BY device_messages_by_expiry
        WHERE hub=$hub AND expires<=$now AND (expires, sequence)>($afterExpires, $afterSequence) ORDER BY expires, sequence LIMIT $max
        """,
        r => new ExpiredMessage(AddressOf(r), r.GetInt64(2), r.TimeOrNull(3)!.Value),
        ("$hub", hub), ("$now", now), ("$afterExpires", after?.ExpiryTime ?? DateTimeOffset.UnixEpoch), ("$afterSequence", after?.Sequence ?? 0), ("$max", max)));

    /// <inheritdoc/>
    public Task<bool> RemoveAsync(QueueAddress queue, long sequence, MessageOutcome outcome, FeedbackTimes times, CancellationToken token)
        => database.WriteAsync(c => Remove(c, queue, sequence, outcome, times), token);

    /// <inheritdoc/>
    public Task<bool> AbandonAsync(QueueAddress queue, long sequence, int maxDeliveries, FeedbackTimes times, CancellationToken token) => database.WriteAsync(c =>
    {
        var deliveries = c.Query(
            """
            UPDATE device_messages SET deliveries=deliveries+1
            WHERE sequence=$sequence AND hub=$hub AND device_id=$device AND module_id=$module RETURNING deliveries
            """,
            r => r.GetInt32(0), ("$sequence", sequence), ("$hub", hub), ("$device", queue.DeviceId), ("$module", queue.ModuleId ?? ""));
        if (deliveries is [var count] && count < maxDeliveries)
            return true;
        Remove(c, queue, sequence, MessageOutcome.DeliveryCountExceeded, times);
        return false;
    }, token);

    /// <inheritdoc/>
    public Task<int> PurgeAsync(QueueAddress queue, FeedbackTimes times, CancellationToken token) => database.WriteAsync(c =>
    {
        var removed = c.Query(
            """
            DELETE FROM device_messages WHERE hub=$hub AND device_id=$device AND module_id=$module
            RETURNING message_id, ack, generation_id, device_id
            """,
            ReadRemoved, ("$hub", hub), ("$device", queue.DeviceId), ("$module", queue.ModuleId ?? ""));
        foreach (var message in removed)
            AddFeedback(c, message, MessageOutcome.Purged, times);
        return removed.Count;
    }, token);

    /// <summary>Checks and inserts in one statement: null when a check failed.</summary>
    private EnqueueResult? Insert(SqliteConnection connection, NewMessage message, byte[] body, int maxDepth) => connection.QueryFirst(
        """
        INSERT INTO device_messages (hub, device_id, module_id, generation_id, message_id, enqueued, expires, deliveries, ack, properties, body)
        SELECT $hub, $device, $module, i.generation_id, $message, $enqueued, $expires, 0, $ack, $properties, $body
        FROM identities i WHERE i.hub=$hub AND i.device_id=$device AND i.module_id=$module AND i.enabled
            AND ($module='' OR EXISTS (SELECT 1 FROM identities d WHERE d.hub=$hub AND d.device_id=$device AND d.module_id='' AND d.enabled))
            AND (SELECT count(*) FROM device_messages m INDEXED BY device_messages_by_queue
                WHERE m.hub=$hub AND m.device_id=$device AND m.module_id=$module AND m.expires>$enqueued) < $depth
        RETURNING sequence
        """,
        r => new EnqueueResult(EnqueueStatus.Stored, r.GetInt64(0)),
        ("$hub", hub), ("$device", message.Queue.DeviceId), ("$module", message.Queue.ModuleId ?? ""), ("$message", message.MessageId),
        ("$enqueued", message.EnqueuedTime), ("$expires", message.ExpiryTime), ("$ack", (int)message.Ack), ("$properties", message.Properties),
        ("$body", body), ("$depth", maxDepth));

    private EnqueueStatus WhyNot(SqliteConnection connection, QueueAddress queue)
    {
        var found = connection.Query(
            "SELECT module_id, enabled FROM identities WHERE hub=$hub AND device_id=$device AND module_id IN ('', $module)",
            r => (Module: r.GetString(0), Enabled: r.GetBoolean(1)), ("$hub", hub), ("$device", queue.DeviceId), ("$module", queue.ModuleId ?? ""));
        if (!found.Any(i => i.Module.Length == 0))
            return EnqueueStatus.NoDevice;
        if (found.Any(i => !i.Enabled))
            return EnqueueStatus.Disabled;
        return queue.ModuleId is not null && found.Count == 1 ? EnqueueStatus.NoModule : EnqueueStatus.QueueFull;
    }

    private bool Remove(SqliteConnection connection, QueueAddress queue, long sequence, MessageOutcome outcome, FeedbackTimes times)
    {
        var removed = connection.QueryFirst(
            """
            DELETE FROM device_messages WHERE sequence=$sequence AND hub=$hub AND device_id=$device AND module_id=$module
            RETURNING message_id, ack, generation_id, device_id
            """,
            ReadRemoved, ("$sequence", sequence), ("$hub", hub), ("$device", queue.DeviceId), ("$module", queue.ModuleId ?? ""));
        if (removed is null)
            return false;
        AddFeedback(connection, removed, outcome, times);
        return true;
    }

    private void AddFeedback(SqliteConnection connection, RemovedMessage message, MessageOutcome outcome, FeedbackTimes times)
    {
        if (!message.Ack.Wants(outcome))
            return;
        var status = outcome.ToString();
        var record = new FeedbackRecord(message.MessageId, new ServiceTime(times.Now), status, status, message.DeviceId, message.GenerationId);
        var added = new NewServiceBoundRecord(null, JsonSerializer.Serialize(record, Json.Default.FeedbackRecord), times.Now, times.Expiry);
        SqliteServiceBoundStore.Insert(connection, hub, ServiceBoundKind.Feedback, added);
    }

    private static QueueAddress AddressOf(SqliteDataReader row) => new(row.GetString(0), row.GetString(1) is { Length: > 0 } module ? module : null);

    private static RemovedMessage ReadRemoved(SqliteDataReader row) => new(row.GetString(0), (AckMode)row.GetInt32(1), row.GetString(2), row.GetString(3));

    private static QueuedMessage ReadMessage(SqliteDataReader row) => new()
    {
        Sequence = row.GetInt64(0),
        EnqueuedTime = row.TimeOrNull(1)!.Value,
        ExpiryTime = row.TimeOrNull(2)!.Value,
        DeliveryCount = row.GetInt32(3),
        Ack = (AckMode)row.GetInt32(4),
        Properties = row.GetFieldValue<byte[]>(5),
        Body = row.GetFieldValue<byte[]>(6),
    };

    private sealed record RemovedMessage(string MessageId, AckMode Ack, string GenerationId, string DeviceId);
}
