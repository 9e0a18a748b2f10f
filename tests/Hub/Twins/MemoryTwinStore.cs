using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Hub.Twins;

/// <summary>Twins in a dictionary; one change at a time, and its callback before the next.</summary>
internal sealed class MemoryTwinStore : ITwinStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Twin> _twins = new(StringComparer.Ordinal);

    public void Add(string deviceId, string? moduleId = null) => _twins[Identity.KeyOf(deviceId, moduleId)] = new Twin { DeviceId = deviceId, ModuleId = moduleId };

    public Task<Twin?> FindAsync(string deviceId, string? moduleId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_twins.GetValueOrDefault(Identity.KeyOf(deviceId, moduleId)));
    }

    public async Task<Outcome<TwinChange>?> ChangeAsync(
        string deviceId, string? moduleId, Func<Twin, Outcome<TwinChange>> change, Action<TwinChange> committed, CancellationToken token)
    {
        await Task.Yield();
        lock (_lock)
        {
            var key = Identity.KeyOf(deviceId, moduleId);
            if (!_twins.TryGetValue(key, out var before))
                return null;
            var outcome = change(before);
            if (outcome.Value is { } after)
            {
                _twins[key] = after.Twin;
                committed(after);
            }
            return outcome;
        }
    }
}
