using System.Buffers;
using System.Globalization;
using System.Text;
using Homeport.Contract.Messages;
using Homeport.Contract.Rest;
using Homeport.Hub.CloudToDevice;
using Homeport.Log;
using Microsoft.AspNetCore.Http;

namespace Homeport.Gateway.Http.Devices;

/// <summary>A message's properties as HTTP headers, and back. Source: IoT Hub device REST API.</summary>
internal static class MessageHeaders
{
    /// <summary>Starts the names of the application's own properties.</summary>
    public const string ApplicationPrefix = "iothub-app-";

    public const string MessageId = "iothub-messageid";

    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&'*+-.^_`|~%");

    /// <summary>The name under which records keep a header's value, or null when the header is no property.</summary>
    public static string? PropertyOf(string header)
    {
        if (header.StartsWith(ApplicationPrefix, StringComparison.OrdinalIgnoreCase))
            return header.Length > ApplicationPrefix.Length ? header[ApplicationPrefix.Length..] : null;
        return header.ToUpperInvariant() switch
        {
            "IOTHUB-MESSAGEID" => SystemProperty.MessageId,
            "IOTHUB-CORRELATIONID" => SystemProperty.CorrelationId,
            "IOTHUB-USERID" => SystemProperty.UserId,
            "IOTHUB-TO" => SystemProperty.To,
            "IOTHUB-EXPIRY" => SystemProperty.AbsoluteExpiryTime,
            "IOTHUB-CONTENTTYPE" => SystemProperty.ContentType,
            "IOTHUB-CONTENTENCODING" => SystemProperty.ContentEncoding,
            "IOTHUB-MESSAGESCHEMA" => SystemProperty.MessageSchema,
            "IOTHUB-CREATIONTIMEUTC" => SystemProperty.CreationTime,
            "IOTHUB-INTERFACE-ID" => SystemProperty.InterfaceId,
            "DT-SUBJECT" => SystemProperty.Subject,
            "IOTHUB-ACK" => AckModes.Property,
            _ => null,
        };
    }

    /// <summary>The properties of a message that came as headers. The header Content-Type is HTTP's own, not the message's.</summary>
    public static List<KeyValuePair<string, string?>> Read(IHeaderDictionary headers)
    {
        var properties = new List<KeyValuePair<string, string?>>();
        foreach (var (header, value) in headers)
        {
            if (PropertyOf(header) is { } name)
                properties.Add(new(name, value.ToString()));
        }
        return properties;
    }

    /// <summary>Writes a message to a device as headers. The ETag is quoted: SDKs cut its first and last character off.</summary>
    public static void Write(IHeaderDictionary headers, LockedMessage locked)
    {
        var message = locked.Message;
        headers["ETag"] = $"\"{locked.LockToken}\"";
        headers["iothub-sequencenumber"] = message.Sequence.ToString(CultureInfo.InvariantCulture);
        headers["iothub-enqueuedtime"] = new ServiceTime(message.EnqueuedTime).ToString();
        headers["iothub-expiry"] = new ServiceTime(message.ExpiryTime).ToString();
        headers["iothub-deliverycount"] = message.DeliveryCount.ToString(CultureInfo.InvariantCulture);
        foreach (var (name, value) in RecordProperties.Read(message.Properties.Span))
        {
            var text = ValueText(value ?? "");
            if (HeaderOf(name) is { } header)
                headers[header] = text;
            else if (name != SystemProperty.AbsoluteExpiryTime)
                headers.Append(ApplicationPrefix + NameText(name), text);
            // The C SDK looks for these spellings.
            if (name is SystemProperty.ContentType)
                headers["ContentType"] = text;
            else if (name is SystemProperty.ContentEncoding)
                headers["ContentEncoding"] = text;
        }
    }

    /// <summary>A header's value has printable ASCII only; the bytes of what is not are written as %XX.</summary>
    public static string ValueText(string value) => Encode(value, c => c is >= ' ' and <= '~');

    private static string NameText(string name) => Encode(name, c => TokenCharacters.Contains(c));

    private static string? HeaderOf(string property) => property switch
    {
        SystemProperty.MessageId => MessageId,
        SystemProperty.CorrelationId => "iothub-correlationid",
        SystemProperty.UserId => "iothub-userid",
        SystemProperty.To => "iothub-to",
        SystemProperty.ContentType => "iothub-contenttype",
        SystemProperty.ContentEncoding => "iothub-contentencoding",
        SystemProperty.MessageSchema => "iothub-messageschema",
        SystemProperty.CreationTime => "iothub-creationtimeutc",
        SystemProperty.InterfaceId => "iothub-interface-id",
        SystemProperty.Subject => "dt-subject",
        AckModes.Property => "iothub-ack",
        _ => null,
    };

    private static string Encode(string text, Func<char, bool> isAllowed)
    {
        if (text.All(isAllowed))
            return text;
        var encoded = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsAscii && isAllowed((char)rune.Value))
                encoded.Append((char)rune.Value);
            else
                AppendBytes(encoded, rune);
        }
        return encoded.ToString();
    }

    private static void AppendBytes(StringBuilder target, Rune rune)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (var b in bytes[..rune.EncodeToUtf8(bytes)])
            target.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
    }
}
