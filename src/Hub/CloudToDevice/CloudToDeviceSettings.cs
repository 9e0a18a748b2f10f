namespace Homeport.Hub.CloudToDevice;

/// <summary>What an operator may set for messages to devices. Source: Azure "Send cloud-to-device messages" and the quotas.</summary>
public sealed record CloudToDeviceSettings
{
    /// <summary>Messages that a queue holds at most.</summary>
    public const int MaxQueueDepth = 50;

    /// <summary>How far ahead an expiry time may be.</summary>
    public static readonly TimeSpan MaxTimeToLive = TimeSpan.FromDays(2);

    /// <summary>Shortest default.</summary>
    public static readonly TimeSpan MinTimeToLive = TimeSpan.FromMinutes(1);

    /// <summary>Longest lock, in every queue.</summary>
    public static readonly TimeSpan MaxLockTime = TimeSpan.FromSeconds(300);

    /// <summary>Life of a message whose sender gave no expiry time: 1 minute to 2 days.</summary>
    public TimeSpan DefaultTimeToLive { get; init; } = TimeSpan.FromHours(1);

    /// <summary>A message that came back so often is dead: 1 to 100.</summary>
    public int MaxDeliveryCount { get; init; } = 10;

    /// <summary>How long a message is locked that was taken over HTTPS: 5 to 300 seconds.</summary>
    public TimeSpan LockTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The queue of feedback.</summary>
    public ServiceBoundSettings Feedback { get; init; } = new();

    /// <summary>Null when all values are in their ranges, else which one is not.</summary>
    public string? Check()
    {
        if (DefaultTimeToLive < MinTimeToLive || DefaultTimeToLive > MaxTimeToLive)
            return "The default time to live is 1 minute to 2 days.";
        if (MaxDeliveryCount is < 1 or > 100)
            return "The maximum delivery count is 1 to 100.";
        if (LockTime < ServiceBoundSettings.MinLockTime || LockTime > MaxLockTime)
            return "The lock time is 5 to 300 seconds.";
        return Feedback.Check();
    }
}

/// <summary>What an operator may set for a queue that services read.</summary>
public sealed record ServiceBoundSettings
{
    /// <summary>Shortest lock.</summary>
    public static readonly TimeSpan MinLockTime = TimeSpan.FromSeconds(5);

    /// <summary>Life of a record: 1 minute to 2 days.</summary>
    public TimeSpan TimeToLive { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a reader may take: 5 to 300 seconds.</summary>
    public TimeSpan LockTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A record that came back so often is dropped: 1 to 100.</summary>
    public int MaxDeliveryCount { get; init; } = 10;

    /// <summary>Records that wait at most; the oldest give way.</summary>
    public int Capacity { get; init; } = 100_000;

    /// <summary>Null when all values are in their ranges, else which one is not.</summary>
    public string? Check()
    {
        if (TimeToLive < CloudToDeviceSettings.MinTimeToLive || TimeToLive > CloudToDeviceSettings.MaxTimeToLive)
            return "The feedback's time to live is 1 minute to 2 days.";
        if (LockTime < MinLockTime || LockTime > CloudToDeviceSettings.MaxLockTime)
            return "The feedback's lock time is 5 to 300 seconds.";
        return MaxDeliveryCount is < 1 or > 100 ? "The feedback's maximum delivery count is 1 to 100." : null;
    }
}
