using Homeport.Hub.Events;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Registry;

/// <summary>What is stored together with a new identity.</summary>
/// <param name="Twin">Its twin; an empty one when it is left out.</param>
/// <param name="Event">What consumers are told, or null.</param>
public sealed record FirstState(Twin? Twin, HubEvent? Event)
{
    /// <summary>Where it belongs in its application; null: nowhere yet.</summary>
    public Placement? Placement { get; init; }
}

/// <summary>Where a new device belongs in its application. The registry keeps it and does not read it.</summary>
/// <param name="Template">Device template that it follows, or null.</param>
/// <param name="Organization">Organization that it belongs to; null for the root.</param>
public sealed record Placement(string? Template, string? Organization);
