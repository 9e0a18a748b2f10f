using Homeport.Gateway.Provisioning;
using Homeport.Hub.Access;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Faults;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Telemetry;
using Homeport.Hub.Twins;

namespace Homeport.Gateway;

/// <summary>What the device doors need of a hub.</summary>
public sealed record HubDoor
{
    /// <summary>Lets devices in.</summary>
    public required DeviceAuthenticator Authenticator { get; init; }

    /// <summary>Takes their messages.</summary>
    public required TelemetryIngest Telemetry { get; init; }

    /// <summary>Twins.</summary>
    public required DeviceTwins Twins { get; init; }

    /// <summary>Direct methods.</summary>
    public required DirectMethods Methods { get; init; }

    /// <summary>Sessions of MQTT clients.</summary>
    public required ISubscriptionStore Subscriptions { get; init; }

    /// <summary>Has messages for them.</summary>
    public required CloudToDeviceMessages CloudToDevice { get; init; }

    /// <summary>Knows who is connected.</summary>
    public required LiveConnections Live { get; init; }

    /// <summary>Limits.</summary>
    public required Throttles Throttles { get; init; }

    /// <summary>Notes when.</summary>
    public required ActivityJournal Activity { get; init; }

    /// <summary>Keeps why somebody was refused.</summary>
    public required Explanations Explanations { get; init; }

    /// <summary>Takes orders for faults; null unless the server was started for that.</summary>
    public FaultInjection? Faults { get; init; }

    /// <summary>Registers devices over the same port; null where there is no provisioning service.</summary>
    public RegistrationDoor? Registrations { get; init; }
}
