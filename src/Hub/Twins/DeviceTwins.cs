using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Twins;

/// <summary>
/// The twins of a hub: services write tags and desired properties, devices write reported properties. A connected device gets each
/// change of its desired properties once it is durable, in the order of the versions.
/// </summary>
public sealed class DeviceTwins(ITwinStore store, IdentityRegistry registry, LiveConnections live, TimeProvider time)
{
    /// <summary>Finds a twin.</summary>
    public async Task<Outcome<Twin>> GetAsync(string deviceId, string? moduleId, CancellationToken token)
        => await store.FindAsync(deviceId, moduleId, token) is { } twin ? twin : await NotFoundAsync(deviceId, moduleId, token);

    /// <summary>Merges what a device reports. Gives the twin after that.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">The module, or null.</param>
    /// <param name="json">A JSON object; null members delete.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<Twin>> ReportAsync(string deviceId, string? moduleId, ReadOnlyMemory<byte> json, CancellationToken token)
    {
        if (!TwinJson.ReadObject(json.Span).Succeeded(out var patch, out var refusal))
            return refusal;
        TwinJson.RemoveOwn(patch);
        if (TwinLimits.Check("properties.reported", patch) is { } bad)
            return bad;
        return await ChangeAsync(deviceId, moduleId, twin => Report(twin, patch), static _ => { }, token);
    }

    /// <summary>Merges what a service wants.</summary>
    public Task<Outcome<Twin>> PatchAsync(string deviceId, string? moduleId, TwinPatch patch, IfMatch condition, CancellationToken token)
    {
        DesiredChange? change = null;
        return ChangeAsync(deviceId, moduleId, twin => Write(twin, condition, patch, replace: false, out change), twin => Notify(twin, change), token);
    }

    /// <summary>Replaces tags and desired properties; what the patch leaves out is empty afterwards.</summary>
    public Task<Outcome<Twin>> ReplaceAsync(string deviceId, string? moduleId, TwinPatch patch, IfMatch condition, CancellationToken token)
    {
        DesiredChange? change = null;
        var whole = new TwinPatch(patch.Tags ?? [], patch.Desired ?? []);
        return ChangeAsync(deviceId, moduleId, twin => Write(twin, condition, whole, replace: true, out change), twin => Notify(twin, change), token);
    }

    /// <summary>Notes the model that a device announced when it connected.</summary>
    public async Task NoteModelAsync(string deviceId, string? moduleId, string modelId, CancellationToken token)
    {
        if (await store.FindAsync(deviceId, moduleId, token) is not { } twin || string.Equals(twin.ModelId, modelId, StringComparison.Ordinal))
            return;
        await store.ChangeAsync(deviceId, moduleId, t => t with { ModelId = modelId, Version = t.Version + 1 }, static _ => { }, token);
    }

    private async Task<Outcome<Twin>> ChangeAsync(
        string deviceId, string? moduleId, Func<Twin, Outcome<Twin>> change, Action<Twin> committed, CancellationToken token)
        => await store.ChangeAsync(deviceId, moduleId, change, committed, token) ?? await NotFoundAsync(deviceId, moduleId, token);

    private Outcome<Twin> Report(Twin twin, JsonObject patch)
    {
        if (patch.Count == 0)
            return twin;
        var (members, metadata) = (TwinMerge.Read(twin.Reported.Properties), TwinMerge.Read(twin.Reported.Metadata));
        new TwinMerge(time.GetUtcNow(), null).Apply(members, metadata, patch);
        if (TwinLimits.CheckSize("properties.reported", members, TwinLimits.PropertiesSize) is { } large)
            return large;
        return twin with { Reported = new TwinSection(TwinMerge.Write(members), TwinMerge.Write(metadata), twin.Reported.Version + 1), Version = twin.Version + 1 };
    }

    private Outcome<Twin> Write(Twin twin, IfMatch condition, TwinPatch patch, bool replace, out DesiredChange? change)
    {
        change = null;
        if (!condition.Matches(twin.ETag))
        {
            return new Refusal(HubErrors.PreconditionFailed, $"The twin of '{Identity.KeyOf(twin.DeviceId, twin.ModuleId)}' has another ETag than If-Match asks for",
                "Read it again, repeat your change on that, or send If-Match: *.");
        }
        var written = twin with { Counter = twin.Counter + 1, Version = twin.Version + 1 };
        if (patch.Tags is { } tags)
        {
            var target = replace ? [] : TwinMerge.Read(twin.Tags);
            TwinMerge.Apply(target, tags);
            if (TwinLimits.CheckSize("tags", target, TwinLimits.TagsSize) is { } large)
                return ForService(large);
            written = written with { Tags = TwinMerge.Write(target) };
        }
        if (patch.Desired is { } desired && (replace || desired.Count > 0))
        {
            if (!WriteDesired(twin.Desired, desired, replace).Succeeded(out var section, out var refusal))
                return ForService(refusal);
            var body = replace ? section.ForDevice() : TwinSection.Join(TwinMerge.Write(desired), default, default, section.Version);
            change = new DesiredChange(section.Version, body);
            written = written with { Desired = section };
        }
        return written;
    }

    private Outcome<TwinSection> WriteDesired(TwinSection section, JsonObject patch, bool replace)
    {
        var version = section.Version + 1;
        var (members, metadata) = replace ? ([], []) : (TwinMerge.Read(section.Properties), TwinMerge.Read(section.Metadata));
        new TwinMerge(time.GetUtcNow(), version).Apply(members, metadata, patch);
        if (TwinLimits.CheckSize("properties.desired", members, TwinLimits.PropertiesSize) is { } large)
            return large;
        return new TwinSection(TwinMerge.Write(members), TwinMerge.Write(metadata), version);
    }

    private void Notify(Twin twin, DesiredChange? change)
    {
        if (change is not null && live.TryGet(Identity.KeyOf(twin.DeviceId, twin.ModuleId), out var link))
            link.DesiredChanged(change);
    }

    /// <summary>A device learns of its size with 413; a service gets a bad argument.</summary>
    private static Refusal ForService(Refusal refusal) => refusal with { Error = HubErrors.ArgumentInvalid };

    private async Task<Refusal> NotFoundAsync(string deviceId, string? moduleId, CancellationToken token)
        => (await registry.GetAsync(deviceId, moduleId, token)).Refusal
            ?? new Refusal(HubErrors.ServerError, $"'{Identity.KeyOf(deviceId, moduleId)}' is registered, but has no twin", "Look into the server's log.");
}
