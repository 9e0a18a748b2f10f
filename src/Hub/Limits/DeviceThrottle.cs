namespace Homeport.Hub.Limits;

/// <summary>
/// The limits of one connection. Messages are shaped: a device that sends too fast is read more slowly, and refused only when that
/// does not help. Nothing here allocates unless it refuses.
/// </summary>
public sealed class DeviceThrottle
{
    private readonly Throttles _all;
    private readonly string _deviceKey;
    private long _messages;
    private long _twinReads;
    private long _twinUpdates;

    internal DeviceThrottle(Throttles all, string deviceKey) => (_all, _deviceKey) = (all, deviceKey);

    /// <summary>
    /// Counts a message that arrived. Null: take it, and read no more of this connection for <paramref name="pause"/>. Else refuse it:
    /// the day's messages are used up (403002), or the hub is so far over its limit that waiting is no use (429001).
    /// </summary>
    /// <param name="bytes">Size of the message as the quota counts it: body and properties.</param>
    /// <param name="pause">Time to wait, mostly zero.</param>
    public Throttled? TakeMessage(int bytes, out TimeSpan pause)
    {
        pause = TimeSpan.Zero;
        if (_all.HubBucket(HubOperation.DeviceToCloudSend) is { } hub)
        {
            if (hub.TakeAhead(1, Throttles.Patience) is not { } held)
                return _all.RefuseHub(HubOperation.DeviceToCloudSend, Throttles.Patience);
            pause = held;
        }
        if (_all.TryCount(bytes) is { } day)
            return day;
        // A door that waits as it is told is never over by more than one message.
        if (_all.DeviceRule(HubOperation.DeviceToCloudSend) is { } own)
        {
            if (own.TakeAhead(ref _messages, 1, Throttles.Patience) is not { } mine)
                return _all.RefuseDevice(HubOperation.DeviceToCloudSend, _deviceKey, Throttles.Patience);
            pause = mine > pause ? mine : pause;
        }
        return null;
    }

    /// <summary>Takes a read of a twin. Null when it may go on.</summary>
    public Throttled? TakeTwinRead() => Take(HubOperation.TwinRead, ref _twinReads);

    /// <summary>Takes an update of a twin. Null when it may go on.</summary>
    public Throttled? TakeTwinUpdate() => Take(HubOperation.TwinUpdate, ref _twinUpdates);

    private Throttled? Take(HubOperation operation, ref long state)
    {
        var rule = _all.DeviceRule(operation);
        var wait = rule?.TryTake(ref state) ?? TimeSpan.Zero;
        if (wait > TimeSpan.Zero)
            return _all.RefuseDevice(operation, _deviceKey, wait);
        if (_all.TryTake(operation) is not { } refused)
            return null;
        rule?.Return(ref state, 1);
        return refused;
    }
}
