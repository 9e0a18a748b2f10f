using System.Collections.Frozen;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Provisioning.Attestation.SymmetricKey;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Attestation.X509;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Attestation;

/// <summary>Checks who a registering device is: its individual enrollment if there is one, else the group whose key, CA or TPM it has.</summary>
public sealed class DeviceAttestation(EnrollmentService enrollments, ProvisioningAuthorities authorities, ChallengeKeys keys, TimeProvider time)
{
    private readonly TokenRules _rules = new(FrozenSet<string>.Empty, time);
    private readonly TpmAttestation _tpm = new(enrollments, keys, time);
    private readonly X509Attestation _x509 = new(time);

    /// <summary>
    /// The challenge to a TPM, for the first register call over HTTPS and for SASL over AMQP. It is given to every TPM: whether
    /// it is enrolled shows when it registers.
    /// </summary>
    public async Task<Outcome<byte[]>> ChallengeAsync(string registrationId, TpmEvidence evidence, CancellationToken token)
    {
        if (RegistrationCall.CheckId(registrationId) is { } bad)
            return bad;
        var individual = await enrollments.FindIndividualAsync(registrationId, token);
        return await _tpm.ChallengeAsync(registrationId, evidence, await SurroundingsAsync(individual, null, token), token);
    }

    /// <summary>Checks what the device showed.</summary>
    /// <param name="call">Its call, read with <see cref="RegistrationCall.WithBody"/>.</param>
    /// <param name="last">Its registration as it is, or null.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<AttestationProof>> VerifyAsync(RegistrationCall call, Registration? last, CancellationToken token)
    {
        if (RegistrationCall.CheckId(call.RegistrationId) is { } bad)
            return bad;
        var individual = await enrollments.FindIndividualAsync(call.RegistrationId, token);
        if (string.IsNullOrEmpty(call.Authorization))
            return await VerifyCertificateAsync(call, individual, token);
        if (!RegistrationToken.Read(call, _rules).Succeeded(out var signed, out var refusal))
            return refusal;
        if (call.Tpm is not null)
            return await _tpm.VerifyAsync(call, signed, await SurroundingsAsync(individual, last, token), token);
        return individual?.Attestation.Type switch
        {
            AttestationType.Tpm => await _tpm.VerifyPollAsync(call, signed, await SurroundingsAsync(individual, last, token), token),
            AttestationType.X509 => await VerifyCertificateAsync(call, individual, token),
            AttestationType.SymmetricKey => await ExplainAsync(SymmetricKeyAttestation.Verify(call, signed, individual), call, signed, individual, token),
            _ => await FindGroupAsync(call, signed, last, token),
        };
    }

    /// <summary>A token without more is that of a group's key, or of a TPM that polls.</summary>
    private async Task<Outcome<AttestationProof>> FindGroupAsync(RegistrationCall call, SharedAccessSignature signed, Registration? last, CancellationToken token)
    {
        var byKey = SymmetricKeyAttestation.FindGroup(call, signed, await enrollments.GroupsAsync(token), last?.EnrollmentGroupId);
        if (byKey.Refusal is null || last?.Attestation != AttestationType.Tpm)
            return await ExplainAsync(byKey, call, signed, null, token);
        return await _tpm.VerifyPollAsync(call, signed, await SurroundingsAsync(null, last, token), token);
    }

    /// <summary>A token that no key signed may have been signed by one in a way that is a known mistake.</summary>
    private async Task<Outcome<AttestationProof>> ExplainAsync(Outcome<AttestationProof> outcome, RegistrationCall call, SharedAccessSignature signed, Enrollment? individual, CancellationToken token)
        => outcome.Refusal is { } mismatch ? KeyMistake.Explain(mismatch, call, signed, individual, await enrollments.GroupsAsync(token)) : outcome;

    private async Task<Outcome<AttestationProof>> VerifyCertificateAsync(RegistrationCall call, Enrollment? individual, CancellationToken token)
    {
        if (call.Certificate is null)
            return Unproved(call, individual);
        var uploaded = await authorities.ReadAsync(token);
        return individual is not null
            ? _x509.Verify(call, individual, uploaded)
            : _x509.FindGroup(call, await enrollments.GroupsAsync(token), uploaded);
    }

    private async Task<TpmSurroundings> SurroundingsAsync(Enrollment? individual, Registration? last, CancellationToken token)
    {
        var groups = await enrollments.GroupsAsync(token);
        return new TpmSurroundings(individual, groups, _x509.TrustOf(groups, await authorities.ReadAsync(token)), last);
    }

    private static Refusal Unproved(RegistrationCall call, Enrollment? individual) => individual?.Attestation.Type == AttestationType.X509
        ? NoCertificate(call, individual)
        : new Refusal(ProvisioningErrors.Unauthorized, $"The {call} came without a token and without a client certificate",
            "Send the header Authorization: SharedAccessSignature sr=...&sig=...&se=...&skn=registration (in MQTT the password), the keys of a TPM in the body, or a client certificate.");

    private static Refusal NoCertificate(RegistrationCall call, Enrollment individual)
        => new(ProvisioningErrors.CredentialMismatch, $"The {call} showed no client certificate, but its individual enrollment is for X.509", "Let the device connect with its certificate, and without a token.", Nearest: individual.Id);
}
