namespace Homeport.Log;

/// <summary>A sender as the log sees it: its origin, encoded once, and its partition.</summary>
public sealed class LogWriter
{
    internal LogWriter(RecordOrigin origin, int partition)
    {
        Partition = partition;
        Origin = origin.Encode();
    }

    /// <summary>Partition of the sender's messages.</summary>
    public int Partition { get; }

    internal byte[] Origin { get; }
}
