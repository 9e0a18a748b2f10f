using System.Security.Cryptography;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Registrations;

/// <summary>Puts a device that proved itself into its hub.</summary>
/// <param name="allocator">Chooses hubs.</param>
/// <param name="webhook">Asks webhooks; null: there is no custom allocation.</param>
/// <param name="issuance">Issues certificates; null: nobody does.</param>
internal sealed class DeviceAssignment(HubAllocator allocator, AllocationWebhook? webhook, CertificateIssuance? issuance)
{
    /// <summary>Length of the hub key of a TPM device, in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>Status reason of a held device; an operator's decision to disable a device has another.</summary>
    private const string HeldReason = "Held: its TPM's endorsement key is used by another registration.";

    /// <summary>
    /// Chooses the hub and writes the device's identity there. When it returns, the identity is durable; the record, which the
    /// caller saves, only says so. A hub that is full hands on to the next one of the policy.
    /// </summary>
    public async Task<Outcome<Registration>> AssignAsync(RegistrationCall call, Registration draft, Registration? last, AttestationProof proof, CancellationToken token)
    {
        var current = allocator.Find(last?.AssignedHub);
        if (!(await PlanAsync(call, proof, last, current, token)).Succeeded(out var plan, out var refusal))
            return refusal;
        Refusal? full = null;
        foreach (var hub in plan.Hubs)
        {
            var outcome = await MoveAsync(hub, plan, call, draft, last, proof, token);
            if (outcome.Refusal?.Error != ProvisioningErrors.HubFull)
                return outcome;
            full = outcome.Refusal with { Tried = [.. full?.Tried ?? [], $"hub '{hub}': full"] };
        }
        return full!;
    }

    /// <summary>The name that a device has in its hub.</summary>
    public static string NameOf(Registration draft, AttestationProof proof)
        => proof.Enrollment.Kind == EnrollmentKind.Individual ? proof.Enrollment.Settings.DeviceId ?? proof.Enrollment.Id : draft.RegistrationId;

    /// <summary>The key that the hub keeps for a device; none when the hub does not know it any more, or by another proof.</summary>
    public async Task<Outcome<HubDevice>> HubKeyAsync(Registration registration, CancellationToken token)
    {
        if (registration.DeviceId is null || allocator.Find(registration.AssignedHub) is not { } hub)
            return HubDevice.None;
        return await hub.Devices.FindAsync(registration.DeviceId, token);
    }

    /// <summary>Removes identities that a device left behind. Gives those that are still there.</summary>
    public async Task<IReadOnlyList<LeftBehind>> RemoveAsync(IReadOnlyList<LeftBehind> left, CancellationToken token)
    {
        var still = new List<LeftBehind>();
        foreach (var entry in left)
        {
            // What is in a hub that is not linked any more is out of reach for good.
            if (allocator.Find(entry.Hub) is { } hub && await hub.Devices.RemoveAsync(entry.DeviceId, token) is not null)
                still.Add(entry);
        }
        return still;
    }

    private async Task<Outcome<AssignmentPlan>> PlanAsync(RegistrationCall call, AttestationProof proof, Registration? last, LinkedHub? current, CancellationToken token)
    {
        var (enrollment, settings) = (proof.Enrollment, proof.Enrollment.Settings);
        var policy = Reprovisioning.PolicyOf(settings, call.ApiVersion);
        var stays = current is not null && !policy.UpdateHubAssignment;
        if (allocator.PolicyOf(settings) == AllocationPolicy.Custom)
        {
            if (!(await AskAsync(call, enrollment, current, last, token)).Succeeded(out var asked, out var failure))
                return failure;
            return asked with { Current = current, Policy = policy, Hubs = stays ? [current!] : asked.Hubs };
        }
        if (stays)
            return new AssignmentPlan([current!], current, policy);
        return allocator.Rank(settings, call.AllocationSubject).Succeeded(out var ranked, out var refusal) ? new AssignmentPlan(ranked, current, policy) : refusal;
    }

    /// <summary>The webhook is asked at every registration, also of a device that stays: it may have something to say to it.</summary>
    private async Task<Outcome<AssignmentPlan>> AskAsync(RegistrationCall call, Enrollment enrollment, LinkedHub? current, Registration? last, CancellationToken token)
    {
        if (webhook is null)
            return new Refusal(ProvisioningErrors.AllocationFailed, $"The {enrollment} has the custom allocation policy, which this server does not serve", "Choose another allocation policy.");
        // A hub that an enrollment names is allowed although it takes no part in the policy.
        IReadOnlyList<string> allowed = [.. (enrollment.Settings.IotHubs is { Count: > 0 } ? allocator.AllowedHubs(enrollment.Settings) : allocator.Hubs).Select(h => h.HostName)];
        var device = AllocationWebhook.Context(enrollment.Attestation, call.RegistrationId, current?.HostName, current is null ? null : last?.DeviceId, call.Payload);
        if (!(await webhook.AskAsync(enrollment, device, allowed, token)).Succeeded(out var answer, out var refusal))
            return refusal;
        if (string.IsNullOrEmpty(answer.IotHubHostName))
            return new Refusal(ProvisioningErrors.HubNotSpecified, $"The webhook of the {enrollment} answered without iotHubHostName", $"Let it name one of {string.Join(", ", allowed)}.");
        if (!allowed.Contains(answer.IotHubHostName, StringComparer.OrdinalIgnoreCase) || allocator.Find(answer.IotHubHostName) is not { } hub)
        {
            return new Refusal(ProvisioningErrors.AllocationFailed, $"The webhook of the {enrollment} answered with the hub '{Shown.Text(answer.IotHubHostName)}', which it was not offered",
                $"Let it name one of {string.Join(", ", allowed)}.");
        }
        if (!JsonBody.IsWritable(answer.Payload))
            return new Refusal(ProvisioningErrors.AllocationFailed, $"The webhook of the {enrollment} answered with a payload that is no Unicode text", "Correct the sequence \\ud800 to \\udfff.");
        TwinContent? twin = null;
        if (answer.InitialTwin is { ValueKind: not JsonValueKind.Null } sent && !TwinContent.Read(sent.GetRawText()).Succeeded(out twin, out refusal))
            return new Refusal(ProvisioningErrors.AllocationFailed, $"The webhook of the {enrollment} answered with an initialTwin that cannot be used: {refusal.Seen}", refusal.Fix);
        return new AssignmentPlan([hub], current, new ReprovisionPolicy(true, true)) { Twin = twin, Payload = answer.Payload is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } payload ? payload.GetRawText() : null };
    }

    private async Task<Outcome<Registration>> MoveAsync(
        LinkedHub hub, AssignmentPlan plan, RegistrationCall call, Registration draft, Registration? last, AttestationProof proof, CancellationToken token)
    {
        var (settings, current) = (proof.Enrollment.Settings, plan.Current);
        var deviceId = NameOf(draft, proof);
        var moved = current is not null && current.HostName != hub.HostName;
        if (!(await TwinAsync(plan, settings, moved, last, token)).Succeeded(out var twin, out var refusal))
            return refusal;
        if (!(await CredentialsAsync(hub, deviceId, call, proof, last, token)).Succeeded(out var credentials, out refusal))
            return refusal;
        var assignment = new HubAssignment(deviceId, credentials.Authentication, settings.IotEdge ?? false, twin.Content, twin.Replaces) { ReleasedFrom = HeldReason };
        if (await hub.Devices.AssignAsync(assignment, token) is { } hubRefusal)
            return hubRefusal;
        if (credentials.Issued is { } issued)
            await issuance!.KeepAsync(issued with { Hub = hub.HostName }, token);
        var here = new LeftBehind(hub.HostName, deviceId);
        var left = (last?.LeftBehind ?? []).Where(l => l != here);
        return draft with
        {
            Status = RegistrationStatus.Assigned,
            Substatus = moved
                ? plan.Policy.MigrateDeviceData ? RegistrationSubstatus.DeviceDataMigrated : RegistrationSubstatus.DeviceDataReset
                : (current is null ? null : last?.Substatus) ?? RegistrationSubstatus.InitialAssignment,
            AssignedHub = hub.HostName,
            DeviceId = deviceId,
            Payload = plan.Payload,
            IssuedChain = credentials.Issued?.Chain,
            LeftBehind = [.. left, .. moved ? (LeftBehind[])[new LeftBehind(current!.HostName, last!.DeviceId!)] : []],
        };
    }

    /// <summary>Keeps a device from connecting until its registration is put in order. Null when that is durable, or its hub does not know it.</summary>
    public Task<Refusal?> HoldAsync(Registration registration, CancellationToken token) => HoldAsync(registration, HeldReason, token);

    /// <summary>Keeps a device from connecting, for a reason. Null when that is durable, or its hub does not know it.</summary>
    public async Task<Refusal?> HoldAsync(Registration registration, string reason, CancellationToken token)
        => registration.DeviceId is not null && allocator.Find(registration.AssignedHub) is { } hub
            ? await hub.Devices.DisableAsync(registration.DeviceId, reason, token)
            : null;

    /// <summary>The twin that goes along: the one of the hub before, or the first one. A webhook's goes before both.</summary>
    private static async Task<Outcome<TwinToGo>> TwinAsync(AssignmentPlan plan, EnrollmentSettings settings, bool moved, Registration? last, CancellationToken token)
    {
        TwinContent? old = null;
        if (moved && plan.Policy.MigrateDeviceData)
        {
            if (!(await plan.Current!.Devices.ReadTwinAsync(last!.DeviceId!, token)).Succeeded(out var found, out var refusal))
                return refusal;
            old = found.Twin;
        }
        // A move that broke off half-way took the twin along already: what is there then stays.
        var replaces = moved && (old is not null || plan.Twin is not null || !plan.Policy.MigrateDeviceData);
        if (plan.Twin is { } named)
            return new TwinToGo(named with { Reported = old?.Reported }, replaces);
        if (old is not null)
            return new TwinToGo(old, replaces);
        if (settings.InitialTwin is not { ValueKind: JsonValueKind.Object } initial)
            return new TwinToGo(TwinContent.Empty, replaces);
        return TwinContent.Read(initial.GetRawText()).Succeeded(out var first, out var bad) ? new TwinToGo(first, replaces) : bad;
    }

    private async Task<Outcome<Credentials>> CredentialsAsync(LinkedHub hub, string deviceId, RegistrationCall call, AttestationProof proof, Registration? last, CancellationToken token)
    {
        var settings = proof.Enrollment.Settings;
        if (call.CertificateRequest is { } request)
        {
            if (issuance is null || settings.IssuingAuthority is null)
            {
                return new Refusal(ProvisioningErrors.CertificateRequestRefused, $"The {call} asks for a certificate, and the {proof.Enrollment} names no CA that issues one",
                    """Set clientCertificateIssuancePolicy of the enrollment, for example {"certificateAuthorityName":"default"}, or leave csr out.""");
            }
            var asked = new CertificateOrder(settings.IssuingAuthority, request, call.RegistrationId, deviceId);
            return (await issuance.IssueAsync(asked, token)).Succeeded(out var issued, out var refusal)
                ? new Credentials(await issuance.AuthenticationAsync(call.RegistrationId, issued, token), issued)
                : refusal;
        }
        // A device that has a certificate keeps it: its hub knows it by that.
        if (issuance is not null && settings.IssuingAuthority is not null && await issuance.AuthenticationAsync(call.RegistrationId, null, token) is { Type: AuthenticationType.SelfSigned } kept)
            return new Credentials(kept, null);
        if (proof.Authentication is { } known)
            return new Credentials(known, null);
        return (await TpmKeysAsync(hub, deviceId, last, proof, token)).Succeeded(out var tpm, out var bad) ? new Credentials(tpm, null) : bad;
    }

    // A device that registers again keeps its key: tokens that it made before, and a registration that broke off half-way, stay
    // good. A key that was not made for its TPM may be known outside, so it is replaced.
    private async Task<Outcome<Authentication>> TpmKeysAsync(LinkedHub hub, string deviceId, Registration? last, AttestationProof proof, CancellationToken token)
    {
        var isOurs = last is { Attestation: AttestationType.Tpm } && last.DeviceId == deviceId && allocator.Find(last.AssignedHub)?.HostName == hub.HostName;
        var ofGroup = proof.Enrollment.Kind == EnrollmentKind.Group;
        if (isOurs || ofGroup)
        {
            if (!(await hub.Devices.FindAsync(deviceId, token)).Succeeded(out var found, out var refusal))
                return refusal;
            if (isOurs && found.Authentication is { Type: AuthenticationType.Sas, PrimaryKey: not null } kept)
                return kept;
            // A TPM of a group chooses its name; it must not choose itself into the place of a device that came another way.
            if (!isOurs && found.Exists)
                return new Refusal(ProvisioningErrors.DeviceTaken, $"The hub has a device '{deviceId}' that did not come by a registration of this TPM", "Delete the device in the hub, or make an individual enrollment for the TPM.");
        }
        return new Authentication(AuthenticationType.Sas, RandomNumberGenerator.GetBytes(KeySize), RandomNumberGenerator.GetBytes(KeySize));
    }

    /// <summary>Where a device is to go.</summary>
    private sealed record AssignmentPlan(IReadOnlyList<LinkedHub> Hubs, LinkedHub? Current, ReprovisionPolicy Policy)
    {
        public TwinContent? Twin { get; init; }

        public string? Payload { get; init; }
    }

    private sealed record TwinToGo(TwinContent Content, bool Replaces);

    private sealed record Credentials(Authentication Authentication, IssuedCertificate? Issued);
}
