using Homeport.Contract.Errors;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Compliance;

/// <summary>Changes of a twin that tell nobody else.</summary>
internal static class TwinStoreCalls
{
    public static async Task<Outcome<Twin>?> ChangeTwinAsync(
        this ITwinStore store, string deviceId, string? moduleId, Func<Twin, Outcome<Twin>> change, Action<Twin> committed, CancellationToken token)
    {
        var outcome = await store.ChangeAsync(deviceId, moduleId,
            before => change(before).Succeeded(out var after, out var refusal) ? new TwinChange(after) : refusal,
            changed => committed(changed.Twin), token);
        if (outcome is not { } given)
            return null;
        return given.Succeeded(out var made, out var no) ? made.Twin : no;
    }
}
