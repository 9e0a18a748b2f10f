using Homeport.Contract.Errors;

namespace Homeport.Operations.Relationships;

/// <summary>Keeps the relationships between devices of one application. Those of a device that is deleted go with it. Writes are durable when they return.</summary>
public interface IRelationshipStore
{
    /// <summary>Finds one of a source.</summary>
    Task<DeviceRelationship?> FindAsync(string source, string id, CancellationToken token);

    /// <summary>Those whose source or target is a device, in the order of source and id.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="after">The last one of the page before, or null.</param>
    /// <param name="max">At most so many.</param>
    /// <param name="token">Ends the call.</param>
    Task<IReadOnlyList<DeviceRelationship>> ListAsync(string deviceId, DeviceRelationship? after, int max, CancellationToken token);

    /// <summary>How many a source has.</summary>
    Task<int> CountAsync(string source, CancellationToken token);

    /// <summary>Changes one, or makes it: the change gets what is there, or null, and nobody else writes meanwhile. A refusal writes nothing.</summary>
    Task<Outcome<DeviceRelationship>> ChangeAsync(string source, string id, Func<DeviceRelationship?, Outcome<DeviceRelationship>> change, CancellationToken token);

    /// <summary>Deletes one. False when it is not there.</summary>
    Task<bool> DeleteAsync(string source, string id, CancellationToken token);
}
