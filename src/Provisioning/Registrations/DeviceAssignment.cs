using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Registrations;

/// <summary>Puts a device that proved itself into its hub.</summary>
internal sealed class DeviceAssignment(HubAllocator allocator)
{
    /// <summary>Length of the hub key of a TPM device, in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>Status reason of a held device; an operator's decision to disable a device has another.</summary>
    private const string HeldReason = "Held: its TPM's endorsement key is used by another registration.";

    /// <summary>
    /// Chooses the hub and writes the device's identity there. When it returns, the identity is durable; the record, which the
    /// caller saves, only says so.
    /// </summary>
    public async Task<Outcome<Registration>> AssignAsync(Registration draft, Registration? last, AttestationProof proof, string apiVersion, CancellationToken token)
    {
        var settings = proof.Enrollment.Settings;
        var policy = Reprovisioning.PolicyOf(settings, apiVersion);
        var current = allocator.Find(last?.AssignedHub);
        if (!Choose(settings, draft.RegistrationId, current, policy).Succeeded(out var hub, out var refusal))
            return refusal;
        var deviceId = proof.Enrollment.Kind == EnrollmentKind.Individual ? settings.DeviceId ?? proof.Enrollment.Id : draft.RegistrationId;
        if (!(await AuthenticationAsync(hub, deviceId, last, proof, token)).Succeeded(out var keys, out refusal))
            return refusal;
        var assigned = await hub.Registry.AssignAsync(deviceId, keys, settings.IotEdge ?? false, token);
        if (assigned.Refusal is { } hubRefusal)
            return hubRefusal;
        if (assigned.Value is { Enabled: false, StatusReason: HeldReason } && (await hub.Registry.SetEnabledAsync(deviceId, enabled: true, null, token)).Refusal is { } notReleased)
            return notReleased;
        var moved = current is not null && current != hub;
        // The device is in its new hub; should the process end here, an identity too many is left in the old one.
        if (moved && await current!.Registry.DeleteAsync(last!.DeviceId!, null, IfMatch.Absent, token) is { Error: var error } left && error != HubErrors.DeviceNotFound)
            return left;
        return draft with
        {
            Status = RegistrationStatus.Assigned,
            Substatus = moved
                ? policy.MigrateDeviceData ? RegistrationSubstatus.DeviceDataMigrated : RegistrationSubstatus.DeviceDataReset
                : (current is null ? null : last?.Substatus) ?? RegistrationSubstatus.InitialAssignment,
            AssignedHub = hub.HostName,
            DeviceId = deviceId,
        };
    }

    /// <summary>Keeps a device from connecting until its registration is put in order.</summary>
    public async Task HoldAsync(Registration registration, CancellationToken token)
    {
        if (registration.DeviceId is not null && allocator.Find(registration.AssignedHub) is { } hub)
            await hub.Registry.SetEnabledAsync(registration.DeviceId, enabled: false, HeldReason, token);
    }

    /// <summary>The key that the hub keeps for a device, or null when the hub does not know it any more.</summary>
    public async Task<byte[]?> HubKeyAsync(Registration registration, CancellationToken token)
    {
        if (registration.DeviceId is null || allocator.Find(registration.AssignedHub) is not { } hub)
            return null;
        var identity = (await hub.Registry.GetAsync(registration.DeviceId, null, token)).Value;
        return identity?.Authentication is { Type: AuthenticationType.Sas, PrimaryKey: { } key } ? key : null;
    }

    private Outcome<LinkedHub> Choose(EnrollmentSettings settings, string registrationId, LinkedHub? current, ReprovisionPolicy policy)
        => current is not null && !policy.UpdateHubAssignment ? current : allocator.Choose(settings, registrationId);

    private static async Task<Outcome<Authentication>> AuthenticationAsync(LinkedHub hub, string deviceId, Registration? last, AttestationProof proof, CancellationToken token)
        => proof.Authentication is { } known ? known : await TpmKeysAsync(hub, deviceId, last, proof, token);

    // A device that registers again keeps its key: tokens that it made before, and a registration that broke off half-way, stay
    // good. A key that was not made for its TPM may be known outside, so it is replaced.
    private static async Task<Outcome<Authentication>> TpmKeysAsync(LinkedHub hub, string deviceId, Registration? last, AttestationProof proof, CancellationToken token)
    {
        var present = (await hub.Registry.GetAsync(deviceId, null, token)).Value?.Authentication;
        var isOurs = last is { Attestation: AttestationType.Tpm } && last.DeviceId == deviceId && hub.HostName.Equals(last.AssignedHub, StringComparison.OrdinalIgnoreCase);
        // A TPM of a group chooses its name; it must not choose itself into the place of a device that came another way.
        if (!isOurs && present is not null && proof.Enrollment.Kind == EnrollmentKind.Group)
        {
            return new Refusal(ProvisioningErrors.DeviceTaken, $"The hub has a device '{deviceId}' that did not come by a registration of this TPM", "Delete the device in the hub, or make an individual enrollment for the TPM.");
        }
        return isOurs && present is { Type: AuthenticationType.Sas, PrimaryKey: not null }
            ? present
            : new Authentication(AuthenticationType.Sas, RandomNumberGenerator.GetBytes(KeySize), RandomNumberGenerator.GetBytes(KeySize));
    }
}
