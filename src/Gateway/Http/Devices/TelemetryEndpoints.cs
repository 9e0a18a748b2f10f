using System.Globalization;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Messages;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Faults;
using Homeport.Hub.Limits;
using Homeport.Hub.Telemetry;
using Homeport.Log;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Devices;

/// <summary>Messages of devices over HTTPS: one in a request, or a batch.</summary>
public static class TelemetryEndpoints
{
    private const string BatchType = "application/vnd.microsoft.iothub.json";

    /// <summary>Maps <c>POST /devices/{d}/messages/events</c> and the form for modules.</summary>
    public static void MapTelemetry(this IEndpointRouteBuilder routes, DeviceCalls calls)
    {
        var send = calls.Guard((context, device) => SendAsync(calls, context, device));
        routes.MapPost("/devices/{deviceId}/messages/events", send);
        routes.MapPost("/devices/{deviceId}/modules/{moduleId}/messages/events", send);
    }

    private static async Task SendAsync(DeviceCalls calls, HttpContext context, AuthenticatedDevice device)
    {
        if (!(await ReadAsync(context)).Succeeded(out var messages, out var refusal))
            await calls.RefuseAsync(context, refusal);
        else if (Fault(calls.Door.Faults, device.Identity.Key, messages) is { } ordered)
            await calls.RefuseAsync(context, ordered);
        else if (Throttle(calls.Door.Throttles, device.Identity.Key, messages) is { } throttled)
            await calls.RefuseAsync(context, throttled);
        else
            await calls.AnswerAsync(context, await StoreAsync(calls.Door.Telemetry, device, messages, context.RequestAborted));
    }

    /// <summary>The refusal that one of the messages orders. Over HTTPS a fault concerns the call that orders it, and no later one.</summary>
    private static Refusal? Fault(FaultInjection? faults, string key, IReadOnlyList<Message> messages)
        => faults is null ? null : messages.Select(m => FaultOrder.Read(m.Properties) is { } order ? faults.Take(key, FaultProtocol.Https, order)?.Refusal : null).FirstOrDefault(r => r is not null);

    private static Throttled? Throttle(Throttles throttles, string key, IReadOnlyList<Message> messages)
        => throttles.TryTake(HubOperation.DeviceToCloudSend, key, messages.Count) ?? throttles.TryCount(messages.Sum(m => m.Properties.Length + m.Body.Length));

    private static async Task<Outcome<IReadOnlyList<Message>>> ReadAsync(HttpContext context)
    {
        if (await context.ReadBodyAsync(MessageLimits.DeviceToCloud) is not { } body)
            return TooLarge("The body has more bytes");
        if (context.Request.ContentType?.StartsWith(BatchType, StringComparison.OrdinalIgnoreCase) == true)
            return ReadBatch(body);
        var properties = MessageHeaders.Read(context.Request.Headers);
        return MessageLimits.PropertyBytes(properties) + body.Length > MessageLimits.DeviceToCloud
            ? TooLarge("The message has more bytes with its properties")
            : new Outcome<IReadOnlyList<Message>>([new Message(RecordProperties.Write(properties), body)]);
    }

    private static Outcome<IReadOnlyList<Message>> ReadBatch(byte[] body)
    {
        IReadOnlyList<BatchedMessage?>? elements;
        try
        {
            elements = JsonSerializer.Deserialize(body, Json.Default.IReadOnlyListBatchedMessage);
        }
        catch (JsonException e)
        {
            var position = string.Create(CultureInfo.InvariantCulture, $"line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}, at {e.Path ?? "$"}");
            return new Refusal(HubErrors.IotHubFormatError, $"The batch is not the JSON that is expected here ({position})", """Send [{"body":"<Base64>","properties":{"iothub-app-name":"value"}}].""");
        }
        if (elements is null or [])
            return new Refusal(HubErrors.ArgumentInvalid, "The batch has no messages", "Send one at least.");
        var messages = new List<Message>(elements.Count);
        foreach (var element in elements)
        {
            if (!ReadElement(element).Succeeded(out var message, out var refusal))
                return refusal with { Seen = $"Message {messages.Count + 1} of the batch: {refusal.Seen}" };
            messages.Add(message);
        }
        return new Outcome<IReadOnlyList<Message>>(messages);
    }

    private static Outcome<Message> ReadElement(BatchedMessage? element)
    {
        if (element?.Body is not { } text)
            return new Refusal(HubErrors.ArgumentNull, "it has no body", "Add the member body.");
        var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        int length;
        if (element.Base64Encoded == false)
            length = Encoding.UTF8.GetBytes(text, bytes);
        else if (!Convert.TryFromBase64String(text, bytes, out length))
            return new Refusal(HubErrors.ArgumentInvalid, "its body is no Base64", "Encode the body, or add \"base64Encoded\":false.");
        var properties = new List<KeyValuePair<string, string?>>();
        foreach (var (header, value) in element.Properties ?? new Dictionary<string, JsonElement>())
        {
            if (MessageHeaders.PropertyOf(header) is not { } name)
                continue;
            if (Encoding.UTF8.GetByteCount(name) > MessageLimits.PropertyName || value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
                return new Refusal(HubErrors.ArgumentInvalid, "a property's name is too long, or its value is no text", "Use shorter names, and texts as values.");
            properties.Add(new(name, value.ValueKind switch
            {
                JsonValueKind.Null => null,
                JsonValueKind.String => value.GetString(),
                _ => value.GetRawText(),
            }));
        }
        return new Message(RecordProperties.Write(properties), bytes.AsMemory(0, length));
    }

    /// <summary>Stores the messages together; null when they are durable.</summary>
    private static async Task<Refusal?> StoreAsync(TelemetryIngest telemetry, AuthenticatedDevice device, IReadOnlyList<Message> messages, CancellationToken token)
    {
        var writer = telemetry.WriterFor(device);
        var commits = new HashSet<Commit>();
        await telemetry.RoomAsync(writer, token);
        foreach (var message in messages)
            commits.Add(telemetry.Append(writer, message.Properties, message.Body.Span));
        try
        {
            foreach (var commit in commits)
                await commit.WhenDurable();
            return null;
        }
        catch (IOException)
        {
            // The log said why, once for all its senders.
            return new Refusal(HubErrors.ServiceUnavailable, "The message could not be stored", "Send it again later.");
        }
    }

    private static Refusal TooLarge(string seen)
        => new(HubErrors.MessageTooLarge, $"{seen} than {MessageLimits.DeviceToCloud}", "Send less at a time.");

    private sealed record Message(byte[] Properties, ReadOnlyMemory<byte> Body);
}
