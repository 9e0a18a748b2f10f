using Homeport.Hub.Events;

namespace Homeport.Hub.Twins;

/// <summary>A change of a twin.</summary>
/// <param name="Twin">The twin after it; the same object as before when nothing changed.</param>
/// <param name="Desired">What the device is told, or null.</param>
/// <param name="Events">What consumers are told, or null.</param>
public sealed record TwinChange(Twin Twin, DesiredChange? Desired = null, IReadOnlyList<HubEvent>? Events = null);
