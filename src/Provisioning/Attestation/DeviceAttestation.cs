using System.Collections.Frozen;
using System.Security.Cryptography;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Attestation.SymmetricKey;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Attestation.X509;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Attestation;

/// <summary>Checks who a registering device is: its individual enrollment if there is one, else the group whose key, CA or TPM it has.</summary>
/// <param name="enrollments">Who may register.</param>
/// <param name="authorities">Uploaded CAs.</param>
/// <param name="keys">Challenges to TPMs.</param>
/// <param name="time">The clock.</param>
/// <param name="issuance">Certificates that devices got at registrations; null: there are none.</param>
public sealed class DeviceAttestation(EnrollmentService enrollments, ProvisioningAuthorities authorities, ChallengeKeys keys, TimeProvider time, CertificateIssuance? issuance = null)
{
    private const string Valid = "valid";
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
            return await VerifyCertificateAsync(call, individual, last, token);
        if (!RegistrationToken.Read(call, _rules).Succeeded(out var signed, out var refusal))
            return refusal;
        if (call.Tpm is not null)
            return await _tpm.VerifyAsync(call, signed, await SurroundingsAsync(individual, last, token), token);
        return individual?.Attestation.Type switch
        {
            AttestationType.Tpm => await _tpm.VerifyPollAsync(call, signed, await SurroundingsAsync(individual, last, token), token),
            AttestationType.X509 => await VerifyCertificateAsync(call, individual, last, token),
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

    private async Task<Outcome<AttestationProof>> VerifyCertificateAsync(RegistrationCall call, Enrollment? individual, Registration? last, CancellationToken token)
    {
        if (call.Certificate is null)
            return Unproved(call, individual);
        if (await FindIssuedAsync(call, individual, last, token) is { } issued)
            return issued;
        var uploaded = await authorities.ReadAsync(token);
        return individual is not null
            ? _x509.Verify(call, individual, uploaded)
            : _x509.FindGroup(call, await enrollments.GroupsAsync(token), uploaded);
    }

    /// <summary>
    /// A device renews its certificate with the one that was issued to it before, as long as that is good and its enrollment still has
    /// certificates issued; one with a TPM shows that. Null when the certificate was not issued here.
    /// </summary>
    private async Task<Outcome<AttestationProof>?> FindIssuedAsync(RegistrationCall call, Enrollment? individual, Registration? last, CancellationToken token)
    {
        // An individual enrollment that came since goes before the group, and knows nothing of what the group had issued.
        if (issuance is null || last is null || (individual is not null && last.EnrollmentGroupId is not null))
            return null;
        var enrollment = individual ?? (await enrollments.GroupsAsync(token)).FirstOrDefault(g => g.Id.Equals(last.EnrollmentGroupId, StringComparison.OrdinalIgnoreCase));
        if (enrollment is not { Settings.IssuingAuthority: not null, Attestation.Type: not AttestationType.Tpm })
            return null;
        var thumbprint = call.Certificate!.GetCertHashString(HashAlgorithmName.SHA256);
        if ((await issuance.OfAsync(call.RegistrationId, token)).FirstOrDefault(c => c.Thumbprint == thumbprint) is not { } issued)
            return null;
        var status = await issuance.StatusAsync(issued, token);
        if (status == Valid)
            return new AttestationProof(enrollment, CredentialUsed.IssuedCertificate, new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: thumbprint));
        return new Refusal(ProvisioningErrors.CredentialMismatch, $"The client certificate of {call} was issued to it at a registration, but is {status}",
            "Let the device register with the credentials of its enrollment and a new certificate request.", [$"certificate {issued.SerialNumber}: {status}"], enrollment.Id);
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
