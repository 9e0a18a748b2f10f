namespace Homeport.Mqtt;

/// <summary>
/// How long a client may be silent. Sources: MQTT 3.1.1 section 3.1.2.10; Azure "Communicate with your IoT hub using MQTT", whose longest
/// time is 29.45 minutes.
/// </summary>
public static class KeepAlive
{
    /// <summary>Longest silence, in seconds, also of clients that ask for none to be the longest.</summary>
    public const int MaxSeconds = 1767;

    /// <summary>One and a half times what the client announced, but no longer than <see cref="MaxSeconds"/>.</summary>
    /// <param name="announced">Seconds of the CONNECT packet; 0 asks for no limit.</param>
    public static TimeSpan TimeoutOf(int announced)
        => TimeSpan.FromSeconds(announced == 0 ? MaxSeconds : Math.Min(announced * 1.5, MaxSeconds));
}
