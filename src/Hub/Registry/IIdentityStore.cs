using Homeport.Hub.Events;

namespace Homeport.Hub.Registry;

/// <summary>Keeps the identities of one hub. Writes are durable when they return.</summary>
public interface IIdentityStore
{
    /// <summary>Finds a device (no module) or a module.</summary>
    Task<Identity?> FindAsync(string deviceId, string? moduleId, CancellationToken token);

    /// <summary>Finds a device whose id differs in letter case only, for explanations.</summary>
    Task<string?> FindSimilarAsync(string deviceId, CancellationToken token);

    /// <summary>Devices in the order of their ids, without modules.</summary>
    Task<IReadOnlyList<Identity>> ListDevicesAsync(int max, CancellationToken token);

    /// <summary>Modules of a device.</summary>
    Task<IReadOnlyList<Identity>> ListModulesAsync(string deviceId, CancellationToken token);

    /// <summary>Adds one with its twin. False when it is there already.</summary>
    /// <param name="identity">The entry.</param>
    /// <param name="first">What to store with it; null for an empty twin.</param>
    /// <param name="token">Keeps a write that waits from being made.</param>
    Task<bool> InsertAsync(Identity identity, FirstState? first, CancellationToken token);

    /// <summary>Replaces one if it still has the version. False when it changed or went.</summary>
    Task<bool> ReplaceAsync(Identity identity, long version, CancellationToken token);

    /// <summary>
    /// Deletes one, with all that the hub keeps for it, if it still has the version (null: whatever it has). A device takes its modules
    /// along. False when it changed or is not there.
    /// </summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">The module, or null.</param>
    /// <param name="version">Version that it must have, or null.</param>
    /// <param name="happened">The event to store with it, or null.</param>
    /// <param name="token">Keeps a write that waits from being made.</param>
    Task<bool> DeleteAsync(string deviceId, string? moduleId, long? version, HubEvent? happened, CancellationToken token);

    /// <summary>Counts devices: all, and the enabled ones.</summary>
    Task<(long Total, long Enabled)> CountAsync(CancellationToken token);

    /// <summary>Notes when identities were last connected or active. Unknown ones are passed over.</summary>
    Task NoteActivityAsync(IReadOnlyCollection<IdentityActivity> activities, CancellationToken token);
}

/// <summary>When an identity was last seen.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="ModuleId">The module, or null.</param>
/// <param name="ConnectionTime">Last connection or disconnection; null leaves it.</param>
/// <param name="LastActivity">Last message or connection.</param>
public sealed record IdentityActivity(string DeviceId, string? ModuleId, DateTimeOffset? ConnectionTime, DateTimeOffset LastActivity);
