using System.Security.Cryptography;
using System.Text.Json;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.SymmetricKey;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Provisioning.Registrations;

/// <summary>
/// Registers devices, whatever transport they came by. A registration is finished and durable before its operation id is given
/// out, so a poll finds it after a restart too.
/// </summary>
/// <param name="attestation">Checks who a device is.</param>
/// <param name="store">The records.</param>
/// <param name="allocator">Chooses hubs.</param>
/// <param name="time">The clock.</param>
/// <param name="webhook">Asks custom allocation webhooks; null: there are none.</param>
/// <param name="issuance">Issues certificates; null: nobody does.</param>
public sealed class RegistrationService(
    DeviceAttestation attestation, IRegistrationStore store, HubAllocator allocator, TimeProvider time, AllocationWebhook? webhook = null, CertificateIssuance? issuance = null)
{
    /// <summary>Told of the model that a device named, once its registration is stored, whatever came of that. Must not throw.</summary>
    public Func<string, string, CancellationToken, Task>? ModelAnnounced { get; set; }

    /// <summary>Called when a device was assigned to a hub for the first time, or to another one than before; once that is stored.</summary>
    public Func<Registration, CancellationToken, Task>? Assigned { get; set; }

    private const int Attempts = 3;
    private const int PageSize = 100;
    private const string BlockedReason = "Blocked by an operator.";

    /// <summary>Asks whether an operator lets a device in; null: everybody with a good proof is.</summary>
    public DeviceApproval? Approval { get; init; }

    private readonly DeviceAssignment _assignment = new(allocator, webhook, issuance);
    private readonly DeviceLocks _locks = new();
    private readonly DeviceLocks _endorsementLocks = new();
    private readonly SharedEndorsements _shared = new(store, new DeviceAssignment(allocator, webhook, issuance), time);

    /// <summary>
    /// Registers a device: a TPM without a token gets its challenge, a device with a good proof its operation. A disabled
    /// enrollment and a failed allocation are results, not refusals: the device reads them with its poll.
    /// </summary>
    public async Task<Outcome<RegisterReply>> RegisterAsync(RegistrationCall call, CancellationToken token)
    {
        if (call.AsksForChallenge)
            return await ChallengeAsync(call, token);
        var last = await store.FindAsync(call.RegistrationId, token);
        if (!(await attestation.VerifyAsync(call, last, token)).Succeeded(out var proof, out var refusal))
            return await ExplainAsync(refusal, call, last, token);
        if (proof.Enrollment.Attestation.Type == AttestationType.Tpm && call.Tpm is null)
            return new Refusal(ProvisioningErrors.InvalidAttestation, $"The {call} answers a challenge, but shows no TPM keys", "Send tpm.endorsementKey and tpm.storageRootKey again, as in the first call.");
        using (await _locks.EnterAsync(call.RegistrationId, token))
        using (await _endorsementLocks.EnterAsync(call.Tpm is { } tpm ? Convert.ToHexString(tpm.Hash) : call.RegistrationId, token))
        {
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                last = await store.FindAsync(call.RegistrationId, token);
                var (registration, failure) = await RunAsync(call, proof, last, token);
                // What waiting mends is no result, and neither is a call that asks for something wrong: the device is told at once.
                if (failure is not null && !IsVerdict(failure) && (failure.RetryAfter is not null || failure.Error == ProvisioningErrors.CertificateRequestRefused))
                    return failure;
                if (!await store.SaveAsync(registration, last?.ETag, token))
                    continue;
                if (registration.AssignedHub is not null && registration.AssignedHub != last?.AssignedHub && Assigned is { } assigned)
                    await assigned(registration, CancellationToken.None);
                if (registration.ModelId is { } model && ModelAnnounced is { } announced)
                    await announced(registration.DeviceId ?? registration.RegistrationId, model, CancellationToken.None);
                // The device is in its new hub; what it left behind goes now, or later when that hub can be reached.
                await TidyAsync(registration, CancellationToken.None);
                return new RegisterReply(registration.Operations[^1], Failure: failure);
            }
        }
        return new Refusal(ProvisioningErrors.RegistrationConflict, $"The {call} was changed {Attempts} times while it ran", "Register again.");
    }

    /// <summary>What came of an operation.</summary>
    /// <param name="call">Address and proof, as for the register call.</param>
    /// <param name="operationId">From the answer to the register call.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<RegistrationView>> PollAsync(RegistrationCall call, string operationId, CancellationToken token)
    {
        var found = await store.FindAsync(call.RegistrationId, token);
        if (!(await attestation.VerifyAsync(call, found, token)).Succeeded(out var proof, out var refusal))
            return refusal;
        if (found is null || !found.Operations.Contains(operationId, StringComparer.Ordinal))
            return new Refusal(ProvisioningErrors.RegistrationNotFound, $"The {call} has no such operation", "Register again, and poll for the operationId of the answer.");
        return await ViewAsync(found, proof, token);
    }

    /// <summary>The registration of a device that asks for it. A TPM without a token gets a challenge first: then the reply has one.</summary>
    public async Task<Outcome<LookupReply>> LookUpAsync(RegistrationCall call, CancellationToken token)
    {
        if (call.CertificateRequest is not null)
            return new Refusal(ProvisioningErrors.BadRequest, "csr: certificates are issued when a device registers", "Send csr to the address that ends with /register.");
        if (call.AsksForChallenge)
            return (await ChallengeAsync(call, token)).Succeeded(out var challenged, out var bad) ? new LookupReply(null, challenged.Challenge) : bad;
        var found = await store.FindAsync(call.RegistrationId, token);
        if (!(await attestation.VerifyAsync(call, found, token)).Succeeded(out var proof, out var refusal))
            return refusal;
        if (found is null)
            return NotFound(call.RegistrationId);
        return (await ViewAsync(found, proof, token)).Succeeded(out var view, out refusal) ? new LookupReply(view, null) : refusal;
    }

    /// <summary>The record of a device, for a service client.</summary>
    public async Task<Outcome<Registration>> GetAsync(string registrationId, CancellationToken token)
        => await store.FindAsync(registrationId, token) is { } found ? found : NotFound(registrationId);

    /// <summary>Deletes a record. Its device stays in the hub; when it registers again, that is its first time. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string registrationId, IfMatch condition, CancellationToken token)
    {
        while (await store.FindAsync(registrationId, token) is { } existing)
        {
            if (!condition.IsAbsent && !condition.Matches(existing.ETag))
                return new Refusal(ProvisioningErrors.PreconditionFailed, $"Registration '{existing.RegistrationId}' has another ETag than If-Match asks for", "Read it again, or send If-Match: *.");
            if (await store.DeleteAsync(registrationId, existing.ETag, token))
                return null;
        }
        return NotFound(registrationId);
    }

    /// <summary>One page of the records of a group.</summary>
    public async Task<Outcome<QueryPage<Registration>>> QueryAsync(string enrollmentGroupId, string? query, int pageSize, string? continuation, CancellationToken token)
    {
        if (!EnrollmentQuery.Read(query, continuation).Succeeded(out var read, out var refusal))
            return refusal;
        return await read.PageAsync(
            pageSize, (after, max) => store.ListAsync(enrollmentGroupId, after, max, token), r => r.RegistrationId,
            r => JsonSerializer.SerializeToUtf8Bytes(RegistrationForm.ShowToService(r), ProvisioningJson.Wire.RegistrationStateDescription), token);
    }

    /// <summary>Tries again to remove what devices left behind in hubs that could not be reached.</summary>
    public async Task TidyAsync(CancellationToken token)
    {
        string? after = null;
        while (await store.ListLeftBehindAsync(after, PageSize, token) is { Count: > 0 } page)
        {
            foreach (var entry in page)
            {
                using (await _locks.EnterAsync(entry.RegistrationId, token))
                {
                    if (await store.FindAsync(entry.RegistrationId, token) is { } present)
                        await TidyAsync(present, token);
                }
            }
            after = page[^1].RegistrationId;
        }
    }

    private async Task TidyAsync(Registration registration, CancellationToken token)
    {
        if (registration.LeftBehind.Count == 0)
            return;
        var still = await _assignment.RemoveAsync(registration.LeftBehind, token);
        // Another server of the application may have changed the record meanwhile: then it has the list, and its turn.
        if (still.Count < registration.LeftBehind.Count)
            await store.SaveAsync(registration with { LeftBehind = still }, registration.ETag, token);
    }

    /// <summary>The hub has the keys of the last registration: a device that signs with one of them missed that they were changed.</summary>
    private async Task<Refusal> ExplainAsync(Refusal refusal, RegistrationCall call, Registration? last, CancellationToken token)
    {
        if (refusal.Error != ProvisioningErrors.CredentialMismatch || last is not { Attestation: AttestationType.SymmetricKey } || !SharedAccessSignature.TryParse(call.Authorization, out var signed, out _))
            return refusal;
        var known = (await _assignment.HubKeyAsync(last, token)).Value?.Authentication;
        if (known?.PrimaryKey is { } primary && signed.IsSignedBy(primary))
            return KeyMistake.ExplainOld(refusal, call, "primary");
        return known?.SecondaryKey is { } secondary && signed.IsSignedBy(secondary) ? KeyMistake.ExplainOld(refusal, call, "secondary") : refusal;
    }

    private async Task<Outcome<RegisterReply>> ChallengeAsync(RegistrationCall call, CancellationToken token)
        => (await attestation.ChallengeAsync(call.RegistrationId, call.Tpm!, token)).Succeeded(out var blob, out var refusal)
            ? new RegisterReply(null, blob)
            : refusal;

    private async Task<(Registration Registration, Refusal? Failure)> RunAsync(RegistrationCall call, AttestationProof proof, Registration? last, CancellationToken token)
    {
        var now = StoredTime.Now(time);
        var draft = new Registration
        {
            RegistrationId = last?.RegistrationId ?? call.RegistrationId,
            ETag = Guid.NewGuid().ToString("D"),
            Created = last?.Created ?? now,
            Updated = now,
            Status = RegistrationStatus.Failed,
            EnrollmentGroupId = proof.Enrollment.Kind == EnrollmentKind.Group ? proof.Enrollment.Id : null,
            Attestation = proof.Enrollment.Attestation.Type,
            Credential = proof.Credential,
            EndorsementKey = call.Tpm?.EndorsementKey.ToArray(),
            EndorsementHash = call.Tpm?.Hash,
            ModelId = ModelName.Of(call.Payload) ?? last?.ModelId,
            StorageRootKey = call.Tpm?.StorageRootKey.ToArray(),
            Operations = [.. (last?.Operations ?? []).TakeLast(Registration.MaxOperations - 1), NewOperationId()],
        };
        var outcome = proof.Enrollment.Settings.Enabled
            ? await AssignAsync(call, draft, last, proof, token)
            : Disabled(call, proof.Enrollment);
        if (outcome.Succeeded(out var assigned, out var failure))
            return (assigned, null);
        // The last assignment stays known: the device keeps its place and key once the cause is mended.
        var failed = draft with
        {
            Status = failure.Error == ProvisioningErrors.EnrollmentDisabled ? RegistrationStatus.Disabled : RegistrationStatus.Failed,
            Substatus = last?.Substatus,
            AssignedHub = last?.AssignedHub,
            DeviceId = last?.DeviceId,
            LeftBehind = last?.LeftBehind ?? [],
            Attestation = last?.Attestation ?? draft.Attestation,
            ErrorCode = failure.Error.Code,
            ErrorMessage = $"{failure.Text} Tracking id {failure.TrackingId}",
        };
        return (failed, failure);
    }

    private async Task<Outcome<Registration>> AssignAsync(RegistrationCall call, Registration draft, Registration? last, AttestationProof proof, CancellationToken token)
    {
        if (await _shared.FindAndHoldAsync(call, draft, last, token) is { } shared)
            return shared;
        var deviceId = DeviceAssignment.NameOf(draft, proof);
        if (Approval is not null && await Approval.AdmitAsync(call, deviceId, draft.ModelId, proof, token) is { } notAdmitted)
            return notAdmitted;
        if (!(await _assignment.AssignAsync(call, draft, last, proof, token)).Succeeded(out var assigned, out var refusal))
            return refusal;
        // Who blocks a device disables its identity, which was not there a moment ago.
        if (Approval is null || await Approval.RecheckAsync(deviceId, token) is not { } blocked)
            return assigned;
        return await _assignment.HoldAsync(assigned, BlockedReason, token) is { } notHeld ? notHeld : blocked;
    }

    /// <summary>An operator's verdict is the result of an operation: the device reads it with its poll, and how long to stay away.</summary>
    private static bool IsVerdict(Refusal failure) => failure.Error.Name == ProvisioningErrors.NotAdmitted.Name;

    private async Task<Outcome<RegistrationView>> ViewAsync(Registration registration, AttestationProof proof, CancellationToken token)
    {
        var enrollment = proof.Enrollment;
        if (!enrollment.Settings.Enabled && registration.Status == RegistrationStatus.Assigned)
            return new RegistrationView(registration with { Status = RegistrationStatus.Disabled, ErrorCode = ProvisioningErrors.EnrollmentDisabled.Code, ErrorMessage = ProvisioningErrors.EnrollmentDisabled.Text }, null);
        if (registration is { Status: RegistrationStatus.Failed, ErrorCode: { } code } && code == ProvisioningErrors.NotAdmitted.Code && Approval is not null)
            return new RegistrationView(registration, null) { RetryAfter = await Approval.StayAwayAsync(DeviceAssignment.NameOf(registration, proof), token) };
        if (registration.Status != RegistrationStatus.Assigned || enrollment.Attestation.Type != AttestationType.Tpm || registration is not { StorageRootKey: { } storageRootKey, EndorsementKey: { } endorsementKey })
            return new RegistrationView(registration, null);
        // It came by a certificate, not by the TPM's key, since it asked for one, now or before.
        if (registration.IssuedChain is not null)
            return new RegistrationView(registration, null);
        if (!(await _assignment.HubKeyAsync(registration, token)).Succeeded(out var device, out var unreachable))
            return unreachable;
        if (device.Authentication is { Type: AuthenticationType.SelfSigned })
            return new RegistrationView(registration, null);
        if (device.Authentication is not { Type: AuthenticationType.Sas, PrimaryKey: { } key })
        {
            return new Refusal(ProvisioningErrors.RegistrationNotFound, $"Device '{registration.DeviceId}' is not in the hub '{registration.AssignedHub}' any more, or has no symmetric key there",
                "Register again: that puts it in.");
        }
        // Both keys were checked when they came.
        return TpmEvidence.Read(endorsementKey, storageRootKey).Succeeded(out var evidence, out var refusal)
            ? new RegistrationView(registration, evidence.Wrap(key))
            : refusal;
    }

    private static Outcome<Registration> Disabled(RegistrationCall call, Enrollment enrollment)
        => new Refusal(ProvisioningErrors.EnrollmentDisabled, $"The {call} belongs to the {enrollment}, which is disabled", "Set its provisioningStatus to enabled.");

    private static Refusal NotFound(string registrationId)
        => new(ProvisioningErrors.RegistrationNotFound, $"There is no registration '{Shown.Text(registrationId)}'", "Register the device, or correct the id.");

    private static string NewOperationId() => $"5.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}.{Guid.NewGuid():D}";
}

/// <summary>What a lookup led to: the registration, or a challenge to answer.</summary>
/// <param name="View">The registration, or null.</param>
/// <param name="Challenge">The <c>authenticationKey</c> for the TPM, or null.</param>
public sealed record LookupReply(RegistrationView? View, byte[]? Challenge);
