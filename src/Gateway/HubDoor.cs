using Homeport.Hub.Access;
using Homeport.Hub.Live;
using Homeport.Hub.Telemetry;

namespace Homeport.Gateway;

/// <summary>What the device doors need of a hub.</summary>
/// <param name="Authenticator">Lets devices in.</param>
/// <param name="Telemetry">Takes their messages.</param>
/// <param name="Live">Knows who is connected.</param>
/// <param name="Activity">Notes when.</param>
/// <param name="Explanations">Keeps why somebody was refused.</param>
public sealed record HubDoor(
    DeviceAuthenticator Authenticator,
    TelemetryIngest Telemetry,
    LiveConnections Live,
    ActivityJournal Activity,
    Explanations Explanations);
