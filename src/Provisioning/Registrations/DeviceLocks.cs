namespace Homeport.Provisioning.Registrations;

/// <summary>Lets one call at a time work on a registration. Two registrations may share a lock, so that their number costs no memory.</summary>
internal sealed class DeviceLocks
{
    private const int Count = 256;
    private readonly SemaphoreSlim[] _locks = [.. Enumerable.Range(0, Count).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Waits for the lock; dispose to give it back.</summary>
    public async Task<IDisposable> EnterAsync(string registrationId, CancellationToken token)
    {
        var semaphore = _locks[(uint)StringComparer.OrdinalIgnoreCase.GetHashCode(registrationId) % Count];
        await semaphore.WaitAsync(token);
        return new Entered(semaphore);
    }

    private sealed class Entered(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
