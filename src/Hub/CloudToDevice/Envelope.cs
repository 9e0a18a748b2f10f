using System.Globalization;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Contract.Messages;
using Homeport.Contract.Naming;
using Homeport.Log;

namespace Homeport.Hub.CloudToDevice;

/// <summary>Checks a sender's message and writes it as queues keep it.</summary>
internal static class Envelope
{
    private const int MaxMessageId = 128;

    public static Outcome<NewMessage> Close(QueueAddress queue, CloudToDeviceMessage message, TimeSpan timeToLive, DateTimeOffset now)
    {
        string? Find(string name) => message.Properties.LastOrDefault(p => p.Key == name).Value;

        if (CheckSize(message) is { } size)
            return size;
        if (AckModes.Parse(Find(AckModes.Property)) is not { } ack)
            return new Refusal(HubErrors.ArgumentInvalid, $"{AckModes.Property} is '{Shorten(Find(AckModes.Property)!)}'", "Use none, positive, negative or full.");
        var id = Find(SystemProperty.MessageId) is { Length: > 0 } given ? given : Guid.NewGuid().ToString();
        if (id.Length > MaxMessageId || DeviceIdRules.Check(id) is not null)
            return new Refusal(HubErrors.ArgumentInvalid, "The message id has a character that is not allowed, or is too long", $"Allowed are 1 to {MaxMessageId} characters of A-Z a-z 0-9 - : . + % _ # * ? ! ( ) , = @ ; $ '.");
        var expiry = Find(SystemProperty.AbsoluteExpiryTime) is { Length: > 0 } text ? ReadExpiry(text, now) : now + timeToLive;
        if (expiry is not { } end)
        {
            return new Refusal(HubErrors.InvalidMessageExpiryTime, $"The expiry time is '{Shorten(Find(SystemProperty.AbsoluteExpiryTime)!)}', the server's time is {now.UtcDateTime:o}",
                $"Give a time in the future, {CloudToDeviceSettings.MaxTimeToLive.TotalDays} days ahead at most, such as 2026-01-31T12:00:00Z.");
        }
        var block = RecordProperties.Write(Rewrite(queue, message, id, ack, end));
        return new NewMessage(queue, id, now, end, ack, block, message.Body);
    }

    private static Refusal? CheckSize(CloudToDeviceMessage message)
    {
        var size = MessageLimits.PropertyBytes(message.Properties) + message.Body.Length;
        if (size > MessageLimits.CloudToDevice || message.Properties.Any(p => Encoding.UTF8.GetByteCount(p.Key) > MessageLimits.PropertyName))
        {
            return new Refusal(HubErrors.MessageTooLarge, $"The message has {size} bytes with its properties, the limit is {MessageLimits.CloudToDevice}",
                "Send less, or the address of a file.");
        }
        return message.Properties.Any(p => p.Key.Length == 0)
            ? new Refusal(HubErrors.ArgumentInvalid, "A property has no name", "Give it one.")
            : null;
    }

    private static DateTimeOffset? ReadExpiry(string text, DateTimeOffset now)
        => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            && time > now && time <= now + CloudToDeviceSettings.MaxTimeToLive ? time : null;

    /// <summary>
    /// The properties as devices get them. SDKs need some exactly so: never an empty bag, times in round-trip form, no name without
    /// a value.
    /// </summary>
    private static List<KeyValuePair<string, string?>> Rewrite(QueueAddress queue, CloudToDeviceMessage message, string id, AckMode ack, DateTimeOffset expiry)
    {
        var properties = new List<KeyValuePair<string, string?>>(message.Properties.Count + 2) { new(SystemProperty.MessageId, id), new(SystemProperty.To, AddressOf(queue)) };
        var hasExpiry = false;
        foreach (var (name, value) in message.Properties)
        {
            if (name is SystemProperty.AbsoluteExpiryTime)
                hasExpiry = !string.IsNullOrEmpty(value);
            else if (name is not (SystemProperty.MessageId or SystemProperty.To or AckModes.Property))
                properties.Add(new(name, value ?? ""));
        }
        if (hasExpiry)
            properties.Add(new(SystemProperty.AbsoluteExpiryTime, expiry.UtcDateTime.ToString("o", CultureInfo.InvariantCulture)));
        if (ack != AckMode.None)
            properties.Add(new(AckModes.Property, ack.Text()));
        return properties;
    }

    private static string AddressOf(QueueAddress queue) => queue.ModuleId is null
        ? $"/devices/{queue.DeviceId}/messages/deviceBound"
        : $"/devices/{queue.DeviceId}/modules/{queue.ModuleId}/messages/deviceBound";

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "...";
}
