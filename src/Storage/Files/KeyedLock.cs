namespace Homeport.Storage.Files;

/// <summary>One holder a time for each name; names that nobody uses take no memory.</summary>
internal sealed class KeyedLock
{
    private readonly Dictionary<string, Gate> _gates = new(StringComparer.Ordinal);

    /// <summary>Waits for the name. Disposing what is returned lets the next one in.</summary>
    public async Task<IDisposable> EnterAsync(string name, CancellationToken token)
    {
        Gate gate;
        lock (_gates)
        {
            if (!_gates.TryGetValue(name, out gate!))
                _gates[name] = gate = new Gate();
            gate.Users++;
        }
        try
        {
            await gate.Semaphore.WaitAsync(token);
        }
        catch (OperationCanceledException)
        {
            Forget(name, gate);
            throw;
        }
        return new Holder(this, name, gate);
    }

    private void Forget(string name, Gate gate)
    {
        lock (_gates)
        {
            if (--gate.Users == 0)
                _gates.Remove(name);
        }
    }

    private sealed class Gate
    {
        public SemaphoreSlim Semaphore { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Holder(KeyedLock owner, string name, Gate gate) : IDisposable
    {
        public void Dispose()
        {
            gate.Semaphore.Release();
            owner.Forget(name, gate);
        }
    }
}
