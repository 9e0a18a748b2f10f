using Homeport.Log;

namespace Homeport.Hub.Events;

/// <summary>Something that happened in the hub, on its way into the log beside the devices' messages.</summary>
/// <param name="Source">What kind of event.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="ModuleId">The module, or null.</param>
/// <param name="GenerationId">Of the identity.</param>
/// <param name="Properties">Property block, see <see cref="RecordProperties"/>.</param>
/// <param name="Body">JSON in UTF-8.</param>
public sealed record HubEvent(
    MessageSource Source, string DeviceId, string? ModuleId, string GenerationId, ReadOnlyMemory<byte> Properties, ReadOnlyMemory<byte> Body);
