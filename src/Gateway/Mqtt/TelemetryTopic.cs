using System.Buffers;
using System.Text;
using Homeport.Contract;
using Homeport.Contract.Messages;
using Homeport.Log;

namespace Homeport.Gateway.Mqtt;

/// <summary>
/// The topic that a device publishes its messages to: <c>devices/{d}[/modules/{m}]/messages/events/{bag}</c>. One SDK writes a slash
/// behind the bag.
/// </summary>
internal sealed class TelemetryTopic(string deviceId, string? moduleId)
{
    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(moduleId is null
        ? $"devices/{deviceId}/messages/events"
        : $"devices/{deviceId}/modules/{moduleId}/messages/events");

    /// <summary>True when the topic is this one; gives the raw bag.</summary>
    public bool TryMatch(ReadOnlySpan<byte> topic, out ReadOnlySpan<byte> bag)
    {
        bag = default;
        if (!topic.StartsWith(_prefix))
            return false;
        bag = topic[_prefix.Length..];
        if (bag.IsEmpty)
            return true;
        if (bag[0] != '/')
            return false;
        bag = bag[1..];
        if (bag.EndsWith("/"u8))
            bag = bag[..^1];
        return true;
    }

    /// <summary>The most bytes that <see cref="WriteProperties"/> writes for a bag.</summary>
    public static int MaxPropertySize(ReadOnlySpan<byte> bag)
        => bag.Length + RecordProperties.Overhead * (bag.Count((byte)'&') + 1) + RetainProperty.Length;

    /// <summary>Decodes a bag into a record's property block. Returns its size.</summary>
    /// <param name="bag">The raw bag.</param>
    /// <param name="retain">Adds the property that says so.</param>
    /// <param name="target">Room for <see cref="MaxPropertySize"/> bytes.</param>
    /// <param name="counted">Bytes that count for the limit of a message: names and values, of system properties the values only.</param>
    public static int WriteProperties(ReadOnlySpan<byte> bag, bool retain, Span<byte> target, out int counted)
    {
        var size = 0;
        counted = 0;
        var reader = new PropertyBag.Reader(bag);
        while (reader.Read())
        {
            var room = target[size..];
            var nameLength = PercentEncoding.Decode(reader.Name, RecordProperties.NameRoom(room));
            int? valueLength = reader.HasValue ? PercentEncoding.Decode(reader.Value, RecordProperties.ValueRoom(room, nameLength)) : null;
            size += RecordProperties.Close(room, nameLength, valueLength);
            counted += (RecordProperties.NameRoom(room)[..nameLength].StartsWith("$."u8) ? 0 : nameLength) + (valueLength ?? 0);
        }
        if (retain)
        {
            RetainProperty.CopyTo(target[size..]);
            size += RetainProperty.Length;
        }
        return size;
    }

    // The service keeps no retained messages: it takes them as ordinary ones and says so in a property.
    private static readonly byte[] RetainProperty = Retain();

    private static byte[] Retain()
    {
        var writer = new ArrayBufferWriter<byte>();
        var size = RecordProperties.Write(writer.GetSpan(64), "mqtt-retain"u8, "true"u8);
        writer.Advance(size);
        return writer.WrittenSpan.ToArray();
    }
}
