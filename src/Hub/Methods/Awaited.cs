namespace Homeport.Hub.Methods;

/// <summary>Identities that somebody waits for. An entry goes with its last waiter, so that names cost nothing afterwards.</summary>
internal sealed class Awaited
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Starts waiting: the task completes with the next <see cref="Set"/>. Call <see cref="Leave"/> afterwards.</summary>
    public Task Enter(string key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var entry))
                _entries[key] = entry = new Entry();
            entry.Waiters++;
            return entry.Signal.Task;
        }
    }

    /// <summary>Stops waiting.</summary>
    public void Leave(string key)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var entry) && --entry.Waiters == 0)
                _entries.Remove(key);
        }
    }

    /// <summary>Wakes all who wait; those who come later wait for the next time.</summary>
    public void Set(string key)
    {
        TaskCompletionSource? signal = null;
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var entry))
                (signal, entry.Signal) = (entry.Signal, NewSignal());
        }
        signal?.TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Entry
    {
        public int Waiters { get; set; }

        public TaskCompletionSource Signal { get; set; } = NewSignal();
    }
}
