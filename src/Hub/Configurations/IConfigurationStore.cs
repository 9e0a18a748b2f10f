namespace Homeport.Hub.Configurations;

/// <summary>How an insertion ended.</summary>
public enum InsertResult
{
    Added,
    /// <summary>The id is taken.</summary>
    Exists,
    /// <summary>There are as many as there may be.</summary>
    Full,
}

/// <summary>Keeps the configurations of one hub, and which of them target and reached which twin. Writes are durable when they return.</summary>
public interface IConfigurationStore
{
    /// <summary>Finds one.</summary>
    Task<Configuration?> FindAsync(string id, CancellationToken token);

    /// <summary>Configurations in the order of their ids.</summary>
    Task<IReadOnlyList<Configuration>> ListAsync(int max, CancellationToken token);

    /// <summary>Adds one, unless there are <paramref name="limit"/> of them.</summary>
    Task<InsertResult> InsertAsync(Configuration configuration, int limit, CancellationToken token);

    /// <summary>Replaces one if it still has the version. False when it changed or went.</summary>
    Task<bool> ReplaceAsync(Configuration configuration, long version, CancellationToken token);

    /// <summary>Deletes one if it still has the version (null: whatever it has). False when it changed or is not there.</summary>
    Task<bool> DeleteAsync(string id, long? version, CancellationToken token);

    /// <summary>Takes a part of the twins' states of a configuration away. True when there may be more.</summary>
    Task<bool> ClearStatusAsync(string id, CancellationToken token);

    /// <summary>Sets what twins show of configurations; twins that are gone are passed over.</summary>
    Task SetStatusAsync(IReadOnlyCollection<TwinConfigurations> twins, CancellationToken token);

    /// <summary>True when any device (or any module) shows a configuration.</summary>
    Task<bool> HasStatusAsync(bool modules, CancellationToken token);

    /// <summary>Counts the twins that a configuration targets, and those that it was written to.</summary>
    Task<(long Targeted, long Applied)> CountAsync(string id, CancellationToken token);
}

/// <summary>What a twin shows of configurations.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="ModuleId">The module, or null.</param>
/// <param name="States">State by id of the configuration: <see cref="Applied"/> or <see cref="Targeted"/>.</param>
public sealed record TwinConfigurations(string DeviceId, string? ModuleId, IReadOnlyList<KeyValuePair<string, string>> States)
{
    /// <summary>The condition fits and the content was written.</summary>
    public const string Applied = "Applied";

    /// <summary>The condition fits, and another configuration has priority or the content could not be written.</summary>
    public const string Targeted = "Targeted";
}
