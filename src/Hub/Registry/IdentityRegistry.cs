using System.Globalization;
using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Hub.Access;
using Homeport.Hub.Events;
using Homeport.Hub.Live;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Registry;

/// <summary>The identity registry: which devices and modules exist, and with which credentials.</summary>
public sealed class IdentityRegistry(IIdentityStore store, LiveConnections live, TimeProvider time, EventWriter? events = null)
{
    /// <summary>Modules a device may have.</summary>
    public const int MaxModules = 50;

    private readonly DeviceScopes _scopes = new(store);

    /// <summary>Raised with the device after it or one of its modules was made or changed. Handlers must only post.</summary>
    public Action<string>? Written { get; set; }

    /// <summary>Finds a device (no module) or a module.</summary>
    public async Task<Outcome<Identity>> GetAsync(string deviceId, string? moduleId, CancellationToken token)
        => await store.FindAsync(deviceId, moduleId, token) is { } found ? found : await NotFoundAsync(deviceId, moduleId, token);

    /// <summary>
    /// Creates or replaces, as PUT does: without a condition it creates and an existing entry is a conflict; with one it
    /// replaces an entry that matches.
    /// </summary>
    /// <param name="wanted">The entry as it should be. Generation and version are the registry's own.</param>
    /// <param name="condition">From If-Match.</param>
    /// <param name="token">Ends the call.</param>
    public Task<Outcome<Identity>> PutAsync(Identity wanted, IfMatch condition, CancellationToken token) => PutAsync(wanted, null, condition, token);

    /// <summary>As PUT does; a new entry gets this twin instead of an empty one.</summary>
    /// <param name="wanted">The entry as it should be. Generation and version are the registry's own.</param>
    /// <param name="twin">Tags and properties for a new entry, or null.</param>
    /// <param name="condition">From If-Match.</param>
    /// <param name="token">Ends the call.</param>
    public Task<Outcome<Identity>> PutAsync(Identity wanted, Twin? twin, IfMatch condition, CancellationToken token) => PutAsync(wanted, twin, null, condition, token);

    /// <summary>As PUT does; a new device gets this twin and this place in its application, in the same write.</summary>
    /// <param name="wanted">The entry as it should be. Generation and version are the registry's own.</param>
    /// <param name="twin">Tags and properties for a new entry, or null.</param>
    /// <param name="placement">Where a new device belongs, or null.</param>
    /// <param name="condition">From If-Match.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<Identity>> PutAsync(Identity wanted, Twin? twin, Placement? placement, IfMatch condition, CancellationToken token)
    {
        if (Check(wanted) is { } bad)
            return bad;
        if (wanted.ModuleId is not null && await store.FindAsync(wanted.DeviceId, null, token) is null)
            return await NotFoundAsync(wanted.DeviceId, null, token);

        var existing = await store.FindAsync(wanted.DeviceId, wanted.ModuleId, token);
        if (existing is null)
            return await CreateAsync(wanted, new FirstState(twin, null) { Placement = placement }, condition, token);
        if (condition.IsAbsent)
            return Exists(existing);
        if (!condition.Matches(existing.ETag))
            return Changed(existing);

        if (!(await _scopes.AssignAsync(Merge(wanted, existing), token)).Succeeded(out var replaced, out var refusal))
            return refusal;
        if (!await store.ReplaceAsync(replaced, existing.Version, token))
            return Changed(existing);
        if (!replaced.Enabled || !SameCredentials(replaced.Authentication, existing.Authentication))
            live.Close(replaced.Key, CloseReason.IdentityChanged);
        Written?.Invoke(replaced.DeviceId);
        return replaced;
    }

    /// <summary>Deletes a device with its modules, or a module, and ends their connections. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string deviceId, string? moduleId, IfMatch condition, CancellationToken token)
    {
        var existing = await store.FindAsync(deviceId, moduleId, token);
        if (existing is null)
            return await NotFoundAsync(deviceId, moduleId, token);
        if (!condition.IsAbsent && !condition.Matches(existing.ETag))
            return Changed(existing);
        var happened = events?.Lifecycle(existing, NewTwin(existing), created: false);
        if (!await store.DeleteAsync(deviceId, moduleId, condition.IsConditional ? existing.Version : null, happened, token))
            return Changed(existing);
        events?.NoteStored();
        live.Close(existing.Key, CloseReason.IdentityChanged);
        return null;
    }

    /// <summary>Lets a device connect, or keeps it from connecting. Whoever else writes at the same time loses nothing.</summary>
    public async Task<Outcome<Identity>> SetEnabledAsync(string deviceId, bool enabled, string? reason, CancellationToken token)
    {
        while (true)
        {
            if (!(await GetAsync(deviceId, null, token)).Succeeded(out var existing, out var refusal))
                return refusal;
            if (existing.Enabled == enabled && string.Equals(existing.StatusReason, reason, StringComparison.Ordinal))
                return existing;
            var outcome = await PutAsync(existing with { Enabled = enabled, StatusReason = reason }, IfMatch.Parse(existing.ETag), token);
            if (outcome.Refusal?.Error != HubErrors.PreconditionFailed)
                return outcome;
        }
    }

    /// <summary>Devices in the order of their ids.</summary>
    public Task<IReadOnlyList<Identity>> ListDevicesAsync(int max, CancellationToken token) => store.ListDevicesAsync(max, token);

    /// <summary>Modules of a device.</summary>
    public async Task<Outcome<IReadOnlyList<Identity>>> ListModulesAsync(string deviceId, CancellationToken token)
    {
        if (await store.FindAsync(deviceId, null, token) is null)
            return await NotFoundAsync(deviceId, null, token);
        return new Outcome<IReadOnlyList<Identity>>(await store.ListModulesAsync(deviceId, token));
    }

    /// <summary>Counts devices: all, and the enabled ones.</summary>
    public Task<(long Total, long Enabled)> CountAsync(CancellationToken token) => store.CountAsync(token);

    /// <summary>
    /// Puts in a device that provisioning assigned to this hub: creates it, or gives the existing one these credentials.
    /// An operator's decision to disable it stays.
    /// </summary>
    public async Task<Outcome<Identity>> AssignAsync(string deviceId, Authentication authentication, bool iotEdge, CancellationToken token)
    {
        var wanted = new Identity { DeviceId = deviceId, GenerationId = "", Authentication = authentication, IotEdge = iotEdge };
        while (true)
        {
            var existing = await store.FindAsync(deviceId, null, token);
            var condition = existing is null ? IfMatch.Absent : IfMatch.Parse(existing.ETag);
            if (existing is not null && SameCredentials(existing.Authentication, authentication) && existing.IotEdge == iotEdge)
                return existing;
            var target = existing is null ? wanted : existing with { Authentication = authentication, IotEdge = iotEdge };
            var outcome = await PutAsync(target, condition, token);
            // A race with another writer: look again.
            if (outcome.Refusal?.Error == HubErrors.PreconditionFailed || outcome.Refusal?.Error == HubErrors.DeviceAlreadyExists)
                continue;
            return outcome;
        }
    }

    private async Task<Outcome<Identity>> CreateAsync(Identity wanted, FirstState first, IfMatch condition, CancellationToken token)
    {
        if (!condition.IsAbsent)
            return await NotFoundAsync(wanted.DeviceId, wanted.ModuleId, token);
        if (wanted.ModuleId is not null && (await store.ListModulesAsync(wanted.DeviceId, token)).Count >= MaxModules)
        {
            return new Refusal(HubErrors.TooManyModulesOnDevice, $"Device '{wanted.DeviceId}' has {MaxModules} modules, which is the limit",
                "Delete a module that is not used any more.");
        }
        var entry = wanted with
        {
            Authentication = WithKeys(wanted.Authentication, null),
            GenerationId = time.GetUtcNow().Ticks.ToString(CultureInfo.InvariantCulture),
            Version = 1,
            StatusTime = wanted.Enabled ? null : time.GetUtcNow(),
            ConnectionTime = null,
            LastActivity = null,
        };
        if (!(await _scopes.AssignAsync(entry, token)).Succeeded(out var created, out var refusal))
            return refusal;
        var twin = first.Twin ?? NewTwin(created);
        if (!await store.InsertAsync(created, first with { Twin = twin, Event = events?.Lifecycle(created, twin, created: true) }, token))
            return Exists(created);
        events?.NoteStored();
        Written?.Invoke(created.DeviceId);
        return created;
    }

    private static Twin NewTwin(Identity identity) => new() { DeviceId = identity.DeviceId, ModuleId = identity.ModuleId };

    private Identity Merge(Identity wanted, Identity existing) => wanted with
    {
        Authentication = WithKeys(wanted.Authentication, existing.Authentication),
        GenerationId = existing.GenerationId,
        Version = existing.Version + 1,
        StatusTime = wanted.Enabled == existing.Enabled ? existing.StatusTime : time.GetUtcNow(),
        ConnectionTime = existing.ConnectionTime,
        LastActivity = existing.LastActivity,
    };

    /// <summary>Keys that the caller leaves out are kept, so that an update never cuts a device off, or else made.</summary>
    private static Authentication WithKeys(Authentication wanted, Authentication? existing) => wanted.Type != AuthenticationType.Sas ? wanted : wanted with
    {
        PrimaryKey = wanted.PrimaryKey ?? existing?.PrimaryKey ?? RandomNumberGenerator.GetBytes(SharedAccessPolicy.KeySize),
        SecondaryKey = wanted.SecondaryKey ?? existing?.SecondaryKey ?? RandomNumberGenerator.GetBytes(SharedAccessPolicy.KeySize),
    };

    private static Refusal? Check(Identity identity)
    {
        if (DeviceIdRules.Check(identity.DeviceId) is { } device)
            return Invalid("deviceId", device);
        if (identity.ModuleId is not null && DeviceIdRules.Check(identity.ModuleId) is { } module)
            return Invalid("moduleId", module);
        return identity.StatusReason?.Length > 128 ? Invalid("statusReason", "the reason has more than 128 characters") : null;
    }

    private static Refusal Invalid(string member, string reason)
        => new(HubErrors.ArgumentInvalid, $"{member}: {reason}", $"Allowed are 1 to {DeviceIdRules.MaxLength} characters of A-Z a-z 0-9 - : . + % _ # * ? ! ( ) , = @ ; $ '.");

    private static bool SameCredentials(Authentication a, Authentication b)
        => a.Type == b.Type && SameBytes(a.PrimaryKey, b.PrimaryKey) && SameBytes(a.SecondaryKey, b.SecondaryKey)
            && string.Equals(a.PrimaryThumbprint, b.PrimaryThumbprint, StringComparison.OrdinalIgnoreCase)
            && string.Equals(a.SecondaryThumbprint, b.SecondaryThumbprint, StringComparison.OrdinalIgnoreCase);

    private static bool SameBytes(byte[]? a, byte[]? b) => a is null || b is null ? a == b : a.AsSpan().SequenceEqual(b);

    private static Refusal Exists(Identity identity) => identity.ModuleId is null
        ? new(HubErrors.DeviceAlreadyExists, $"Device '{identity.DeviceId}' is registered", "To change it, send the header If-Match with its ETag or *.")
        : new(HubErrors.ModuleAlreadyExistsOnDevice, $"Module '{identity.ModuleId}' of device '{identity.DeviceId}' is registered", "To change it, send the header If-Match with its ETag or *.");

    private static Refusal Changed(Identity identity)
        => new(HubErrors.PreconditionFailed, $"'{identity.Key}' has another ETag than If-Match asks for", "Read it again, repeat your change on that, or send If-Match: *.");

    private async Task<Refusal> NotFoundAsync(string deviceId, string? moduleId, CancellationToken token)
    {
        if (moduleId is not null && await store.FindAsync(deviceId, null, token) is not null)
            return new Refusal(HubErrors.ModuleNotFound, $"Device '{deviceId}' has no module '{moduleId}'", "Create the module, or correct its id.");
        var similar = await store.FindSimilarAsync(deviceId, token);
        return new Refusal(HubErrors.DeviceNotFound, $"Device '{deviceId}' is not registered",
            similar is null ? "Register the device, or correct its id." : "Letters of ids count as they are written: use the id as it is registered.", Nearest: similar);
    }
}
