using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Registrations;

/// <summary>
/// Two registrations with one TPM: an endorsement key is in one chip, so one of the two has a copy of a software TPM, or a device has
/// changed its id. Which it is, only the operator knows: both are held until one of the registrations is deleted.
/// </summary>
internal sealed class SharedEndorsements(IRegistrationStore store, DeviceAssignment assignment, TimeProvider time)
{
    private const int MaxOthers = 10;

    /// <summary>Null when the TPM of a registration has no other; else both are held and the refusal says which the other is, or why one of them could not be held.</summary>
    public async Task<Refusal?> FindAndHoldAsync(RegistrationCall call, Registration draft, Registration? last, CancellationToken token)
    {
        if (draft.EndorsementHash is not { } hash)
            return null;
        var others = (await store.FindByEndorsementAsync(hash, MaxOthers, token))
            .Where(r => !r.RegistrationId.Equals(draft.RegistrationId, StringComparison.OrdinalIgnoreCase) && r.AssignedHub is not null)
            .ToList();
        if (others.Count == 0)
            return null;
        var refusal = new Refusal(
            ProvisioningErrors.EndorsementShared, $"The {call} came from the TPM with the endorsement key {call.Tpm} (hash), which has the registration {string.Join(", ", others.Select(o => $"'{o.RegistrationId}'"))} as well",
            "Delete the registration that is not the device's, and let the device register again. If neither device may have the other's key, block both and replace their TPMs.",
            Nearest: others[0].RegistrationId);
        foreach (var other in others)
        {
            if (await HoldAsync(other, refusal, token) is { } notHeld)
                return notHeld;
        }
        return last is not null && await assignment.HoldAsync(last, token) is { } stillFree ? stillFree : refusal;
    }

    /// <summary>Its record says so as well. Should it have changed in this moment, it was registered again, which found the same.</summary>
    private async Task<Refusal?> HoldAsync(Registration other, Refusal refusal, CancellationToken token)
    {
        if (await assignment.HoldAsync(other, token) is { } notHeld)
            return notHeld;
        if (other.ErrorCode == refusal.Error.Code)
            return null;
        var held = other with
        {
            ETag = Guid.NewGuid().ToString("D"),
            Updated = StoredTime.Now(time),
            Status = RegistrationStatus.Failed,
            ErrorCode = refusal.Error.Code,
            ErrorMessage = $"{refusal.Error.Text} Tracking id {refusal.TrackingId}",
        };
        await store.SaveAsync(held, other.ETag, token);
        return null;
    }
}
