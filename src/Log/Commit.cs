namespace Homeport.Log;

/// <summary>What waits for a group commit to be durable.</summary>
public interface ICommitWaiter
{
    /// <summary>Called once, by the committing thread: must only post work and return.</summary>
    void OnCommitted(Commit commit);
}

/// <summary>One group commit: all that was appended while the one before was on its way to the disk.</summary>
public sealed class Commit
{
    private readonly Lock _lock = new();
    private List<ICommitWaiter>? _waiters;
    private volatile CommitState _state;

    /// <summary>Pending, durable, or failed.</summary>
    public CommitState State => _state;

    /// <summary>Asks to be told. False when the commit is over already: then nothing will be called.</summary>
    public bool TryAddWaiter(ICommitWaiter waiter)
    {
        lock (_lock)
        {
            if (_state != CommitState.Pending)
                return false;
            (_waiters ??= []).Add(waiter);
            return true;
        }
    }

    /// <summary>Waits until the commit is durable.</summary>
    /// <exception cref="IOException">The disk refused it: nothing was stored.</exception>
    public async Task WhenDurable()
    {
        var waiter = new TaskWaiter();
        if (TryAddWaiter(waiter))
            await waiter.Completion;
        if (_state == CommitState.Failed)
            throw new IOException("The message could not be stored.");
    }

    internal void Complete(CommitState state)
    {
        List<ICommitWaiter>? waiters;
        lock (_lock)
        {
            _state = state;
            waiters = _waiters;
            _waiters = null;
        }
        foreach (var waiter in waiters ?? [])
            waiter.OnCommitted(this);
    }

    private sealed class TaskWaiter : ICommitWaiter
    {
        private readonly TaskCompletionSource _source = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Completion => _source.Task;

        public void OnCommitted(Commit commit) => _source.TrySetResult();
    }
}

/// <summary>How far a group commit is.</summary>
public enum CommitState
{
    /// <summary>Not on the disk yet.</summary>
    Pending,
    /// <summary>On the disk: may be acknowledged.</summary>
    Durable,
    /// <summary>Not stored: must not be acknowledged.</summary>
    Failed,
}
