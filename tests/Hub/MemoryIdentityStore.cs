using Homeport.Hub.Events;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Hub;

/// <summary>Identities in a dictionary. A test can act between a read and the write that follows it.</summary>
internal sealed class MemoryIdentityStore : IIdentityStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, Identity> _byKey = new(StringComparer.Ordinal);

    /// <summary>Runs once, before the next write.</summary>
    public Func<Task>? BeforeWrite { get; set; }

    public List<IdentityActivity> Activities { get; } = [];

    public Exception? Failure { get; set; }

    public Task<Identity?> FindAsync(string deviceId, string? moduleId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_byKey.GetValueOrDefault(Identity.KeyOf(deviceId, moduleId)));
    }

    public Task<string?> FindSimilarAsync(string deviceId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(_byKey.Values.FirstOrDefault(i => i.ModuleId is null && i.DeviceId.Equals(deviceId, StringComparison.OrdinalIgnoreCase))?.DeviceId);
    }

    public Task<IReadOnlyList<Identity>> ListDevicesAsync(int max, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult<IReadOnlyList<Identity>>([.. _byKey.Values.Where(i => i.ModuleId is null).Take(max)]);
    }

    public Task<IReadOnlyList<Identity>> ListModulesAsync(string deviceId, CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult<IReadOnlyList<Identity>>([.. _byKey.Values.Where(i => i.ModuleId is not null && i.DeviceId == deviceId)]);
    }

    public async Task<bool> InsertAsync(Identity identity, FirstState? first, CancellationToken token)
    {
        await BeforeWriting();
        lock (_lock)
            return _byKey.TryAdd(identity.Key, identity);
    }

    public async Task<bool> ReplaceAsync(Identity identity, long version, CancellationToken token)
    {
        await BeforeWriting();
        lock (_lock)
        {
            if (!_byKey.TryGetValue(identity.Key, out var existing) || existing.Version != version)
                return false;
            _byKey[identity.Key] = identity;
            return true;
        }
    }

    public async Task<bool> DeleteAsync(string deviceId, string? moduleId, long? version, HubEvent? happened, CancellationToken token)
    {
        await BeforeWriting();
        lock (_lock)
        {
            var key = Identity.KeyOf(deviceId, moduleId);
            if (!_byKey.TryGetValue(key, out var existing) || (version is not null && existing.Version != version))
                return false;
            foreach (var gone in _byKey.Keys.Where(k => k == key || (moduleId is null && k.StartsWith(key + "/", StringComparison.Ordinal))).ToList())
                _byKey.Remove(gone);
            return true;
        }
    }

    public Task<(long Total, long Enabled)> CountAsync(CancellationToken token)
    {
        lock (_lock)
            return Task.FromResult(((long)_byKey.Values.Count(i => i.ModuleId is null), (long)_byKey.Values.Count(i => i.ModuleId is null && i.Enabled)));
    }

    public Task NoteActivityAsync(IReadOnlyCollection<IdentityActivity> activities, CancellationToken token)
    {
        if (Failure is { } failure)
            return Task.FromException(failure);
        lock (_lock)
            Activities.AddRange(activities);
        return Task.CompletedTask;
    }

    private async Task BeforeWriting()
    {
        if (BeforeWrite is not { } act)
            return;
        BeforeWrite = null;
        await act();
    }
}
