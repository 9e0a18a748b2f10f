using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Provisioning.Allocation;

/// <summary>The hub of this server.</summary>
public sealed class OwnHub(IdentityRegistry registry, DeviceTwins twins) : IDeviceHub
{
    /// <inheritdoc/>
    public async Task<Outcome<HubDevice>> FindAsync(string deviceId, CancellationToken token)
        => (await registry.GetAsync(deviceId, null, token)).Value is { } found ? new HubDevice(true, found.Authentication) : HubDevice.None;

    /// <inheritdoc/>
    public async Task<Refusal?> AssignAsync(HubAssignment assignment, CancellationToken token)
    {
        while (true)
        {
            var exists = (await registry.GetAsync(assignment.DeviceId, null, token)).Value is not null;
            var refusal = exists ? await UpdateAsync(assignment, token) : await CreateAsync(assignment, token);
            // A race with another writer: look again.
            if (refusal?.Error == HubErrors.DeviceAlreadyExists || refusal?.Error == HubErrors.DeviceNotFound)
                continue;
            return refusal is null ? null : Translate(refusal);
        }
    }

    /// <inheritdoc/>
    public async Task<Outcome<HubDevice>> ReadTwinAsync(string deviceId, CancellationToken token)
    {
        if (!(await twins.GetAsync(deviceId, null, token)).Succeeded(out var twin, out var refusal))
            return refusal.Error == HubErrors.DeviceNotFound ? HubDevice.None : Translate(refusal);
        return new HubDevice(true, Twin: new TwinContent(Read(twin.Tags), Read(twin.Desired.Properties), Read(twin.Reported.Properties)));
    }

    /// <inheritdoc/>
    public async Task<Refusal?> DisableAsync(string deviceId, string reason, CancellationToken token)
    {
        while ((await registry.GetAsync(deviceId, null, token)).Value is { Enabled: true } device)
        {
            var disabled = await registry.PutAsync(device with { Enabled = false, StatusReason = reason }, IfMatch.Parse(device.ETag), token);
            // A race with another writer: look again.
            if (disabled.Refusal is { } refusal && refusal.Error != HubErrors.PreconditionFailed && refusal.Error != HubErrors.DeviceNotFound)
                return Translate(refusal);
        }
        return null;
    }

    /// <inheritdoc/>
    public async Task<Refusal?> EnableAsync(string deviceId, CancellationToken token)
        => (await registry.GetAsync(deviceId, null, token)).Value is { Enabled: false }
            && (await registry.SetEnabledAsync(deviceId, enabled: true, null, token)).Refusal is { } refusal && refusal.Error != HubErrors.DeviceNotFound ? Translate(refusal) : null;

    /// <inheritdoc/>
    public async Task<Refusal?> RemoveAsync(string deviceId, CancellationToken token)
        => await registry.DeleteAsync(deviceId, null, IfMatch.Absent, token) is { } refusal && refusal.Error != HubErrors.DeviceNotFound ? Translate(refusal) : null;

    private async Task<Refusal?> CreateAsync(HubAssignment assignment, CancellationToken token)
    {
        var identity = new Identity { DeviceId = assignment.DeviceId, GenerationId = "", Authentication = assignment.Authentication, IotEdge = assignment.IotEdge };
        var content = assignment.Twin.Copy();
        if (!twins.First(identity, new TwinPatch(content.Tags, content.Desired), content.Reported).Succeeded(out var twin, out var refusal))
            return refusal;
        return (await registry.PutAsync(identity, assignment.Twin.IsEmpty ? null : twin, IfMatch.Absent, token)).Refusal;
    }

    /// <summary>An operator's decision to disable a device stays, and so does its twin unless another one comes with the device.</summary>
    private async Task<Refusal?> UpdateAsync(HubAssignment assignment, CancellationToken token)
    {
        var edge = assignment.KeepsCapabilities ? (await registry.GetAsync(assignment.DeviceId, null, token)).Value?.IotEdge : assignment.IotEdge;
        if (!(await registry.AssignAsync(assignment.DeviceId, assignment.Authentication, edge ?? false, token)).Succeeded(out var device, out var refusal))
            return refusal;
        if (!device.Enabled && assignment.ReleasedFrom is { } reason && device.StatusReason == reason
            && (await registry.SetEnabledAsync(assignment.DeviceId, enabled: true, null, token)).Refusal is { } notReleased)
        {
            return notReleased;
        }
        if (!assignment.ReplaceTwin)
            return null;
        var content = assignment.Twin.Copy();
        var written = await twins.ReplaceAsync(assignment.DeviceId, null, new TwinPatch(content.Tags, content.Desired), IfMatch.Parse("*"), token);
        if (written.Refusal is not null || content.Reported is not { Count: > 0 } reported)
            return written.Refusal;
        return (await twins.ReportAsync(assignment.DeviceId, null, System.Text.Encoding.UTF8.GetBytes(reported.ToJsonString()), token)).Refusal;
    }

    private static Refusal Translate(Refusal refusal) => refusal.Error == HubErrors.IotHubQuotaExceeded ? refusal with { Error = ProvisioningErrors.HubFull } : refusal;

    private static JsonObject Read(ReadOnlyMemory<byte> json) => (JsonObject)JsonNode.Parse(json.Span)!;
}
