using Homeport.Contract.Messages;
using Homeport.Hub.Access;
using Homeport.Log;

namespace Homeport.Hub.Telemetry;

/// <summary>Takes device-to-cloud messages into the hub's log.</summary>
public sealed class TelemetryIngest(HubLog log)
{
    /// <summary>Prepares a connection: who sends and into which partition.</summary>
    /// <param name="device">Who.</param>
    /// <param name="modelId">The model that it announced when it connected, or null.</param>
    public LogWriter WriterFor(AuthenticatedDevice device, string? modelId = null)
        => log.WriterFor(new RecordOrigin(device.Identity.DeviceId, device.Identity.ModuleId, device.Identity.GenerationId, device.Method.ToString(), modelId));

    /// <summary>True when the message is within the limit: body, values of system properties, names and values of the application's own.</summary>
    public static bool IsWithinLimit(int propertyBytes, int bodyBytes) => propertyBytes + bodyBytes <= MessageLimits.DeviceToCloud;

    /// <summary>Appends a message. It may be acknowledged when the commit is durable, not before.</summary>
    /// <param name="writer">The sender.</param>
    /// <param name="properties">Property block, see <see cref="RecordProperties"/>.</param>
    /// <param name="body">Bytes as sent; copied once.</param>
    public Commit Append(LogWriter writer, ReadOnlySpan<byte> properties, ReadOnlySpan<byte> body)
        => log.Append(writer, MessageSource.Telemetry, properties, body);

    /// <summary>False when the disk is so far behind that the sender has to wait.</summary>
    public bool HasRoom(LogWriter writer) => log.HasRoom(writer);

    /// <summary>Completes when there is room for more messages of the sender.</summary>
    public Task RoomAsync(LogWriter writer, CancellationToken token) => log.RoomAsync(writer, token);
}
