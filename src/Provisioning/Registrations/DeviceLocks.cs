namespace Homeport.Provisioning.Registrations;

/// <summary>Lets one call at a time work on a registration. A registration that waits for a slow hub or webhook holds up no other one.</summary>
internal sealed class DeviceLocks
{
    private readonly Dictionary<string, Gate> _gates = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Waits for the lock; dispose to give it back.</summary>
    public async Task<IDisposable> EnterAsync(string registrationId, CancellationToken token)
    {
        Gate gate;
        lock (_gates)
        {
            if (!_gates.TryGetValue(registrationId, out gate!))
                _gates[registrationId] = gate = new Gate();
            gate.Users++;
        }
        try
        {
            await gate.Semaphore.WaitAsync(token);
        }
        catch (OperationCanceledException)
        {
            Forget(registrationId, gate);
            throw;
        }
        return new Entered(this, registrationId, gate);
    }

    private void Forget(string registrationId, Gate gate)
    {
        lock (_gates)
        {
            if (--gate.Users > 0)
                return;
            _gates.Remove(registrationId);
            gate.Semaphore.Dispose();
        }
    }

    private sealed class Gate
    {
        public SemaphoreSlim Semaphore { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Entered(DeviceLocks owner, string registrationId, Gate gate) : IDisposable
    {
        public void Dispose()
        {
            gate.Semaphore.Release();
            owner.Forget(registrationId, gate);
        }
    }
}
