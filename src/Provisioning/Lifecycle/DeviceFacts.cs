using System.Globalization;
using Homeport.Provisioning.Attestation;

namespace Homeport.Provisioning.Lifecycle;

/// <summary>The state of a device as its operator sees it, derived from its <see cref="DeviceFacts"/>. Stored in an index, so numbers do not change.</summary>
public enum DeviceStatus
{
    /// <summary>It was assigned to a hub, or seen in one.</summary>
    Provisioned = 0,

    /// <summary>It may come, and has not yet.</summary>
    Registered = 1,

    /// <summary>It came with good credentials, and nobody has let it in yet.</summary>
    WaitingForApproval = 2,

    /// <summary>It may neither register nor connect. What it was before stays underneath.</summary>
    Blocked = 3,
}

/// <summary>
/// What is stored of a device's way into the application. The state is derived, so that unblocking needs to remember nothing.
/// Times are whole milliseconds.
/// </summary>
public sealed record DeviceFacts
{
    /// <summary>Longest display name, in characters.</summary>
    public const int MaxName = 148;

    /// <summary>Name in the hub, case-sensitive.</summary>
    public required string DeviceId { get; init; }

    /// <summary>Changes with every write.</summary>
    public long Version { get; init; } = 1;

    /// <summary>Name for people; null: the device id.</summary>
    public string? DisplayName { get; init; }

    /// <summary>An operator, or a rule of one, let it in.</summary>
    public bool Approved { get; init; }

    /// <summary>An operator keeps it out.</summary>
    public bool Blocked { get; init; }

    /// <summary>Its identity in the hub of this server is disabled, by whomever.</summary>
    public bool Disabled { get; init; }

    /// <summary>It was assigned to a hub at least once, or seen in one.</summary>
    public bool Provisioned { get; init; }

    /// <summary>Made by the application, and never connects.</summary>
    public bool Simulated { get; init; }

    /// <summary>Id of its device template; null: it is unassociated.</summary>
    public string? Template { get; init; }

    /// <summary>Id of the organization that it belongs to; null: the root.</summary>
    public string? Organization { get; init; }

    /// <summary>The model that the device named when it registered.</summary>
    public string? ModelId { get; init; }

    /// <summary>Under which it registered.</summary>
    public string? RegistrationId { get; init; }

    /// <summary>Enrollment group through which it came; null: an individual enrollment, or none.</summary>
    public string? GroupId { get; init; }

    /// <summary>With what it proved itself.</summary>
    public CredentialUsed? Credential { get; init; }

    /// <summary>Network address from which it asked to be let in.</summary>
    public string? Address { get; init; }

    /// <summary>When it was first known.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>Its last registration call; of those that were refused one in a minute is noted.</summary>
    public DateTimeOffset? LastSeen { get; init; }

    /// <summary>When it was last assigned.</summary>
    public DateTimeOffset? LastProvisioned { get; init; }

    /// <summary>When an operator last changed it.</summary>
    public DateTimeOffset? Changed { get; init; }

    /// <summary>Name of that operator.</summary>
    public string? ChangedBy { get; init; }

    /// <summary>The ETag, without quotes.</summary>
    public string ETag => Version.ToString(CultureInfo.InvariantCulture);

    /// <summary>The state; the first rule that fits.</summary>
    public DeviceStatus Status => this switch
    {
        { Blocked: true } or { Disabled: true } => DeviceStatus.Blocked,
        { Approved: false } => DeviceStatus.WaitingForApproval,
        { Provisioned: false } => DeviceStatus.Registered,
        _ => DeviceStatus.Provisioned,
    };

    /// <summary>Nobody has said which template it follows.</summary>
    public bool IsUnassociated => Template is null;

    /// <summary>As IoT Central's REST says it: let in, and not kept out.</summary>
    public bool IsEnabled => Approved && !Blocked && !Disabled;
}

/// <summary>How a device came that asks to be let in.</summary>
/// <param name="DeviceId">The name that it would have in the hub.</param>
/// <param name="RegistrationId">Under which it registers.</param>
/// <param name="GroupId">The group whose key or CA it has; null for an individual enrollment.</param>
/// <param name="Credential">With what it proved itself.</param>
/// <param name="Address">Where it came from, or null.</param>
/// <param name="ModelId">The model that it named, or null.</param>
/// <param name="Time">When, in whole milliseconds.</param>
public sealed record Knock(string DeviceId, string RegistrationId, string? GroupId, CredentialUsed Credential, string? Address, string? ModelId, DateTimeOffset Time);
