namespace Homeport.Routing;

/// <summary>How long to wait until the next attempt: from a second on twice as long each time, up to a minute, and a fifth more or less.</summary>
internal sealed class Backoff
{
    /// <summary>Longest wait, without what chance adds.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);

    /// <summary>Waits so far.</summary>
    public int Attempts { get; private set; }

    /// <summary>The next wait.</summary>
    public TimeSpan Next()
    {
        var wait = First * Math.Pow(2, Math.Min(Attempts++, 10));
        return (wait < Longest ? wait : Longest) * (0.8 + (Random.Shared.NextDouble() * 0.4));
    }
}
