using Homeport.Models;

namespace Homeport.Templates;

/// <summary>Where interfaces are found by their id: the own repository, or a folder in the layout of a public one.</summary>
public interface IModelSource
{
    /// <summary>JSON of an interface, or an array that has it and what it needs; null when it is not there.</summary>
    Task<byte[]?> FindAsync(Dtmi id, CancellationToken token);
}

/// <summary>The own repository, which can be written.</summary>
public interface IModelStore : IModelSource
{
    /// <summary>Ids of all interfaces, in their order.</summary>
    Task<IReadOnlyList<string>> ListAsync(CancellationToken token);

    /// <summary>Adds interfaces. Those with an id that is there already are left as they are; gives how many are new.</summary>
    Task<int> AddAsync(IReadOnlyDictionary<string, byte[]> interfaces, CancellationToken token);

    /// <summary>Removes an interface. False when it is not there.</summary>
    Task<bool> RemoveAsync(string id, CancellationToken token);
}
