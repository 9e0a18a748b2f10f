namespace Homeport.Hub.Jobs;

/// <summary>Bounds of jobs. Source: Azure "IoT Hub quotas and throttling", limits of tier S3.</summary>
public sealed record JobSettings
{
    /// <summary>Longest id of a job, in characters.</summary>
    public const int MaxIdLength = 128;

    /// <summary>Longest time that a job may be given to run: as long as its history is kept.</summary>
    public static readonly TimeSpan MaxExecution = TimeSpan.FromDays(30);

    /// <summary>What a job is given when it asks for nothing.</summary>
    public static readonly TimeSpan DefaultExecution = TimeSpan.FromHours(1);

    /// <summary>Jobs that run at a time; others wait in the queue.</summary>
    public int Concurrent { get; init; } = 10;

    /// <summary>Devices that one job works on at a time.</summary>
    public int Devices { get; init; } = 32;

    /// <summary>Jobs that may wait for their start or turn.</summary>
    public int MaxWaiting { get; init; } = 10_000;

    /// <summary>How long a job that is over is kept.</summary>
    public TimeSpan History { get; init; } = TimeSpan.FromDays(30);
}
