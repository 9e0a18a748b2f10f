namespace Homeport.Hub.Limits;

/// <summary>How much may be done.</summary>
/// <param name="PerSecond">In the long run.</param>
/// <param name="Burst">At once, after a quiet time. Azure shapes traffic over a minute or two; the profiles use a minute's worth.</param>
public readonly record struct Rate(double PerSecond, double Burst)
{
    /// <summary>A rate with a minute's worth as burst.</summary>
    public static Rate OverAMinute(double perSecond) => new(perSecond, perSecond * 60);

    /// <summary>A rate with as many seconds' worth as burst.</summary>
    public static Rate Over(double perSecond, double seconds) => new(perSecond, perSecond * seconds);
}
