namespace Homeport.Log;

/// <summary>When records are dropped, the oldest first. The first limit that is reached counts.</summary>
/// <param name="Age">Age at which they are; Event Hubs allows 1 to 7 days.</param>
/// <param name="Bytes">Bytes of the disk that they take at most, or null for no limit but the disk.</param>
public sealed record RetentionLimits(TimeSpan Age, long? Bytes = null);
