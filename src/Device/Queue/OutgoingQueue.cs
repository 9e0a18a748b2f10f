using System.Threading.Channels;
using Homeport.Device.Hub;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Queue;

/// <summary>
/// Messages that were accepted and are not yet at the hub, in a file. What is accepted is on the disk (SQLite, WAL, flushed at each commit); many
/// callers share a commit. One thread writes.
/// </summary>
internal sealed partial class OutgoingQueue : IAsyncDisposable
{
    private const int MaxCommitMessages = 20_000;
    private static readonly TimeSpan AgeInterval = TimeSpan.FromSeconds(30);

    private readonly OutgoingQueueOptions _options;
    private readonly QueueFile _file;
    private readonly QueueClock _clock;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Channel<Request> _requests = Channel.CreateUnbounded<Request>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _writing;
    private readonly ITimer? _ageTimer;
    private readonly Lock _gate = new();
    private QueueState _state;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private OutgoingQueue(OutgoingQueueOptions options, QueueFile file, TimeProvider time, ILogger logger)
    {
        _options = options;
        _file = file;
        _time = time;
        _logger = logger;
        _state = file.State;
        _clock = new QueueClock(time, _state.Clock, _state.Wall);
        _writing = Task.Factory.StartNew(Write, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (options.MaxAge is not null)
            _ageTimer = time.CreateTimer(_ => _requests.Writer.TryWrite(new Request()), null, TimeSpan.Zero, AgeInterval);
    }

    /// <summary>What is in it now.</summary>
    public QueueStatus Status
    {
        get
        {
            var state = State;
            return new QueueStatus(state.Messages, state.Bytes, state.Dropped);
        }
    }

    /// <summary>The file.</summary>
    public string Path => _options.Path;

    /// <summary>How long the oldest message has been waiting; null when there is none.</summary>
    public TimeSpan? OldestAge => _file.OldestAccepted() is { } accepted ? TimeSpan.FromMilliseconds(Math.Max(0, _clock.Now - accepted)) : null;

    /// <summary>The number of the newest message that was ever accepted; 0 for none.</summary>
    public long Last => State.Next - 1;

    private QueueState State
    {
        get
        {
            lock (_gate)
                return _state;
        }
    }

    /// <summary>Opens or makes a queue.</summary>
    /// <param name="options">Where and how large.</param>
    /// <param name="time">For ages.</param>
    /// <param name="logger">Says what is dropped.</param>
    /// <param name="maxPages">For tests: the size at which the disk is full.</param>
    /// <exception cref="QueueException">The file is in use, damaged, or cannot be written.</exception>
    public static OutgoingQueue Open(OutgoingQueueOptions options, TimeProvider time, ILogger logger, int? maxPages = null)
        => new(options, QueueFile.Open(options.Path, maxPages), time, logger);

    /// <summary>Accepts messages, all or none. When the task completes they are on the disk, in this order and behind all that were accepted before.</summary>
    /// <exception cref="QueueException">They were not accepted.</exception>
    public Task AddAsync(IReadOnlyList<Client.Message> messages)
    {
        if (messages.Count == 0)
            return Task.CompletedTask;
        // What is malformed or too large is the caller's affair, not the writer's.
        var outgoing = new OutgoingMessage[messages.Count];
        var created = _options.StampCreationTime ? _time.GetUtcNow().UtcDateTime : (DateTime?)null;
        for (var i = 0; i < outgoing.Length; i++)
        {
            messages[i].CreationTimeUtc ??= created;
            if (_options.StampMessageId)
                messages[i].MessageId ??= Guid.CreateVersion7(_time.GetUtcNow()).ToString();
            outgoing[i] = messages[i].ToOutgoing();
        }

        return SubmitAsync(new Request { Messages = outgoing });
    }

    /// <summary>Removes what has this number or a smaller one.</summary>
    /// <param name="number">Of the newest message that is at the hub.</param>
    /// <param name="isDropped">It is not at the hub and never will be.</param>
    public Task RemoveThroughAsync(long number, bool isDropped = false) => SubmitAsync(new Request { Through = number, IsDropped = isDropped });

    /// <summary>The next messages in order; waits until there is one.</summary>
    public async Task<List<QueuedMessage>> ReadAsync(long after, int maxMessages, long maxBytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            var changed = Changed;
            if (Last > after)
            {
                var page = _file.Read(after, maxMessages, maxBytes);
                if (page.Count > 0)
                    return page;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Ends when nothing is left.</summary>
    public async Task WhenEmptyAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var changed = Changed;
            if (Status.Messages == 0)
                return;
            await changed.WaitAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_ageTimer is not null)
            await _ageTimer.DisposeAsync();
        _requests.Writer.TryComplete();
        await _writing;
        _file.Dispose();
    }

    /// <summary>Ends with the next commit.</summary>
    public Task Changed
    {
        get
        {
            lock (_gate)
                return _changed.Task;
        }
    }

    private Task SubmitAsync(Request request)
    {
        ObjectDisposedException.ThrowIf(!_requests.Writer.TryWrite(request), this);
        return request.Done.Task;
    }

    private void Write()
    {
        var batch = new List<Request>();
        try
        {
            Write(batch);
        }
        catch (Exception e)
        {
            // A fault of this program: nobody may wait for ever, and the owner hears of it when the queue is disposed.
            _requests.Writer.TryComplete(e);
            foreach (var request in batch)
                request.Done.TrySetException(e);
            while (_requests.Reader.TryRead(out var left))
                left.Done.TrySetException(e);
            throw;
        }
    }

    private void Write(List<Request> batch)
    {
        var needsShrinking = true;
        while (Wait(needsShrinking && State.Messages == 0))
        {
            var count = 0;
            while (count < MaxCommitMessages && _requests.Reader.TryRead(out var request))
            {
                batch.Add(request);
                count += 1 + request.Messages.Length;
            }

            try
            {
                if (batch.Count == 0)
                {
                    needsShrinking = _file.Shrink();
                    continue;
                }

                Commit(batch);
                needsShrinking = true;
            }
            catch (SqliteException e)
            {
                var failure = QueueFile.Explain(e, _options.Path);
                LogFailure(failure.Message);
                needsShrinking = false;
                foreach (var request in batch)
                    request.Done.TrySetException(failure);
            }
            batch.Clear();
        }
    }

    /// <summary>False at the end. Does not wait when there is other work.</summary>
    private bool Wait(bool hasOtherWork)
    {
        if (hasOtherWork && !_requests.Reader.TryPeek(out _) && !_requests.Reader.Completion.IsCompleted)
            return true;
        var waiting = _requests.Reader.WaitToReadAsync(CancellationToken.None);
#pragma warning disable VSTHRD002 // This thread does nothing but write and wait.
        return waiting.IsCompleted ? waiting.Result : waiting.AsTask().GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
    }

    private void Commit(List<Request> batch)
    {
        var draft = new Draft(State with { Clock = _clock.Now, Wall = _clock.Wall });
        var refused = new List<Request>();
        _file.Commit(() =>
        {
            foreach (var request in batch)
            {
                if (request.Through > 0)
                    draft.Remove(_file.RemoveThrough(request.Through), request.IsDropped);
                if (request.Messages.Length > 0 && !Add(request.Messages, draft))
                    refused.Add(request);
            }

            if (_options.MaxAge is { } age && _file.AcceptedBefore(draft.State.Clock - (long)age.TotalMilliseconds) is > 0 and var old)
                draft.Remove(_file.RemoveThrough(old), isDropped: true);
            _file.Save(draft.State);
        });

        if (draft.State.Dropped > State.Dropped)
            LogDropped(draft.State.Dropped - State.Dropped);
        TaskCompletionSource changed;
        lock (_gate)
        {
            _state = draft.State;
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        changed.SetResult();
        foreach (var request in refused)
            request.Done.TrySetException(Full());
        foreach (var request in batch)
            request.Done.TrySetResult();
    }

    /// <summary>False when there is no room and the caller has to hear of it.</summary>
    private bool Add(OutgoingMessage[] messages, Draft draft)
    {
        var bytes = messages.Sum(static message => (long)message.Size);
        var tooMany = draft.State.Messages + messages.Length - _options.MaxMessages;
        var tooLarge = draft.State.Bytes + bytes - _options.MaxBytes;
        if (tooMany > 0 || tooLarge > 0)
        {
            if (_options.WhenFull == QueueFullAction.Refuse || bytes > _options.MaxBytes || messages.Length > _options.MaxMessages)
                return false;
            if (_options.WhenFull == QueueFullAction.DropNewest)
            {
                draft.State = draft.State with { Dropped = draft.State.Dropped + messages.Length };
                return true;
            }

            draft.Remove(_file.RemoveThrough(_file.OldestUntil(tooMany, tooLarge)), isDropped: true);
        }

        var next = draft.State.Next;
        foreach (ref readonly var message in messages.AsSpan())
            _file.Insert(next++, draft.State.Clock, message);
        draft.Added(messages.Length, bytes, next);
        return true;
    }

    private QueueException Full() => new(
        QueueFailure.Full,
        $"The queue '{_options.Path}' is full ({State.Messages} messages, {State.Bytes} bytes): the hub does not take them. "
        + "Wait, raise MaxBytes or MaxMessages, or choose what to drop (WhenFull).");

    /// <summary>The state that a commit leads to.</summary>
    private sealed class Draft(QueueState state)
    {
        public QueueState State { get; set; } = state;

        public void Added(int messages, long bytes, long next)
            => State = State with { Next = next, Messages = State.Messages + messages, Bytes = State.Bytes + bytes };

        public void Remove((long Messages, long Bytes) removed, bool isDropped) => State = State with
        {
            Messages = State.Messages - removed.Messages,
            Bytes = State.Bytes - removed.Bytes,
            Dropped = State.Dropped + (isDropped ? removed.Messages : 0),
        };
    }

    private sealed class Request
    {
        public OutgoingMessage[] Messages { get; init; } = [];

        public long Through { get; init; }

        public bool IsDropped { get; init; }

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [LoggerMessage(40, LogLevel.Warning, "{Count} messages were dropped from the queue")]
    private partial void LogDropped(long count);

    [LoggerMessage(41, LogLevel.Error, "{Reason}")]
    private partial void LogFailure(string reason);
}
