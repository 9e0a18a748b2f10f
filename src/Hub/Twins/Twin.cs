using System.Buffers.Binary;

namespace Homeport.Hub.Twins;

/// <summary>The twin of a device or module: tags of the service, desired and reported properties.</summary>
public sealed record Twin
{
    /// <summary>Device of the twin.</summary>
    public required string DeviceId { get; init; }

    /// <summary>Module, or null for the device's own twin.</summary>
    public string? ModuleId { get; init; }

    /// <summary>Counts the service's writes of tags and desired properties.</summary>
    public long Counter { get; init; } = 1;

    /// <summary>Counts all changes; a new twin has 2, as in the service.</summary>
    public long Version { get; init; } = 2;

    /// <summary>A canonical JSON object.</summary>
    public ReadOnlyMemory<byte> Tags { get; init; } = "{}"u8.ToArray();

    /// <summary>What the service wants; read by the device.</summary>
    public TwinSection Desired { get; init; } = TwinSection.Empty;

    /// <summary>What the device says.</summary>
    public TwinSection Reported { get; init; } = TwinSection.Empty;

    /// <summary>Model that the device announced at its last connection, or empty.</summary>
    public string ModelId { get; init; } = "";

    /// <summary>A JSON object: which configurations target it and which one was written to it. Kept beside the twin.</summary>
    public ReadOnlyMemory<byte> Configurations { get; init; } = "{}"u8.ToArray();

    /// <summary>For If-Match: the counter, eight bytes in network order, in Base64.</summary>
    public string ETag => ETagOf(Counter);

    /// <summary>The device's view: desired and reported properties with their versions.</summary>
    public byte[] ForDevice() => [.. "{\"desired\":"u8, .. Desired.ForDevice(), .. ",\"reported\":"u8, .. Reported.ForDevice(), .. "}"u8];

    /// <summary>The ETag of a counter.</summary>
    public static string ETagOf(long counter)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, counter);
        return Convert.ToBase64String(bytes);
    }
}
