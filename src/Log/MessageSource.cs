namespace Homeport.Log;

/// <summary>Where a record comes from; the annotation <c>iothub-message-source</c>.</summary>
public enum MessageSource : byte
{
    /// <summary>A device's own message.</summary>
    Telemetry = 0,
}
