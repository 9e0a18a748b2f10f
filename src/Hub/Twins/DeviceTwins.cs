using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Events;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Twins;

/// <summary>
/// The twins of a hub: services write tags and desired properties, devices write reported properties. A connected device gets each
/// change of its desired properties once it is durable, in the order of the versions.
/// </summary>
public sealed class DeviceTwins(ITwinStore store, IdentityRegistry registry, LiveConnections live, TimeProvider time, EventWriter? events = null)
{
    /// <summary>Longest model id in characters (DTDL: a DTMI has at most 2048).</summary>
    public const int MaxModelId = 2048;

    /// <summary>Raised with the device once a change of its twin, or of a module's, is durable. Handlers must only post.</summary>
    public Action<string>? Changed { get; set; }

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
        return await ChangeAsync(deviceId, moduleId, twin => Report(twin, patch), token);
    }

    /// <summary>Merges what a service wants.</summary>
    public Task<Outcome<Twin>> PatchAsync(string deviceId, string? moduleId, TwinPatch patch, IfMatch condition, CancellationToken token)
        => ChangeAsync(deviceId, moduleId, twin => Write(twin, condition, patch, replace: false), token);

    /// <summary>Replaces tags and desired properties; what the patch leaves out is empty afterwards.</summary>
    public Task<Outcome<Twin>> ReplaceAsync(string deviceId, string? moduleId, TwinPatch patch, IfMatch condition, CancellationToken token)
        => ChangeAsync(deviceId, moduleId, twin => Write(twin, condition, new TwinPatch(patch.Tags ?? [], patch.Desired ?? []), replace: true), token);

    /// <summary>The twin of an identity that is about to be created, with tags and desired properties.</summary>
    public Outcome<Twin> First(Identity identity, TwinPatch patch)
    {
        var empty = new Twin { DeviceId = identity.DeviceId, ModuleId = identity.ModuleId };
        return Write(empty, IfMatch.Absent, patch, replace: false).Succeeded(out var change, out var refusal) ? change.Twin : refusal;
    }

    /// <summary>The twin of an identity that is about to be created and comes from another hub, with what the device reported there.</summary>
    public Outcome<Twin> First(Identity identity, TwinPatch patch, JsonObject? reported)
    {
        if (!First(identity, patch).Succeeded(out var twin, out var refusal) || reported is null)
            return twin is null ? refusal! : twin;
        if (TwinLimits.Check("properties.reported", reported) is { } bad)
            return ForService(bad);
        return Report(twin, reported).Succeeded(out var change, out refusal) ? change.Twin : ForService(refusal);
    }

    /// <summary>Notes the model that a device announced when it connected.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">Its module, or null.</param>
    /// <param name="modelId">What it announced; one that is empty or longer than <see cref="MaxModelId"/> is none.</param>
    /// <param name="token">Ends the call.</param>
    /// <returns>The model, or null when it is none.</returns>
    public async Task<string?> NoteModelAsync(string deviceId, string? moduleId, string? modelId, CancellationToken token)
    {
        if (modelId is not { Length: > 0 and <= MaxModelId })
            return null;
        if (await store.FindAsync(deviceId, moduleId, token) is not { } twin || string.Equals(twin.ModelId, modelId, StringComparison.Ordinal))
            return modelId;
        await store.ChangeAsync(deviceId, moduleId, t => new TwinChange(t with { ModelId = modelId, Version = t.Version + 1 }), static _ => { }, token);
        return modelId;
    }

    private async Task<Outcome<Twin>> ChangeAsync(string deviceId, string? moduleId, Func<Twin, Outcome<TwinChange>> change, CancellationToken token)
    {
        if (await store.ChangeAsync(deviceId, moduleId, change, Committed, token) is not { } outcome)
            return await NotFoundAsync(deviceId, moduleId, token);
        return outcome.Succeeded(out var changed, out var refusal) ? changed.Twin : refusal;
    }

    private void Committed(TwinChange change)
    {
        if (change.Desired is { } desired && live.TryGet(Identity.KeyOf(change.Twin.DeviceId, change.Twin.ModuleId), out var link))
            link.DesiredChanged(desired);
        if (change.Events is { Count: > 0 })
            events?.NoteStored();
        Changed?.Invoke(change.Twin.DeviceId);
    }

    private Outcome<TwinChange> Report(Twin twin, JsonObject patch)
    {
        if (patch.Count == 0)
            return new TwinChange(twin);
        var now = time.GetUtcNow();
        var (members, metadata) = (TwinMerge.Read(twin.Reported.Properties), TwinMerge.Read(twin.Reported.Metadata));
        new TwinMerge(now, null).Apply(members, metadata, patch);
        if (TwinLimits.CheckSize("properties.reported", members, TwinLimits.PropertiesSize) is { } large)
            return large;
        var written = twin with { Reported = new TwinSection(TwinMerge.Write(members), TwinMerge.Write(metadata), twin.Reported.Version + 1), Version = twin.Version + 1 };
        return new TwinChange(written, Events: events?.TwinChanged(twin, written, () => TwinEvents.Changed(written, null, null, patch, now), replaced: false));
    }

    private Outcome<TwinChange> Write(Twin twin, IfMatch condition, TwinPatch patch, bool replace)
    {
        if (!condition.Matches(twin.ETag))
        {
            return new Refusal(HubErrors.PreconditionFailed, $"The twin of '{Identity.KeyOf(twin.DeviceId, twin.ModuleId)}' has another ETag than If-Match asks for",
                "Read it again, repeat your change on that, or send If-Match: *.");
        }
        var now = time.GetUtcNow();
        var written = twin with { Counter = twin.Counter + 1, Version = twin.Version + 1 };
        DesiredChange? change = null;
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
            if (!WriteDesired(twin.Desired, desired, replace, now).Succeeded(out var section, out var refusal))
                return ForService(refusal);
            var body = replace ? section.ForDevice() : TwinSection.Join(TwinMerge.Write(desired), default, default, section.Version);
            change = new DesiredChange(section.Version, body);
            written = written with { Desired = section };
        }
        byte[] Told() => replace ? TwinEvents.Whole(written) : TwinEvents.Changed(written, patch.Tags, change is null ? null : patch.Desired, null, now);
        return new TwinChange(written, change, events?.TwinChanged(twin, written, Told, replace));
    }

    private static Outcome<TwinSection> WriteDesired(TwinSection section, JsonObject patch, bool replace, DateTimeOffset now)
    {
        var version = section.Version + 1;
        var (members, metadata) = replace ? ([], []) : (TwinMerge.Read(section.Properties), TwinMerge.Read(section.Metadata));
        new TwinMerge(now, version).Apply(members, metadata, patch);
        if (TwinLimits.CheckSize("properties.desired", members, TwinLimits.PropertiesSize) is { } large)
            return large;
        return new TwinSection(TwinMerge.Write(members), TwinMerge.Write(metadata), version);
    }

    /// <summary>A device learns of its size with 413; a service gets a bad argument.</summary>
    private static Refusal ForService(Refusal refusal) => refusal with { Error = HubErrors.ArgumentInvalid };

    private async Task<Refusal> NotFoundAsync(string deviceId, string? moduleId, CancellationToken token)
        => (await registry.GetAsync(deviceId, moduleId, token)).Refusal
            ?? new Refusal(HubErrors.ServerError, $"'{Identity.KeyOf(deviceId, moduleId)}' is registered, but has no twin", "Look into the server's log.");
}
