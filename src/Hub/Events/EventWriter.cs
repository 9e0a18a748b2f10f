using System.Buffers;
using System.Text;
using Homeport.Contract.Messages;
using Homeport.Contract.Rest;
using Homeport.Hub.DigitalTwins;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Log;

namespace Homeport.Hub.Events;

/// <summary>
/// Makes the events of the sources that are switched on. Source: Azure "IoT Hub non-telemetry event schemas".
/// </summary>
/// <param name="hubName">Name of the hub, as consumers see it.</param>
/// <param name="sources">Sources that are on.</param>
/// <param name="time">The clock.</param>
public sealed class EventWriter(string hubName, IReadOnlySet<MessageSource> sources, TimeProvider time)
{
    /// <summary>Called when an event was stored: must only post and return.</summary>
    public Action? Stored { get; set; }

    /// <summary>Says that an event was stored.</summary>
    public void NoteStored() => Stored?.Invoke();

    /// <summary>Says of a source whether a route takes its events.</summary>
    public Func<MessageSource, bool> Routed { get; set; } = static _ => false;

    /// <summary>True when events of a source are wanted: by a setting or by a route.</summary>
    public bool Wants(MessageSource source) => sources.Contains(source) || Routed(source);

    /// <summary>A device or module was created or deleted. Null when nobody wants to know.</summary>
    public HubEvent? Lifecycle(Identity identity, Twin twin, bool created)
        => Wants(MessageSource.DeviceLifecycle)
            ? Make(MessageSource.DeviceLifecycle, identity.DeviceId, identity.ModuleId, identity.GenerationId, "deviceLifecycleNotification",
                created ? "createDeviceIdentity" : "deleteDeviceIdentity", TwinEvents.Whole(twin))
            : null;

    /// <summary>A twin changed. What consumers of twins, and of digital twins of devices with a model, want to know; empty when nobody does.</summary>
    /// <param name="before">The twin before the change.</param>
    /// <param name="after">The twin after it.</param>
    /// <param name="body">Writes what changed, see <see cref="TwinEvents"/>.</param>
    /// <param name="replaced">All of it was replaced.</param>
    public IReadOnlyList<HubEvent> TwinChanged(Twin before, Twin after, Func<byte[]> body, bool replaced)
    {
        var told = new List<HubEvent>();
        if (Wants(MessageSource.TwinChange))
            told.Add(Make(MessageSource.TwinChange, after.DeviceId, after.ModuleId, "", "twinChangeNotification", replaced ? "replaceTwin" : "updateTwin", body()));
        if (Wants(MessageSource.DigitalTwinChange) && after.ModelId.Length > 0 && DigitalTwinChange.Between(before, after) is { } patch)
            told.Add(Make(MessageSource.DigitalTwinChange, after.DeviceId, after.ModuleId, "", "digitalTwinChangeNotification", "updateTwin", patch, "application/json-patch+json"));
        return told;
    }

    /// <summary>An identity connected or disconnected.</summary>
    /// <param name="activity">The identity.</param>
    /// <param name="connected">What it is now.</param>
    /// <param name="sequence">64 hexadecimal digits, larger than those of the event before.</param>
    public HubEvent ConnectionState(IdentityActivity activity, bool connected, string sequence)
        => Make(MessageSource.DeviceConnectionState, activity.DeviceId, activity.ModuleId, "", "deviceConnectionStateNotification",
            connected ? "deviceConnected" : "deviceDisconnected", Encoding.UTF8.GetBytes($$"""{"sequenceNumber":"{{sequence}}"}"""));

    private HubEvent Make(MessageSource source, string deviceId, string? moduleId, string generationId, string schema, string operation, byte[] body, string contentType = "application/json")
    {
        (string Name, string? Value)[] properties =
        [
            (SystemProperty.ContentType, contentType),
            (SystemProperty.ContentEncoding, "utf-8"),
            (SystemProperty.CorrelationId, Guid.NewGuid().ToString("N")),
            (SystemProperty.UserId, hubName),
            ("iothub-message-schema", schema),
            ("opType", operation),
            ("operationTimestamp", new ServiceTime(time.GetUtcNow()).ToString()),
            ("hubName", hubName),
            ("deviceId", deviceId),
            ("moduleId", moduleId),
        ];
        return new HubEvent(source, deviceId, moduleId, generationId, Block(properties), body);
    }

    private static byte[] Block((string Name, string? Value)[] properties)
    {
        var block = new ArrayBufferWriter<byte>();
        foreach (var (name, value) in properties)
        {
            if (value is null)
                continue;
            var (nameBytes, valueBytes) = (Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(value));
            block.Advance(RecordProperties.Write(block.GetSpan(RecordProperties.Overhead + nameBytes.Length + valueBytes.Length), nameBytes, valueBytes));
        }
        return block.WrittenSpan.ToArray();
    }
}
