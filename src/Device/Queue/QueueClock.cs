namespace Homeport.Device.Queue;

/// <summary>
/// Milliseconds that only grow, for the age of messages. While the program runs nobody can set them; across a restart they go on by what the
/// device's clock says has passed, and stand still when that is negative. So a device whose clock jumps by years does not drop what it holds.
/// </summary>
internal sealed class QueueClock(TimeProvider time, long storedClock, long storedWall)
{
    private readonly long _start = time.GetTimestamp();
    private readonly long _base = storedClock + Math.Max(0, storedWall == 0 ? 0 : time.GetUtcNow().ToUnixTimeMilliseconds() - storedWall);

    public long Now => _base + (long)time.GetElapsedTime(_start).TotalMilliseconds;

    public long Wall => time.GetUtcNow().ToUnixTimeMilliseconds();
}
