using Homeport.Contract.Errors;

namespace Homeport.Operations.Groups;

/// <summary>Keeps the device groups of one application. Writes are durable when they return.</summary>
public interface IDeviceGroupStore
{
    /// <summary>Finds one.</summary>
    Task<DeviceGroup?> FindAsync(string id, CancellationToken token);

    /// <summary>One page in the order of their ids.</summary>
    /// <param name="after">The last id of the page before, or null.</param>
    /// <param name="max">At most so many.</param>
    /// <param name="token">Ends the call.</param>
    Task<IReadOnlyList<DeviceGroup>> ListAsync(string? after, int max, CancellationToken token);

    /// <summary>How many there are.</summary>
    Task<int> CountAsync(CancellationToken token);

    /// <summary>Changes one, or makes it: the change gets what is there, or null, and nobody else writes meanwhile. A refusal writes nothing.</summary>
    Task<Outcome<DeviceGroup>> ChangeAsync(string id, Func<DeviceGroup?, Outcome<DeviceGroup>> change, CancellationToken token);

    /// <summary>Deletes one. False when it is not there.</summary>
    Task<bool> DeleteAsync(string id, CancellationToken token);
}
