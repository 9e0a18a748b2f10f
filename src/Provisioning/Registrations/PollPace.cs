using System.Security.Cryptography;

namespace Homeport.Provisioning.Registrations;

/// <summary>
/// How long devices are asked to wait before they poll. A fleet that starts at once would come back at once too, so the time is
/// spread at random, over a range that grows with the registrations of the last second.
/// </summary>
public sealed class PollPace(TimeProvider time)
{
    /// <summary>Polls that come back in each second of the range, at most.</summary>
    public const int PerSecond = 200;

    /// <summary>Longest wait, in seconds. The C SDK takes up to 300.</summary>
    public const int Longest = 30;

    private readonly Lock _lock = new();
    private long _second;
    private int _count;
    private int _last;

    /// <summary>Counts a registration. Gives the seconds until its first poll.</summary>
    public int Next()
    {
        lock (_lock)
        {
            var second = time.GetUtcNow().ToUnixTimeSeconds();
            if (second != _second)
            {
                _last = second == _second + 1 ? _count : 0;
                (_second, _count) = (second, 0);
            }
            _count++;
            var range = Math.Min(Longest, 1 + (Math.Max(_count, _last) / PerSecond));
            return 1 + RandomNumberGenerator.GetInt32(range);
        }
    }
}
