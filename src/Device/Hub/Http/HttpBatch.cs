using System.Text.Json;
using Homeport.Contract.Messages;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub.Http;

/// <summary>Messages as <c>application/vnd.microsoft.iothub.json</c>. Source: IoT Hub device REST API, "Send device event", batches.</summary>
internal static class HttpBatch
{
    public const string ContentType = "application/vnd.microsoft.iothub.json";

    /// <summary>What fits into one request, with what Base64 and the names add.</summary>
    private const int MaxBytes = 255 * 1024;

    private const string ApplicationPrefix = "iothub-app-";

    /// <summary>Cuts messages into bodies of requests; a message is in one of them.</summary>
    /// <exception cref="MessageTooLargeException">A message is too large for HTTPS in this form.</exception>
    public static IEnumerable<byte[]> Encode(ReadOnlyMemory<OutgoingMessage> messages)
    {
        var start = 0;
        while (start < messages.Length)
        {
            using var body = new MemoryStream();
            var count = 0;
            using (var writer = new Utf8JsonWriter(body))
            {
                writer.WriteStartArray();
                while (start + count < messages.Length && (count == 0 || writer.BytesCommitted + writer.BytesPending + Estimate(messages.Span[start + count]) < MaxBytes))
                    Write(writer, messages.Span[start + count++]);
                writer.WriteEndArray();
            }

            if (body.Length > MessageLimits.DeviceToCloud)
                throw new MessageTooLargeException($"The message needs {body.Length} bytes over HTTPS; a hub takes {MessageLimits.DeviceToCloud}. MQTT needs fewer.");
            start += count;
            yield return body.ToArray();
        }
    }

    private static int Estimate(in OutgoingMessage message) => (message.Body.Length * 4 / 3) + (message.Bag.Length * 2) + 64;

    private static void Write(Utf8JsonWriter writer, in OutgoingMessage message)
    {
        writer.WriteStartObject();
        writer.WriteBase64String("body", message.Body.Span);
        writer.WriteStartObject("properties");
        foreach (var (name, value) in message.Properties())
            writer.WriteString(SystemName(name) ?? ApplicationPrefix + name, value ?? "");
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static string? SystemName(string name) => name switch
    {
        SystemProperty.MessageId => "iothub-messageid",
        SystemProperty.CorrelationId => "iothub-correlationid",
        SystemProperty.UserId => "iothub-userid",
        SystemProperty.ContentType => "iothub-contenttype",
        SystemProperty.ContentEncoding => "iothub-contentencoding",
        SystemProperty.CreationTime => "iothub-creationtimeutc",
        SystemProperty.MessageSchema => "iothub-messageschema",
        SystemProperty.Subject => "dt-subject",
        _ => null,
    };
}
