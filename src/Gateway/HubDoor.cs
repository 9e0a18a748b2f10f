using Homeport.Hub.Access;
using Homeport.Hub.Faults;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Telemetry;

namespace Homeport.Gateway;

/// <summary>What the device doors need of a hub.</summary>
public sealed record HubDoor
{
    /// <summary>Lets devices in.</summary>
    public required DeviceAuthenticator Authenticator { get; init; }

    /// <summary>Takes their messages.</summary>
    public required TelemetryIngest Telemetry { get; init; }

    /// <summary>Knows who is connected.</summary>
    public required LiveConnections Live { get; init; }

    /// <summary>Notes when.</summary>
    public required ActivityJournal Activity { get; init; }

    /// <summary>Keeps why somebody was refused.</summary>
    public required Explanations Explanations { get; init; }

    /// <summary>Limits of devices, or null for none.</summary>
    public Throttles? Throttles { get; init; }

    /// <summary>Takes orders for faults; null unless the server was started for that.</summary>
    public FaultInjection? Faults { get; init; }
}
