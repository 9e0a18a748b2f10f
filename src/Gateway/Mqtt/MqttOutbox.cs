using System.IO.Pipelines;
using Homeport.Hub.Live;
using Homeport.Log;
using Homeport.Mqtt;

namespace Homeport.Gateway.Mqtt;

/// <summary>
/// What a connection has to send, strictly in order. A PUBACK waits for the commit of its message and holds back what is behind
/// it; when the commit is durable, all that became ready leaves in one write.
/// </summary>
/// <remarks>
/// Any thread may add; one at a time drains. Bounded by the connection: it stops reading when <see cref="IsFull"/>.
/// </remarks>
internal sealed class MqttOutbox(PipeWriter output, TimeProvider time) : ICommitWaiter, IThreadPoolWorkItem
{
    /// <summary>Entries that may wait before the connection stops reading: its in-flight window.</summary>
    private const int Window = 512;

    /// <summary>Packets that others may have posted to a client that does not read, before it is given up.</summary>
    private const int MaxPosted = 1024;

    private readonly Lock _lock = new();
    private Queue<Entry>? _entries;
    private TaskCompletionSource? _room;
    private Commit? _awaited;
    private Task? _awaitedTask;
    private bool _draining;
    private bool _closed;
    private long _flushStarted;

    /// <summary>Called when nothing more can be sent: a message could not be stored, or the client is gone or does not read.</summary>
    public Action<CloseReason>? Broken { get; set; }

    /// <summary>True when the connection should wait before it reads on.</summary>
    public bool IsFull => _entries is { Count: >= Window };

    /// <summary>How long the current write has been waiting for the client to read.</summary>
    public TimeSpan Stalled => Volatile.Read(ref _flushStarted) is var start && start == 0 ? TimeSpan.Zero : time.GetElapsedTime(start);

    /// <summary>Acknowledges a message as soon as its commit is durable.</summary>
    public void Puback(ushort packetId, Commit? commit) => Add(new Entry(packetId, commit, null, default));

    /// <summary>Acknowledges a request as soon as it is done, durable or refused. A task that fails counts as a disk that refused.</summary>
    public void Puback(ushort packetId, Task done) => Add(new Entry(packetId, null, done, default));

    /// <summary>Sends a whole packet.</summary>
    public void Send(ReadOnlyMemory<byte> packet) => Add(new Entry(0, null, null, packet));

    /// <summary>Sends a whole packet as soon as something is done.</summary>
    public void Send(ReadOnlyMemory<byte> packet, Task done) => Add(new Entry(0, null, done, packet));

    /// <summary>Sends a packet from outside the connection's loop, without writing on the caller's thread. False when too many wait already.</summary>
    public bool TryPost(ReadOnlyMemory<byte> packet)
    {
        lock (_lock)
        {
            if (_closed)
                return true;
            _entries ??= new Queue<Entry>();
            if (_entries.Count >= MaxPosted)
                return false;
            _entries.Enqueue(new Entry(0, null, null, packet));
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return true;
    }

    /// <summary>Ends the connection after a fault of the server.</summary>
    public void Fail() => Broken?.Invoke(CloseReason.ServerFault);

    /// <summary>Ends the connection of a client that does not read.</summary>
    public void GiveUp() => Broken?.Invoke(CloseReason.SlowClient);

    /// <summary>Starts sending what is ready, unless that is under way.</summary>
    public void Flush()
    {
        lock (_lock)
        {
            if (_draining || _closed || _entries is not { Count: > 0 })
                return;
            _draining = true;
        }
        _ = DrainAsync();
    }

    /// <summary>Completes when there is room.</summary>
    public Task RoomAsync()
    {
        lock (_lock)
        {
            if (!IsFull || _closed)
                return Task.CompletedTask;
            return (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Drops what is left and waits for nobody.</summary>
    public void Close()
    {
        TaskCompletionSource? room;
        lock (_lock)
        {
            _closed = true;
            _entries = null;
            room = _room;
        }
        room?.TrySetResult();
    }

    /// <summary>Gives the queue's memory back while nothing waits, for connections that are idle.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            if (_entries is { Count: 0 })
                _entries = null;
        }
    }

    /// <inheritdoc/>
    void ICommitWaiter.OnCommitted(Commit commit) => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    /// <inheritdoc/>
    void IThreadPoolWorkItem.Execute() => Flush();

    private void Add(Entry entry)
    {
        lock (_lock)
        {
            if (!_closed)
                (_entries ??= new Queue<Entry>()).Enqueue(entry);
        }
    }

    private async Task DrainAsync()
    {
        try
        {
            while (WriteReady())
            {
                Volatile.Write(ref _flushStarted, time.GetTimestamp());
                var result = await output.FlushAsync();
                Volatile.Write(ref _flushStarted, 0);
                if (result.IsCompleted || result.IsCanceled)
                {
                    Break();
                    return;
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The client is gone; the reading side finds out as well.
            Break();
        }
    }

    /// <summary>Writes all entries that are ready. False, and the draining over, when there was none.</summary>
    private bool WriteReady()
    {
        TaskCompletionSource? room = null;
        var wrote = false;
        var failed = false;
        lock (_lock)
        {
            while (!_closed && _entries is not null && _entries.TryPeek(out var entry))
            {
                if (entry.Commit is { } commit && !IsDurable(commit, out failed))
                    break;
                if (entry.Done is { IsCompletedSuccessfully: false } done && !IsDone(done, out failed))
                    break;
                _entries.Dequeue();
                Write(entry);
                wrote = true;
            }
            if (!wrote)
                _draining = false;
            if (!IsFull)
                (room, _room) = (_room, null);
        }
        room?.TrySetResult();
        if (failed)
            Broken?.Invoke(CloseReason.StorageFailed);
        return wrote;
    }

    private bool IsDurable(Commit commit, out bool failed)
    {
        failed = false;
        if (commit.State == CommitState.Pending)
        {
            if (ReferenceEquals(_awaited, commit))
                return false;
            if (commit.TryAddWaiter(this))
            {
                _awaited = commit;
                return false;
            }
        }
        failed = commit.State == CommitState.Failed;
        return !failed;
    }

    private bool IsDone(Task done, out bool failed)
    {
        failed = done.IsFaulted || done.IsCanceled;
        if (!done.IsCompleted && !ReferenceEquals(_awaitedTask, done))
        {
            _awaitedTask = done;
            done.GetAwaiter().UnsafeOnCompleted(() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false));
        }
        return false;
    }

    private void Write(Entry entry)
    {
        if (entry.PacketId != 0)
        {
            PubackPacket.Write(output.GetSpan(PubackPacket.Size), entry.PacketId);
            output.Advance(PubackPacket.Size);
            return;
        }
        entry.Packet.Span.CopyTo(output.GetSpan(entry.Packet.Length));
        output.Advance(entry.Packet.Length);
    }

    private void Break()
    {
        Close();
        Broken?.Invoke(CloseReason.ClientGone);
    }

    private readonly record struct Entry(ushort PacketId, Commit? Commit, Task? Done, ReadOnlyMemory<byte> Packet);
}
