using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Homeport.Contract.Messages;
using Homeport.Hub.Query;
using Homeport.Log;

namespace Homeport.Routing;

/// <summary>A message on its way to an endpoint, and what conditions read of it.</summary>
public sealed class RoutedMessage : IQueryRow
{
    // As deep as conditions look; what is deeper is no JSON to them.
    private static readonly JsonReaderOptions Depth = new() { MaxDepth = 1000 };

    private static readonly Dictionary<string, Func<RoutedMessage, string?>> SystemNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["contentType"] = m => m.Stated(SystemProperty.ContentType),
        ["contentEncoding"] = m => m.Stated(SystemProperty.ContentEncoding),
        ["messageId"] = m => m.Stated(SystemProperty.MessageId),
        ["correlationId"] = m => m.Stated(SystemProperty.CorrelationId),
        ["userId"] = m => m.Stated(SystemProperty.UserId),
        ["to"] = m => m.Stated(SystemProperty.To),
        ["absoluteExpiryTime"] = m => m.Stated(SystemProperty.AbsoluteExpiryTime),
        ["iothub-creation-time-utc"] = m => m.Stated(SystemProperty.CreationTime),
        ["iothub-interface-id"] = m => m.Stated(SystemProperty.InterfaceId),
        ["dt-subject"] = m => m.Stated(SystemProperty.Subject),
        ["dt-dataschema"] = m => m.Origin.ModelId,
        ["connectionDeviceId"] = m => m.Origin.DeviceId,
        ["connectionModuleId"] = m => m.Origin.ModuleId,
        ["connectionDeviceGenerationId"] = m => m.Origin.GenerationId.Length > 0 ? m.Origin.GenerationId : null,
        ["connectionAuthMethod"] = m => m.Origin.AuthMethod.Length > 0 ? m.Origin.AuthMethod : null,
        ["enqueuedTime"] = m => Time(m.EnqueuedTime),
        ["iothub-message-source"] = m => m.Source.NameOf(),
    };

    private readonly List<KeyValuePair<string, string?>> _stated = [];
    private readonly List<KeyValuePair<string, string?>> _properties = [];
    private ReadOnlyMemory<byte>? _json;

    /// <summary>A message of the log.</summary>
    public RoutedMessage(int partition, Record record)
        : this(partition, record.Offset, record.EnqueuedTime, record.Source, record.Origin, record.Properties, record.Body)
    {
    }

    /// <summary>A message.</summary>
    /// <param name="partition">Where it is in the log.</param>
    /// <param name="offset">Its place in the partition.</param>
    /// <param name="enqueuedTime">When the hub took it.</param>
    /// <param name="source">Where it comes from.</param>
    /// <param name="origin">Who sent it.</param>
    /// <param name="properties">As records have them: the system's under their MQTT names, and the application's own.</param>
    /// <param name="body">Bytes as sent.</param>
    public RoutedMessage(int partition, long offset, DateTimeOffset enqueuedTime, MessageSource source, RecordOrigin origin, IEnumerable<KeyValuePair<string, string?>> properties, ReadOnlyMemory<byte> body)
    {
        (Partition, Offset, EnqueuedTime, Source, Origin, Body) = (partition, offset, enqueuedTime, source, origin, body);
        foreach (var property in properties)
            (SystemProperty.LongName(property.Key) is null ? _properties : _stated).Add(property);
    }

    /// <summary>Partition of the log.</summary>
    public int Partition { get; }

    /// <summary>Place in the partition.</summary>
    public long Offset { get; }

    /// <summary>When the hub took it.</summary>
    public DateTimeOffset EnqueuedTime { get; }

    /// <summary>Which one it is of several that were made of the record at its place, counted from 0.</summary>
    public int Part { get; init; }

    /// <summary>It says all itself: endpoints get its body and properties and nothing of the hub's beside them.</summary>
    public bool IsPlain { get; init; }

    /// <summary>Where it comes from.</summary>
    public MessageSource Source { get; }

    /// <summary>Who sent it.</summary>
    public RecordOrigin Origin { get; }

    /// <summary>The application's own properties and the enrichments.</summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Properties => _properties;

    /// <summary>Bytes as sent.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>The sender's twin as conditions read it; empty when nobody asks for it or there is none.</summary>
    public ReadOnlyMemory<byte> Twin { get; set; }

    /// <summary>
    /// The body as JSON in UTF-8 when the message says that it is JSON (content type) in UTF-8, UTF-16 or UTF-32 (content encoding), and it is;
    /// else empty.
    /// </summary>
    public ReadOnlyMemory<byte> Json => _json ??= ReadJson();

    /// <summary>Bytes of the message, about.</summary>
    public int Size => Body.Length + 512;

    /// <summary>The system properties that it has, by the names of routing queries without the dollar.</summary>
    public IEnumerable<KeyValuePair<string, string>> SystemProperties
        => SystemNames.Select(n => new KeyValuePair<string, string?>(n.Key, n.Value(this))).Where(p => p.Value is not null).Select(p => new KeyValuePair<string, string>(p.Key, p.Value!));

    QueryKey IQueryRow.Key => new(Origin.DeviceId, Origin.ModuleId);

    /// <summary>A system property under the name of records (<see cref="SystemProperty"/>), or null; of a name that comes twice, the last counts.</summary>
    public string? Stated(string name) => Last(_stated, name, StringComparison.Ordinal);

    /// <summary>An application property, or null.</summary>
    public string? Property(string name) => Last(_properties, name, StringComparison.OrdinalIgnoreCase);

    /// <summary>A name for it that it keeps when it is delivered again.</summary>
    /// <param name="hubName">Whose message it is.</param>
    public string PlaceIn(string hubName) => string.Create(CultureInfo.InvariantCulture, $"{hubName}/{Partition}/{Offset}{(Part > 0 ? $".{Part}" : "")}");

    /// <summary>Adds a property; it takes the place of one of the same name.</summary>
    public void Enrich(string name, string value)
    {
        _properties.RemoveAll(p => p.Key == name);
        _properties.Add(new(name, value));
    }

    /// <inheritdoc/>
    public QueryValue Get(QueryPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (MessageCondition.IsBody(path))
            return QueryValue.Find(Json, path, 1);
        if (MessageCondition.IsTwin(path))
            return QueryValue.Find(Twin, path, 1);
        var name = path.Steps[0].Name ?? "";
        if (!name.StartsWith('$'))
            return QueryValue.From(Property(name));
        // As in the service: a system property first, then the application's own.
        return QueryValue.From(SystemNames.TryGetValue(name[1..], out var read) ? read(this) : Property(name[1..]));
    }

    /// <summary>The MQTT name of a system property in routing queries; null for one that does not come in the message.</summary>
    internal static string? RecordName(string name) => name.ToUpperInvariant() switch
    {
        "CONTENTTYPE" => SystemProperty.ContentType,
        "CONTENTENCODING" => SystemProperty.ContentEncoding,
        "MESSAGEID" => SystemProperty.MessageId,
        "CORRELATIONID" => SystemProperty.CorrelationId,
        "USERID" => SystemProperty.UserId,
        "TO" => SystemProperty.To,
        "IOTHUB-CREATION-TIME-UTC" => SystemProperty.CreationTime,
        "IOTHUB-INTERFACE-ID" => SystemProperty.InterfaceId,
        "DT-SUBJECT" => SystemProperty.Subject,
        _ => null,
    };

    /// <summary>UTC with milliseconds.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string? Last(List<KeyValuePair<string, string?>> properties, string name, StringComparison comparison)
        => properties.FindLast(p => string.Equals(p.Key, name, comparison)).Value;

    private ReadOnlyMemory<byte> ReadJson()
    {
        var type = Stated(SystemProperty.ContentType)?.Split(';')[0].Trim();
        if (!"application/json".Equals(type, StringComparison.OrdinalIgnoreCase) && !"application/json-patch+json".Equals(type, StringComparison.OrdinalIgnoreCase))
            return default;
        ReadOnlyMemory<byte> utf8;
        switch (Stated(SystemProperty.ContentEncoding)?.ToUpperInvariant())
        {
            case "UTF-8":
                utf8 = Body.Span.StartsWith("\uFEFF"u8) ? Body[3..] : Body;
                break;
            case "UTF-16":
                utf8 = Encoding.Convert(Encoding.Unicode, Encoding.UTF8, Body.ToArray());
                break;
            case "UTF-32":
                utf8 = Encoding.Convert(Encoding.UTF32, Encoding.UTF8, Body.ToArray());
                break;
            default:
                return default;
        }
        return IsJson(utf8.Span) ? utf8 : default;
    }

    private static bool IsJson(ReadOnlySpan<byte> utf8)
    {
        if (!Utf8.IsValid(utf8))
            return false;
        var reader = new Utf8JsonReader(utf8, Depth);
        try
        {
            while (reader.Read())
            {
                // All of it has to be JSON.
            }
            return true;
        }
        catch (JsonException)
        {
            // Devices send what they want: it is a body without parts.
            return false;
        }
    }
}
