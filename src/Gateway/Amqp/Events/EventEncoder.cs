using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Contract.Messages;
using Homeport.Log;

namespace Homeport.Gateway.Amqp.Events;

/// <summary>
/// Writes a stored record as the message that readers of the Event Hubs endpoint get: annotations of the broker and of the hub, the
/// properties section, the application's properties and one data section. Not for several threads at once: rent one.
/// </summary>
/// <remarks>Source: Azure "Read device-to-cloud messages from the built-in endpoint", and what SDKs look at.</remarks>
internal sealed class EventEncoder
{
    /// <summary>Senders whose part of the annotations is kept encoded.</summary>
    private const int KeptOrigins = 1024;

    private static readonly ConcurrentBag<EventEncoder> Free = [];

    private readonly AmqpWriter _writer = new();
    private readonly Dictionary<byte[], EncodedOrigin> _origins = new(OriginComparer.Instance);
    private readonly Dictionary<byte[], EncodedOrigin>.AlternateLookup<ReadOnlySpan<byte>> _find;

    private EventEncoder() => _find = _origins.GetAlternateLookup<ReadOnlySpan<byte>>();

    public static EventEncoder Rent() => Free.TryTake(out var encoder) ? encoder : new EventEncoder();

    public void Return() => Free.Add(this);

    /// <summary>The message's bytes, until the next call.</summary>
    /// <param name="record">The record.</param>
    /// <param name="metrics">What the partition holds, for readers who want to know how far behind they are; else null.</param>
    /// <param name="now">The time that goes with it.</param>
    public ReadOnlySpan<byte> Encode(in RecordView record, PartitionExtent? metrics, DateTimeOffset now)
    {
        _writer.Clear(keep: 64 * 1024);
        var known = new KnownProperties(record.Properties);
        if (metrics is not null)
            WriteMetrics(metrics, now);
        WriteAnnotations(record, known);
        WriteProperties(known);
        if (known.ApplicationCount > 0)
            WriteApplicationProperties(record, known.ApplicationCount);
        _writer.WriteDescriptor((ulong)Section.Data);
        _writer.WriteBinary(record.Body);
        return _writer.Written;
    }

    private void WriteMetrics(PartitionExtent extent, DateTimeOffset now)
    {
        _writer.WriteDescriptor((ulong)Section.DeliveryAnnotations);
        var map = _writer.BeginMap();
        _writer.WriteSymbolUtf8("last_enqueued_sequence_number"u8);
        _writer.WriteLong(extent.Next - 1);
        _writer.WriteSymbolUtf8("last_enqueued_offset"u8);
        WriteNumber(extent.Next - 1);
        _writer.WriteSymbolUtf8("last_enqueued_time_utc"u8);
        _writer.WriteTimestamp((extent.LastTime ?? DateTimeOffset.MinValue).ToUnixTimeMilliseconds());
        _writer.WriteSymbolUtf8("runtime_info_retrieval_time_utc"u8);
        _writer.WriteTimestamp(now.ToUnixTimeMilliseconds());
        _writer.EndMap(map, 8);
    }

    private void WriteAnnotations(in RecordView record, in KnownProperties known)
    {
        _writer.WriteDescriptor((ulong)Section.MessageAnnotations);
        var map = _writer.BeginMap();
        _writer.WriteSymbolUtf8("x-opt-sequence-number"u8);
        _writer.WriteLong(record.Offset);
        _writer.WriteSymbolUtf8("x-opt-offset"u8);
        WriteNumber(record.Offset);
        _writer.WriteSymbolUtf8("x-opt-enqueued-time"u8);
        _writer.WriteTimestamp(record.EnqueuedTime);
        _writer.WriteSymbolUtf8("iothub-enqueuedtime"u8);
        _writer.WriteTimestamp(record.EnqueuedTime);
        _writer.WriteSymbolUtf8("iothub-message-source"u8);
        _writer.WriteString(record.Source.NameOf());
        var origin = OriginOf(record.Origin);
        _writer.WriteRaw(origin.Bytes);
        var count = 5 + origin.Count;
        count += WriteAnnotation("dt-subject"u8, known.Subject, known.HasSubject);
        count += WriteAnnotation("iothub-interface-id"u8, known.InterfaceId, known.HasInterfaceId);
        count += WriteAnnotation("Diagnostic-Id"u8, known.DiagnosticId, known.HasDiagnosticId);
        count += WriteAnnotation("Correlation-Context"u8, known.DiagnosticContext, known.HasDiagnosticContext);
        _writer.EndMap(map, count * 2);
    }

    private int WriteAnnotation(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isThere)
    {
        if (!isThere)
            return 0;
        _writer.WriteSymbolUtf8(name);
        _writer.WriteUtf8(value);
        return 1;
    }

    private void WriteProperties(in KnownProperties known)
    {
        if (!known.HasProperties)
            return;
        _writer.WriteDescriptor((ulong)Section.Properties);
        var list = _writer.BeginList();
        WriteText(known.MessageId, known.HasMessageId);
        if (known.HasUserId)
            _writer.WriteBinary(known.UserId);
        else
            _writer.WriteNull();
        WriteText(known.To, known.HasTo);
        // subject, reply-to
        _writer.WriteNull();
        _writer.WriteNull();
        WriteText(known.CorrelationId, known.HasCorrelationId);
        WriteSymbol(known.ContentType, known.HasContentType);
        WriteSymbol(known.ContentEncoding, known.HasContentEncoding);
        if (known.HasExpiry && TryReadTime(known.Expiry, out var expiry))
            _writer.WriteTimestamp(expiry.ToUnixTimeMilliseconds());
        else
            _writer.WriteNull();
        _writer.EndList(list, 9);
    }

    private void WriteApplicationProperties(in RecordView record, int count)
    {
        _writer.WriteDescriptor((ulong)Section.ApplicationProperties);
        var map = _writer.BeginMap();
        var properties = new RecordProperties.Reader(record.Properties);
        while (properties.Read())
        {
            var name = KnownProperties.ApplicationName(properties.Name);
            if (name.IsEmpty && !properties.Name.IsEmpty)
                continue;
            _writer.WriteUtf8(name);
            WriteText(properties.Value, properties.HasValue);
        }
        _writer.EndMap(map, count * 2);
    }

    private void WriteText(ReadOnlySpan<byte> value, bool isThere)
    {
        if (isThere)
            _writer.WriteUtf8(value);
        else
            _writer.WriteNull();
    }

    /// <summary>A symbol is ASCII; devices may send anything.</summary>
    private void WriteSymbol(ReadOnlySpan<byte> value, bool isThere)
    {
        if (!isThere)
            _writer.WriteNull();
        else if (Ascii.IsValid(value))
            _writer.WriteSymbolUtf8(value);
        else
            _writer.WriteSymbol(Encoding.ASCII.GetString(value));
    }

    private void WriteNumber(long value)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(value, digits, out var length);
        _writer.WriteUtf8(digits[..length]);
    }

    private static bool TryReadTime(ReadOnlySpan<byte> text, out DateTimeOffset time)
        => DateTimeOffset.TryParse(Encoding.UTF8.GetString(text), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

    private EncodedOrigin OriginOf(ReadOnlySpan<byte> bytes)
    {
        if (_find.TryGetValue(bytes, out var known))
            return known;
        if (_origins.Count >= KeptOrigins)
            _origins.Clear();
        return _origins[bytes.ToArray()] = EncodedOrigin.Of(RecordOrigin.Decode(bytes));
    }

    /// <summary>The annotations that a sender's records share.</summary>
    /// <param name="Bytes">Keys and values.</param>
    /// <param name="Count">Number of pairs.</param>
    private sealed record EncodedOrigin(byte[] Bytes, int Count)
    {
        public static EncodedOrigin Of(RecordOrigin origin)
        {
            var writer = new AmqpWriter();
            var count = 0;
            void Add(string name, string? value)
            {
                if (string.IsNullOrEmpty(value))
                    return;
                writer.WriteSymbol(name);
                writer.WriteString(value);
                count++;
            }

            Add("x-opt-partition-key", origin.DeviceId);
            Add("iothub-connection-device-id", origin.DeviceId);
            Add("iothub-connection-module-id", origin.ModuleId);
            Add("iothub-connection-auth-method", origin.AuthMethod);
            Add("iothub-connection-auth-generation-id", origin.GenerationId);
            Add(SystemProperty.DataSchema, origin.ModelId);
            return new EncodedOrigin(writer.Written.ToArray(), count);
        }
    }

    private sealed class OriginComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly OriginComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
