using Homeport.Contract.Errors;

namespace Homeport.Hub.Twins;

/// <summary>Keeps the twins of one hub. A twin comes and goes with its identity.</summary>
public interface ITwinStore
{
    /// <summary>Finds the twin of a device (no module) or a module.</summary>
    Task<Twin?> FindAsync(string deviceId, string? moduleId, CancellationToken token);

    /// <summary>
    /// Changes a twin in one transaction; durable when it returns. Null when there is no such twin.
    /// </summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">The module, or null.</param>
    /// <param name="change">Makes the new twin from the present one, or refuses; short, runs while others wait.</param>
    /// <param name="committed">Called with the change once it is durable, in the order of the changes: must only post and return.</param>
    /// <param name="token">Keeps a change that waits from being made.</param>
    Task<Outcome<TwinChange>?> ChangeAsync(
        string deviceId, string? moduleId, Func<Twin, Outcome<TwinChange>> change, Action<TwinChange> committed, CancellationToken token);
}
