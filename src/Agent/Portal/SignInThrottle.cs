using System.Net;

namespace Homeport.Agent.Portal;

/// <summary>
/// Slows down guessing: after three wrong passwords an address waits two seconds, then twice as long each time, up to a quarter of an hour. All
/// addresses together have thirty tries a minute.
/// </summary>
internal sealed class SignInThrottle(TimeProvider time)
{
    private const int FreeTries = 3;
    private const int MaxAddresses = 1024;
    private const int TriesPerMinute = 30;
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(15);

    private readonly Dictionary<IPAddress, (int Failures, DateTimeOffset Next)> _addresses = [];
    private readonly Queue<DateTimeOffset> _tries = new();
    private readonly Lock _gate = new();

    /// <summary>How long this address has to wait; zero: it may try, and the try is counted.</summary>
    public TimeSpan Enter(IPAddress? address)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            if (_addresses.TryGetValue(address ?? IPAddress.None, out var known) && known.Next > now)
                return known.Next - now;
            while (_tries.TryPeek(out var oldest) && now - oldest > TimeSpan.FromMinutes(1))
                _tries.Dequeue();
            if (_tries.Count >= TriesPerMinute)
                return _tries.Peek() + TimeSpan.FromMinutes(1) - now;
            _tries.Enqueue(now);
            return TimeSpan.Zero;
        }
    }

    public void Succeeded(IPAddress? address)
    {
        lock (_gate)
        {
            // The right password is no guess: a tool that asks often must not keep itself out.
            _addresses.Remove(address ?? IPAddress.None);
            _ = _tries.TryDequeue(out _);
        }
    }

    public void Failed(IPAddress? address)
    {
        lock (_gate)
        {
            if (_addresses.Count >= MaxAddresses)
                _addresses.Remove(_addresses.MinBy(static a => a.Value.Next).Key);
            var failures = _addresses.GetValueOrDefault(address ?? IPAddress.None).Failures + 1;
            var wait = failures < FreeTries
                ? TimeSpan.Zero
                : TimeSpan.FromSeconds(Math.Min(LongestWait.TotalSeconds, 2 * Math.Pow(2, Math.Min(failures - FreeTries, 16))));
            _addresses[address ?? IPAddress.None] = (failures, time.GetUtcNow() + wait);
        }
    }
}
