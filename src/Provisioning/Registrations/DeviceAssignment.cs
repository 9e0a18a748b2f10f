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
        var keys = proof.PrimaryKey is null
            ? await TpmKeysAsync(hub, deviceId, last, token)
            : new Authentication(AuthenticationType.Sas, proof.PrimaryKey, proof.SecondaryKey);
        var assigned = await hub.Registry.AssignAsync(deviceId, keys, settings.IotEdge ?? false, token);
        if (assigned.Refusal is { } hubRefusal)
            return hubRefusal;
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

    // A device that registers again keeps its key: tokens that it made before, and a registration that broke off half-way, stay
    // good. A key that was not made for its TPM may be known outside, so it is replaced.
    private async Task<Authentication> TpmKeysAsync(LinkedHub hub, string deviceId, Registration? last, CancellationToken token)
    {
        var isOurs = last is { Attestation: AttestationType.Tpm } && last.DeviceId == deviceId && allocator.Find(last.AssignedHub) == hub;
        var kept = isOurs ? (await hub.Registry.GetAsync(deviceId, null, token)).Value?.Authentication : null;
        return kept is { Type: AuthenticationType.Sas, PrimaryKey: not null }
            ? kept
            : new Authentication(AuthenticationType.Sas, RandomNumberGenerator.GetBytes(KeySize), RandomNumberGenerator.GetBytes(KeySize));
    }
}
