using Homeport.Hub.Events;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Transcripts;

/// <summary>The real identity store; a test can make a look-up fail, or act right after it.</summary>
internal sealed class ObservedStore(IIdentityStore inner) : IIdentityStore
{
    /// <summary>Runs once, when the next look-up has its answer but has not given it.</summary>
    public Func<Task>? AfterFind { get; set; }

    public async Task<Identity?> FindAsync(string deviceId, string? moduleId, CancellationToken token)
    {
        var found = await inner.FindAsync(deviceId, moduleId, token);
        if (AfterFind is { } act)
        {
            AfterFind = null;
            await act();
        }
        return found;
    }

    public Task<string?> FindSimilarAsync(string deviceId, CancellationToken token) => inner.FindSimilarAsync(deviceId, token);

    public Task<IReadOnlyList<Identity>> ListDevicesAsync(int max, CancellationToken token) => inner.ListDevicesAsync(max, token);

    public Task<IReadOnlyList<Identity>> ListModulesAsync(string deviceId, CancellationToken token) => inner.ListModulesAsync(deviceId, token);

    public Task<bool> InsertAsync(Identity identity, FirstState? first, CancellationToken token) => inner.InsertAsync(identity, first, token);

    public Task<bool> ReplaceAsync(Identity identity, long version, CancellationToken token) => inner.ReplaceAsync(identity, version, token);

    public Task<bool> DeleteAsync(string deviceId, string? moduleId, long? version, HubEvent? happened, CancellationToken token) => inner.DeleteAsync(deviceId, moduleId, version, happened, token);

    public Task<(long Total, long Enabled)> CountAsync(CancellationToken token) => inner.CountAsync(token);

    public Task NoteActivityAsync(IReadOnlyCollection<IdentityActivity> activities, CancellationToken token) => inner.NoteActivityAsync(activities, token);
}
