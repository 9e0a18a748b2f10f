namespace Homeport.Contract.Messages;

/// <summary>Sizes of messages. Source: Azure "IoT Hub quotas and throttling".</summary>
public static class MessageLimits
{
    /// <summary>Largest device-to-cloud message, in bytes: body, system property values, application property names and values.</summary>
    public const int DeviceToCloud = 256 * 1024;
}
