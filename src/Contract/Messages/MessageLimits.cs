using System.Text;

namespace Homeport.Contract.Messages;

/// <summary>Sizes of messages. Source: Azure "IoT Hub quotas and throttling".</summary>
public static class MessageLimits
{
    /// <summary>Largest device-to-cloud message, in bytes: body, system property values, application property names and values.</summary>
    public const int DeviceToCloud = 256 * 1024;

    /// <summary>Largest cloud-to-device message, in bytes, counted in the same way.</summary>
    public const int CloudToDevice = 64 * 1024;

    /// <summary>Longest name of a property, in bytes of UTF-8.</summary>
    public const int PropertyName = ushort.MaxValue;

    /// <summary>What properties count for the size of a message, in bytes: names and values, of system properties the values only.</summary>
    public static long PropertyBytes(IEnumerable<KeyValuePair<string, string?>> properties)
        => properties.Sum(p => (p.Key.StartsWith("$.", StringComparison.Ordinal) ? 0L : Encoding.UTF8.GetByteCount(p.Key)) + Encoding.UTF8.GetByteCount(p.Value ?? ""));
}
