using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Lifecycle;

/// <summary>What operators do with devices: make, approve, block, unblock, migrate and delete them.</summary>
/// <param name="store">The devices.</param>
/// <param name="own">The hub of this server.</param>
/// <param name="allocator">All hubs.</param>
/// <param name="registrations">The records of provisioning.</param>
/// <param name="enrollments">Individual enrollments go with their devices.</param>
/// <param name="time">The clock.</param>
public sealed class DeviceLifecycle(
    IDeviceStore store, IDeviceHub own, HubAllocator allocator, RegistrationService registrations, EnrollmentService enrollments, TimeProvider time)
{
    private const int MaxTemplate = 2048;

    /// <summary>Devices that are changed at once, to share a commit.</summary>
    private const int Batch = 100;

    /// <summary>Null when a device may follow a template, else what is wrong; null in itself: templates are not checked.</summary>
    public Func<string, CancellationToken, Task<Refusal?>>? CheckTemplate { get; set; }

    /// <summary>Null when there is such an organization, else what is wrong; null in itself: organizations are not checked.</summary>
    public Func<string, CancellationToken, Task<Refusal?>>? CheckOrganization { get; set; }

    /// <summary>Told after a device changed, with what it was before; null when it is new.</summary>
    public Func<DeviceFacts?, DeviceFacts, CancellationToken, Task>? Changed { get; set; }

    /// <summary>The same for the devices of some organizations, as if there were no others; null: for all.</summary>
    /// <param name="organizations">The organizations.</param>
    /// <param name="home">Where new devices belong that name none.</param>
    public DeviceLifecycle Within(IReadOnlySet<string>? organizations, string? home)
        => organizations is null || home is null ? this : new DeviceLifecycle(new ScopedDevices(store, organizations, home), own, allocator, registrations, enrollments, time)
        {
            CheckTemplate = CheckTemplate,
            CheckOrganization = CheckOrganization,
            Changed = Changed,
        };

    /// <summary>Finds one.</summary>
    public async Task<Outcome<DeviceFacts>> GetAsync(string deviceId, CancellationToken token) => await store.FindAsync(deviceId, token) is { } found ? found : NotFound(deviceId);

    /// <summary>One page; ask for one more than are shown to know whether there is a next one.</summary>
    public Task<IReadOnlyList<DeviceFacts>> ListAsync(DeviceFilter filter, DeviceFacts? after, int max, CancellationToken token) => store.ListAsync(filter, after, max, token);

    /// <summary>How many there are in each state.</summary>
    public Task<IReadOnlyDictionary<DeviceStatus, long>> CountAsync(CancellationToken token) => store.CountAsync(token);

    /// <summary>Null when a device may follow a template, else what is wrong with it.</summary>
    public async Task<Refusal?> CheckTemplateAsync(string template, CancellationToken token)
    {
        if (template.Length is 0 or > MaxTemplate)
            return EnrollmentForm.Invalid("template", $"it has {template.Length} characters", "Send the id of a template, or null.");
        return CheckTemplate is null ? null : await CheckTemplate(template, token);
    }

    /// <summary>Makes a device that may come; its hub has it once it registered.</summary>
    public async Task<Outcome<DeviceFacts>> CreateAsync(DeviceFacts wanted, string by, CancellationToken token)
    {
        if (await CheckAsync(null, wanted, token) is { } bad)
            return bad;
        var now = StoredTime.Now(time);
        return await ChangeAsync(wanted.DeviceId, facts => LifeCycle.Create(facts, wanted with { Created = now }), by, token);
    }

    /// <summary>Changes name, template, organization and the like; not what <see cref="BlockAsync"/> and its like change.</summary>
    public async Task<Outcome<DeviceFacts>> UpdateAsync(string deviceId, Func<DeviceFacts, DeviceFacts> change, IfMatch condition, string by, CancellationToken token)
    {
        if (!(await GetAsync(deviceId, token)).Succeeded(out var present, out var refusal))
            return refusal;
        if (await CheckAsync(present, change(present), token) is { } bad)
            return bad;
        return await ChangeAsync(deviceId, facts =>
        {
            if (facts is null)
                return NotFound(deviceId);
            if (!condition.IsAbsent && !condition.Matches(facts.ETag))
                return new Refusal(ProvisioningErrors.PreconditionFailed, $"The device '{deviceId}' has another ETag than the call asks for", "Read it again, repeat your change on that, or leave the ETag out.");
            var changed = change(facts);
            return changed with { Approved = facts.Approved, Blocked = facts.Blocked, Provisioned = facts.Provisioned };
        }, by, token);
    }

    /// <summary>Lets in a device that waits. When it registers again, it is assigned.</summary>
    public Task<Outcome<DeviceFacts>> ApproveAsync(string deviceId, string by, CancellationToken token)
        => ChangeAsync(deviceId, facts => facts is null ? NotFound(deviceId) : LifeCycle.Approve(facts), by, token);

    /// <summary>Keeps a device out: it is refused when it registers, its identity is disabled, and its connections end at once.</summary>
    public async Task<Outcome<DeviceFacts>> BlockAsync(string deviceId, string by, CancellationToken token)
    {
        // First the entry: a registration that is under way looks there when it is done.
        if (!(await ChangeAsync(deviceId, facts => facts is null ? NotFound(deviceId) : LifeCycle.Block(facts), by, token)).Succeeded(out var blocked, out var refusal))
            return refusal;
        return await (await HubOfAsync(blocked, token)).DisableAsync(deviceId, Reason(by), token) is { } notDisabled ? notDisabled : await ReadAgainAsync(blocked, token);
    }

    /// <summary>Lets a device be again what it was before it was blocked.</summary>
    public Task<Outcome<DeviceFacts>> UnblockAsync(string deviceId, string by, CancellationToken token) => LetInAsync(deviceId, LifeCycle.Unblock, by, token);

    /// <summary>IoT Central's <c>enabled: true</c>: approved, and not blocked any more.</summary>
    public Task<Outcome<DeviceFacts>> EnableAsync(string deviceId, string by, CancellationToken token) => LetInAsync(deviceId, LifeCycle.Enable, by, token);

    /// <summary>Gives a device another template.</summary>
    public Task<Outcome<DeviceFacts>> MigrateAsync(string deviceId, string? template, string by, CancellationToken token)
        => UpdateAsync(deviceId, facts => LifeCycle.Migrate(facts, template), IfMatch.Absent, by, token);

    /// <summary>Deletes a device with its identity and twin, its registration and its individual enrollment. Null when it is gone.</summary>
    public async Task<Refusal?> DeleteAsync(string deviceId, CancellationToken token)
    {
        if (!(await GetAsync(deviceId, token)).Succeeded(out var facts, out var refusal))
            return refusal;
        if (await (await HubOfAsync(facts, token)).RemoveAsync(deviceId, token) is { } notRemoved)
            return notRemoved;
        var registrationId = facts.RegistrationId ?? deviceId;
        foreach (var id in (string[])[registrationId, deviceId])
        {
            if ((await enrollments.GetAsync(EnrollmentKind.Individual, id, token)).Value is { } individual && NameOf(individual) == deviceId)
                await enrollments.DeleteAsync(EnrollmentKind.Individual, id, IfMatch.Absent, token);
            if ((await registrations.GetAsync(id, token)).Value is { } record && (record.DeviceId is null || record.DeviceId == deviceId))
                await registrations.DeleteAsync(id, IfMatch.Absent, token);
        }
        await store.DeleteAsync(deviceId, token);
        return null;
    }

    /// <summary>Does the same to many devices. Each stands for itself.</summary>
    public static async Task<AdmissionResult> EachAsync(IEnumerable<string> deviceIds, Func<string, Task<Refusal?>> work, CancellationToken token)
    {
        var result = new AdmissionResult();
        foreach (var batch in deviceIds.Distinct(StringComparer.Ordinal).Chunk(Batch))
        {
            token.ThrowIfCancellationRequested();
            foreach (var (id, refusal) in await Task.WhenAll(batch.Select(async id => (id, await work(id)))))
                result.Note(id, refusal);
        }
        return result;
    }

    /// <summary>Does the same to all devices that a filter chooses, page by page.</summary>
    public async Task<AdmissionResult> EachAsync(DeviceFilter filter, Func<string, Task<Refusal?>> work, CancellationToken token)
    {
        var result = new AdmissionResult();
        DeviceFacts? after = null;
        while (await store.ListAsync(filter, after, Batch, token) is { Count: > 0 } page)
        {
            result.Add(await EachAsync(page.Select(d => d.DeviceId), work, token));
            after = page[^1];
        }
        return result;
    }

    private async Task<Outcome<DeviceFacts>> LetInAsync(string deviceId, Func<DeviceFacts, DeviceFacts> change, string by, CancellationToken token)
    {
        if (!(await ChangeAsync(deviceId, facts => facts is null ? NotFound(deviceId) : change(facts), by, token)).Succeeded(out var changed, out var refusal))
            return refusal;
        return await (await HubOfAsync(changed, token)).EnableAsync(deviceId, token) is { } notEnabled ? notEnabled : await ReadAgainAsync(changed, token);
    }

    private async Task<Outcome<DeviceFacts>> ChangeAsync(string deviceId, Func<DeviceFacts?, Outcome<DeviceFacts>> change, string by, CancellationToken token)
    {
        DeviceFacts? before = null;
        var outcome = await store.ChangeAsync(deviceId, facts =>
        {
            before = facts;
            if (!change(facts).Succeeded(out var wanted, out var refusal))
                return refusal;
            return wanted == facts ? facts : wanted with { Changed = StoredTime.Now(time), ChangedBy = by };
        }, token);
        if (outcome.Value is { } after && !ReferenceEquals(before, after) && Changed is not null)
            await Changed(before, after, token);
        return outcome;
    }

    /// <summary>The hub's registry wrote as well.</summary>
    private async Task<DeviceFacts> ReadAgainAsync(DeviceFacts written, CancellationToken token) => await store.FindAsync(written.DeviceId, token) ?? written;

    private async Task<IDeviceHub> HubOfAsync(DeviceFacts facts, CancellationToken token)
        => facts.RegistrationId is { } id && (await registrations.GetAsync(id, token)).Value is { AssignedHub: { } name } record && record.DeviceId == facts.DeviceId && allocator.Find(name) is { } hub
            ? hub.Devices
            : own;

    private async Task<Refusal?> CheckAsync(DeviceFacts? before, DeviceFacts wanted, CancellationToken token)
    {
        if (DeviceIdRules.Check(wanted.DeviceId) is { } badId)
            return EnrollmentForm.Invalid("id", badId, $"Allowed are 1 to {DeviceIdRules.MaxLength} letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '.");
        if (wanted.DisplayName is { } name && (name.Length > DeviceFacts.MaxName || name.Any(char.IsControl)))
            return EnrollmentForm.Invalid("displayName", name.Length > DeviceFacts.MaxName ? $"it has {name.Length} characters" : "it has control characters", $"Send at most {DeviceFacts.MaxName} characters on one line.");
        if (wanted.Organization is { } organization && organization != before?.Organization && CheckOrganization is not null && await CheckOrganization(organization, token) is { } unknown)
            return unknown;
        return wanted.Template is { } template && template != before?.Template ? await CheckTemplateAsync(template, token) : null;
    }

    private static string NameOf(Enrollment individual) => individual.Settings.DeviceId ?? individual.Id;

    private static string Reason(string by) => Shown.Text($"Blocked by {by}", 120);

    private static Refusal NotFound(string deviceId) => new(ProvisioningErrors.DeviceNotFound, $"There is no device '{Shown.Text(deviceId, DeviceIdRules.MaxLength)}'", "Make it, or correct the id: letters count as they are written.");
}
