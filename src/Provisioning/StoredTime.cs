namespace Homeport.Provisioning;

/// <summary>Times as stores keep them: whole milliseconds, so that an answer shows the time that a later read finds.</summary>
internal static class StoredTime
{
    public static DateTimeOffset Now(TimeProvider time) => DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
}
