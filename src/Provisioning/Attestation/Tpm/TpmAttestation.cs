using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Tpm.Attestation;

namespace Homeport.Provisioning.Attestation.Tpm;

/// <summary>
/// Attestation of a TPM by a nonce that only the TPM with the shown keys can use. Every TPM gets a challenge, enrolled or not;
/// whether there is an enrollment, and for which TPM, shows only after its answer.
/// </summary>
internal sealed class TpmAttestation(ChallengeKeys keys)
{
    /// <summary>The blob with a nonce key for the TPM.</summary>
    public byte[] Challenge(string registrationId, TpmEvidence evidence, Enrollment? individual)
        => evidence.Wrap(IsEnrolled(individual, evidence) ? keys.Issue(registrationId, evidence.EndorsementKey) : keys.Derive(registrationId, evidence.EndorsementKey));

    /// <summary>Checks the answer. A poll shows no evidence; its token is the one of the registration.</summary>
    public Outcome<AttestationProof> Verify(RegistrationCall call, SharedAccessSignature token, Enrollment? individual)
    {
        if (call.Tpm is { } evidence && !IsEnrolled(individual, evidence))
            return keys.IsDerivedAnswer(call.RegistrationId, evidence.EndorsementKey, token) ? NotEnrolled(call, evidence, individual) : WrongAnswer(call);
        return keys.IsAnswer(call.RegistrationId, individual!.Attestation.EndorsementKey, token)
            ? new AttestationProof(individual)
            : WrongAnswer(call);
    }

    private static bool IsEnrolled(Enrollment? individual, TpmEvidence evidence)
        => individual?.Attestation is { Type: AttestationType.Tpm } attestation && evidence.EndorsementKey.SequenceEqual(attestation.EndorsementKey);

    private static Refusal WrongAnswer(RegistrationCall call)
        => new(ProvisioningErrors.CredentialMismatch, $"The token of {call} answers none of the last two challenges to its TPM, or the server was started since", "Register again without a token, to get a new challenge.");

    // 404201 for an unknown registration is what the tests of the C# SDK expect.
    private static Refusal NotEnrolled(RegistrationCall call, TpmEvidence evidence, Enrollment? individual)
        => new(individual is null ? ProvisioningErrors.EnrollmentNotFound : ProvisioningErrors.CredentialMismatch,
            $"The TPM with the endorsement key {evidence} (hash) proved itself for {call}, but is not enrolled for it",
            $"Make an individual enrollment '{call.RegistrationId}' with the endorsementKey {Convert.ToBase64String(evidence.EndorsementKey)}",
            [Compare(call, individual)],
            individual?.Id);

    private static string Compare(RegistrationCall call, Enrollment? individual) => individual switch
    {
        null => $"individual enrollment '{call.RegistrationId}': not there",
        { Attestation.Type: AttestationType.Tpm } => $"{individual}: it has the endorsement key of another TPM, {EndorsementKeyId.DefaultRegistrationId(individual.Attestation.EndorsementKey)} (hash)",
        _ => $"{individual}: its attestation is {individual.Attestation}",
    };
}
