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

    /// <summary>A device changed as its operators see it.</summary>
    /// <param name="kind"><c>registered</c>, <c>deleted</c>, <c>provisioned</c>, <c>enabled</c>, <c>disabled</c>, <c>displayNameChanged</c> or <c>deviceTemplateChanged</c>.</param>
    /// <param name="deviceId">The device.</param>
    /// <param name="at">When.</param>
    /// <param name="device">JSON: what is known of it afterwards, or was known of one that is deleted.</param>
    public HubEvent StatusChanged(string kind, string deviceId, DateTimeOffset at, byte[] device)
        => Make(MessageSource.DeviceStatus, deviceId, null, "", "deviceStatusNotification", kind, device, at: at);

    /// <summary>A published template changed. No device says so: the id of the device is empty.</summary>
    /// <param name="kind"><c>created</c>, <c>updated</c> or <c>deleted</c>.</param>
    /// <param name="templateId">The template.</param>
    /// <param name="at">When.</param>
    /// <param name="template">JSON: its id, name and model.</param>
    public HubEvent TemplateChanged(string kind, string templateId, DateTimeOffset at, byte[] template)
        => Make(MessageSource.DeviceTemplate, "", null, "", "deviceTemplateNotification", kind, template, at: at, templateId: templateId);

    private HubEvent Make(
        MessageSource source, string deviceId, string? moduleId, string generationId, string schema, string operation, byte[] body, string contentType = "application/json",
        DateTimeOffset? at = null, string? templateId = null)
    {
        (string Name, string? Value)[] properties =
        [
            (SystemProperty.ContentType, contentType),
            (SystemProperty.ContentEncoding, "utf-8"),
            (SystemProperty.CorrelationId, Guid.NewGuid().ToString("N")),
            (SystemProperty.UserId, hubName),
            ("iothub-message-schema", schema),
            ("opType", operation),
            ("operationTimestamp", new ServiceTime(at ?? time.GetUtcNow()).ToString()),
            ("hubName", hubName),
            ("deviceId", deviceId.Length > 0 ? deviceId : null),
            ("moduleId", moduleId),
            ("templateId", templateId),
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
