namespace Homeport.People.Accounts;

/// <summary>Limits attempts by the network address that they come from. Bounded: when too many addresses try, all share what is left.</summary>
internal sealed class AttemptLimit(TimeProvider time)
{
    /// <summary>Attempts of one address in a minute.</summary>
    public const int PerMinute = 20;

    private const int MaxAddresses = 10_000;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);
    private long _minute;

    /// <summary>True when the address has an attempt left.</summary>
    public bool TryTake(string address)
    {
        var minute = time.GetUtcNow().ToUnixTimeSeconds() / 60;
        lock (_lock)
        {
            if (minute != _minute)
            {
                _counts.Clear();
                _minute = minute;
            }
            var key = _counts.Count < MaxAddresses || _counts.ContainsKey(address) ? address : "";
            var count = _counts.GetValueOrDefault(key);
            _counts[key] = count + 1;
            return count < PerMinute;
        }
    }
}
