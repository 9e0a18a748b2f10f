using System.Collections.Frozen;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Provisioning.Attestation.SymmetricKey;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Attestation;

/// <summary>Checks who a registering device is: its individual enrollment if there is one, else the group whose key it holds.</summary>
public sealed class DeviceAttestation(EnrollmentService enrollments, ChallengeKeys keys, TimeProvider time)
{
    private readonly TokenRules _rules = new(FrozenSet<string>.Empty, time);
    private readonly TpmAttestation _tpm = new(keys);

    /// <summary>
    /// The challenge to a TPM, for the first register call over HTTPS and for SASL over AMQP. It is given to every TPM: whether
    /// it is enrolled shows when it registers.
    /// </summary>
    public async Task<Outcome<byte[]>> ChallengeAsync(string registrationId, TpmEvidence evidence, CancellationToken token)
    {
        if (RegistrationCall.CheckId(registrationId) is { } bad)
            return bad;
        return _tpm.Challenge(registrationId, evidence, await enrollments.FindIndividualAsync(registrationId, token));
    }

    /// <summary>Checks what the device showed.</summary>
    /// <param name="call">Its call, read with <see cref="RegistrationCall.WithBody"/>.</param>
    /// <param name="groupHint">Group of its last registration.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<AttestationProof>> VerifyAsync(RegistrationCall call, string? groupHint, CancellationToken token)
    {
        if (RegistrationCall.CheckId(call.RegistrationId) is { } bad)
            return bad;
        if (string.IsNullOrEmpty(call.Authorization))
            return Unproved(call);
        if (!RegistrationToken.Read(call, _rules).Succeeded(out var signed, out var refusal))
            return refusal;
        var individual = await enrollments.FindIndividualAsync(call.RegistrationId, token);
        if (call.Tpm is not null || individual?.Attestation.Type == AttestationType.Tpm)
            return _tpm.Verify(call, signed, individual);
        var outcome = individual is not null
            ? SymmetricKeyAttestation.Verify(call, signed, individual)
            : SymmetricKeyAttestation.FindGroup(call, signed, await enrollments.GroupsAsync(token), groupHint);
        return outcome.Refusal is { } mismatch ? KeyMistake.Explain(mismatch, call, signed, individual, await enrollments.GroupsAsync(token)) : outcome;
    }

    private static Refusal Unproved(RegistrationCall call) => call.Certificate is null
        ? new Refusal(ProvisioningErrors.Unauthorized, $"The {call} came without a token", "Send the header Authorization: SharedAccessSignature sr=...&sig=...&se=...&skn=registration, or the keys of a TPM in the body.")
        : new Refusal(ProvisioningErrors.CredentialMismatch, $"The {call} came with a client certificate and without a token; X.509 attestation is not offered by this version yet", "Enroll the device with a symmetric key or a TPM.");
}
