using System.Net;
using Homeport.Hub.Limits;
using Homeport.Log;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Bulk.Jobs;

namespace Homeport.Server.Options;

/// <summary>What the server runs with.</summary>
public sealed record ServerOptions
{
    /// <summary>Names of the server, the first one the hub's. They stand in the server certificate and in tokens.</summary>
    public required IReadOnlyList<string> Hosts { get; init; }

    /// <summary>Directory of everything that outlives the process.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>HTTPS and WebSockets. SDKs cannot use another port than 443.</summary>
    public required int HttpsPort { get; init; }

    /// <summary>True when the port is not asked for, so that another may be taken where 443 needs a right.</summary>
    public required bool HttpsPortIsDefault { get; init; }

    /// <summary>MQTT. SDKs cannot use another port than 8883.</summary>
    public required int MqttPort { get; init; }

    /// <summary>AMQP. Most SDKs cannot use another port than 5671.</summary>
    public required int AmqpPort { get; init; }

    /// <summary>Plain HTTP, for the revocation list only.</summary>
    public required int CrlPort { get; init; }

    /// <summary>PEM file of an own server certificate with its chain, or null for one by the own CA.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>PEM file of its private key.</summary>
    public string? CertificateKeyFile { get; init; }

    /// <summary>File to write when every door is open, or null.</summary>
    public string? ReadyFile { get; init; }

    /// <summary>Partitions of a new hub; 4 as in Azure. An existing hub keeps its number.</summary>
    public required int Partitions { get; init; }

    /// <summary>How long messages are kept: one day, as in Azure, and no limit of their size.</summary>
    public required RetentionLimits Retention { get; init; }

    /// <summary>Sources of events that go into the log beside telemetry; none, as in Azure without a route for them.</summary>
    public required IReadOnlySet<MessageSource> Events { get; init; }

    /// <summary>Smallest level that is logged.</summary>
    public required LogLevel LogLevel { get; init; }

    /// <summary>Folder of models beside the own repository, in the layout of the public one; or null.</summary>
    public string? ModelFolder { get; init; }

    /// <summary>How much an import of devices may be.</summary>
    public ImportLimits Imports { get; init; } = ImportLimits.Default;

    /// <summary>Files of devices.</summary>
    public FileSettings Files { get; init; } = FileSettings.Default;

    /// <summary>Addresses at which the doors listen; none: all of the machine.</summary>
    public IReadOnlyList<IPAddress> Listen { get; init; } = [];

    /// <summary>Which custom allocation webhooks may be called.</summary>
    public WebhookSettings Webhooks { get; init; } = new();

    /// <summary>Program that signs certificates of devices, or null.</summary>
    public string? CertificateSigner { get; init; }

    /// <summary>Days that a certificate of a device is valid; short, since devices renew it by registering again.</summary>
    public required int DeviceCertificateDays { get; init; }

    /// <summary>Limits; those of the machine unless a hub in Azure is to be imitated.</summary>
    public ThrottleProfile Limits { get; init; } = ThrottleProfile.Machine();

    /// <summary>Lets devices order faults. Off: it is for tests.</summary>
    public bool FaultInjection { get; init; }

    /// <summary>Who may vouch for people and programs beside the own accounts, or null.</summary>
    public IssuerOptions? Issuer { get; init; }

    /// <summary>Plays the demonstration once the doors are open.</summary>
    public bool Demo { get; init; }

    /// <summary>TPM of the demonstration's device: <c>chip</c>, a place such as <c>device:/dev/tpmrm0</c>, or null for a software TPM.</summary>
    public string? DemoTpm { get; init; }

    /// <summary>The settings as they are shown: name, value and where it came from, without secrets.</summary>
    public IReadOnlyList<(string Name, string Value, string Source)> Shown { get; init; } = [];
}
