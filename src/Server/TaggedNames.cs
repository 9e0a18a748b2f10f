using System.Text.Json.Nodes;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Server;

/// <summary>Keeps the tag <c>displayName</c> of a twin as the name of its device: exports and queries read that.</summary>
internal sealed class TaggedNames(DeviceTwins twins)
{
    /// <summary>A device changed. One that is in no hub yet has no twin.</summary>
    public async Task NoteAsync(DeviceFacts? before, DeviceFacts after, CancellationToken token)
    {
        if (before is null || before.DisplayName == after.DisplayName || (await twins.GetAsync(after.DeviceId, null, token)).Value is null)
            return;
        await twins.PatchAsync(after.DeviceId, null, new TwinPatch(new JsonObject { ["displayName"] = after.DisplayName }, null), IfMatch.Absent, token);
    }
}
