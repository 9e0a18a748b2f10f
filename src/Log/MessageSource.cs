namespace Homeport.Log;

/// <summary>Where a record comes from; the annotation <c>iothub-message-source</c>. The numbers are stored.</summary>
public enum MessageSource : byte
{
    /// <summary>A device's own message.</summary>
    Telemetry = 0,
    /// <summary>A twin was updated or replaced.</summary>
    TwinChange = 1,
    /// <summary>A device or module was created or deleted.</summary>
    DeviceLifecycle = 2,
    /// <summary>A device or module connected or disconnected.</summary>
    DeviceConnectionState = 3,
    /// <summary>The digital twin of a device with a model changed.</summary>
    DigitalTwinChange = 4,
    /// <summary>A device changed as its operators see it: registered, provisioned, enabled, ... Homeport's own; IoT Central exports these.</summary>
    DeviceStatus = 5,
    /// <summary>A published device template came, changed or went. Homeport's own; IoT Central exports these.</summary>
    DeviceTemplate = 6,
}

/// <summary>The service's words for message sources.</summary>
public static class MessageSourceNames
{
    /// <summary>As consumers see it, and as settings name it.</summary>
    public static string NameOf(this MessageSource source) => source switch
    {
        MessageSource.TwinChange => "twinChangeEvents",
        MessageSource.DeviceLifecycle => "deviceLifecycleEvents",
        MessageSource.DeviceConnectionState => "deviceConnectionStateEvents",
        MessageSource.DigitalTwinChange => "digitalTwinChangeEvents",
        MessageSource.DeviceStatus => "deviceStatusEvents",
        MessageSource.DeviceTemplate => "deviceTemplateEvents",
        _ => "Telemetry",
    };
}
