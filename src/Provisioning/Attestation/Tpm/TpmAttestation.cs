using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Attestation.X509;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Structures;

namespace Homeport.Provisioning.Attestation.Tpm;

/// <summary>
/// Attestation of a TPM by a nonce that only the TPM with the shown keys can use. Every TPM gets a challenge, enrolled or not;
/// whether there is an enrollment, and for which TPM, shows only after its answer.
/// </summary>
internal sealed class TpmAttestation(EnrollmentService enrollments, ChallengeKeys keys, TimeProvider time)
{
    private readonly EndorsementTrust _certificates = new(time);

    /// <summary>The blob with a nonce key for the TPM.</summary>
    public async Task<byte[]> ChallengeAsync(string registrationId, TpmEvidence evidence, TpmSurroundings known, CancellationToken token)
    {
        var found = await FindAsync(registrationId, evidence, known, token);
        return evidence.Wrap(found.Enrollment is not null ? keys.Issue(registrationId, evidence.EndorsementKey) : keys.Derive(registrationId, evidence.EndorsementKey));
    }

    /// <summary>Checks the answer to a challenge.</summary>
    public async Task<Outcome<AttestationProof>> VerifyAsync(RegistrationCall call, SharedAccessSignature answer, TpmSurroundings known, CancellationToken token)
    {
        var evidence = call.Tpm!;
        var found = await FindAsync(call.RegistrationId, evidence, known, token);
        if (found.Enrollment is null)
            return keys.IsDerivedAnswer(call.RegistrationId, evidence.EndorsementKey, answer) ? NotEnrolled(call, evidence, known, found) : WrongAnswer(call);
        if (!keys.IsAnswer(call.RegistrationId, evidence.EndorsementKey, answer))
            return WrongAnswer(call);
        return CheckName(call, evidence, found.Enrollment, known) is { } taken ? taken : new AttestationProof(found.Enrollment, found.Credential);
    }

    /// <summary>Checks a poll, which shows no keys: its token is the one of the registration.</summary>
    public async Task<Outcome<AttestationProof>> VerifyPollAsync(RegistrationCall call, SharedAccessSignature answer, TpmSurroundings known, CancellationToken token)
    {
        if (known.Last?.EndorsementKey is not { } shown || !keys.IsAnswer(call.RegistrationId, shown, answer))
            return WrongAnswer(call);
        var hash = known.Last.EndorsementHash!;
        if (known.Last.EnrollmentGroupId is not { } groupId)
        {
            return known.Individual is { } individual && HashesOf(individual).Any(h => h.AsSpan().SequenceEqual(hash))
                ? new AttestationProof(individual, CredentialUsed.EndorsementKey)
                : WrongAnswer(call);
        }
        var group = known.Groups.FirstOrDefault(g => g.Id.Equals(groupId, StringComparison.OrdinalIgnoreCase) && g.Attestation.Type == AttestationType.Tpm);
        if (group is null || known.Individual is not null || known.Last.Credential is not { } credential)
            return WrongAnswer(call);
        return credential == CredentialUsed.EndorsementKey && await enrollments.FindListedAsync(hash, token) is null
            ? WrongAnswer(call)
            : new AttestationProof(group, credential);
    }

    /// <summary>The hashes of all endorsement keys that an individual enrollment knows: those of its forms, and that of its certificate.</summary>
    public static IEnumerable<byte[]> HashesOf(Enrollment individual)
    {
        var attestation = individual.Attestation;
        foreach (var form in (byte[]?[])[attestation.EndorsementKey, .. attestation.Tpm?.OtherEndorsementKeys ?? []])
        {
            if (form is not null && TpmPublic.TryParse(form, out var key, out _))
                yield return EndorsementKeyForm.HashOf(key);
        }
    }

    private async Task<TpmFound> FindAsync(string registrationId, TpmEvidence evidence, TpmSurroundings known, CancellationToken token)
    {
        if (known.Individual is { } individual)
        {
            var own = individual.Attestation.Type == AttestationType.Tpm && HashesOf(individual).Any(h => h.AsSpan().SequenceEqual(evidence.Hash));
            return own ? new TpmFound(individual, CredentialUsed.EndorsementKey, []) : new TpmFound(null, default, [Compare(individual, known.Last)]);
        }
        var tried = new List<string> { $"individual enrollment '{registrationId}': not there" };
        if (await enrollments.FindListedAsync(evidence.Hash, token) is { } listed)
        {
            var group = known.Groups.FirstOrDefault(g => g.Id.Equals(listed.GroupId, StringComparison.OrdinalIgnoreCase) && g.Attestation.Type == AttestationType.Tpm);
            if (group is not null && (listed.RegistrationId is null || listed.RegistrationId.Equals(registrationId, StringComparison.OrdinalIgnoreCase)))
                return new TpmFound(group, CredentialUsed.EndorsementKey, tried);
            tried.Add(group is null
                ? $"list of endorsement keys: it names the group '{listed.GroupId}', which is no TPM group any more"
                : $"list of the {group}: it has the key, for the registration id '{listed.RegistrationId}'");
            return new TpmFound(null, default, tried);
        }
        tried.Add("lists of endorsement keys: not in one");
        if (evidence.Certificate is null)
        {
            tried.Add(known.Groups.Any(g => g.Attestation.Type == AttestationType.Tpm)
                ? $"certificate of the endorsement key: not shown, and the key is in no list{Before(known.Last)}"
                : $"there is neither an individual enrollment '{registrationId}' nor a TPM group{Before(known.Last)}");
            return new TpmFound(null, default, tried);
        }
        if (_certificates.Find(known.Trust, evidence.Hash, evidence.Certificate, evidence.Chain, out var reason) is { } anchor)
            return new TpmFound(anchor.Enrollment, CredentialUsed.EndorsementCertificate, tried);
        tried.Add($"certificate of the endorsement key: {reason}");
        return new TpmFound(null, default, tried);
    }

    /// <summary>In a group the device chooses its registration id, so it must not take one that belongs to another.</summary>
    private static Refusal? CheckName(RegistrationCall call, TpmEvidence evidence, Enrollment enrollment, TpmSurroundings known)
        => enrollment.Kind == EnrollmentKind.Individual || known.Last is not { AssignedHub: not null } last || (last.EndorsementHash is { } owner && owner.AsSpan().SequenceEqual(evidence.Hash))
            ? null
            : new Refusal(ProvisioningErrors.CredentialMismatch, $"The TPM with the endorsement key {evidence} (hash) belongs to the {enrollment}, but the {call} is that of another device",
                "Let the device register with an id of its own; if its TPM was replaced, delete the registration and the device in the hub first.", [$"{call}: made by {Credential(last)}"], enrollment.Id);

    private static string Credential(Registration last) => last.EndorsementKey is { } key ? $"the TPM with the endorsement key {EndorsementKeyId.DefaultRegistrationId(key)} (hash)" : last.Attestation.ToString();

    private static Refusal WrongAnswer(RegistrationCall call)
        => new(ProvisioningErrors.CredentialMismatch, $"The token of {call} answers none of the last two challenges to its TPM, or the server was started since", "Register again without a token, to get a new challenge.");

    // 404201 for an unknown registration is what the tests of the C# SDK expect.
    private static Refusal NotEnrolled(RegistrationCall call, TpmEvidence evidence, TpmSurroundings known, TpmFound found)
        => new(known.Individual is null ? ProvisioningErrors.EnrollmentNotFound : ProvisioningErrors.CredentialMismatch,
            $"The TPM with the endorsement key {evidence} (hash) proved itself for {call}, but is not enrolled for it: {found.Tried[^1]}",
            known.Individual is { Attestation.Type: AttestationType.Tpm }
                ? $"If the device is the right one, put its key into the enrollment, as otherEndorsementKeys or in place of the old one: {Convert.ToBase64String(evidence.EndorsementKey)}"
                : $"Make an individual enrollment '{call.RegistrationId}' with the endorsementKey {Convert.ToBase64String(evidence.EndorsementKey)}, or add the key to the list of a TPM group",
            found.Tried,
            known.Individual?.Id);

    /// <summary>A chip makes other keys for other templates and after a change of its seed, and no key tells which chip it is of.</summary>
    private static string Compare(Enrollment individual, Registration? last) => individual.Attestation switch
    {
        { Type: AttestationType.Tpm } when last?.EndorsementHash is { } before && HashesOf(individual).Any(h => h.AsSpan().SequenceEqual(before))
            => $"{individual}: the device registered with the enrolled endorsement key before, so its TPM was replaced, or cleared with its endorsement seed",
        { Type: AttestationType.Tpm, EndorsementKey: { } key }
            => $"{individual}: it has the endorsement key of another TPM, or the other form of this one's, {EndorsementKeyId.DefaultRegistrationId(key)} (hash)",
        _ => $"{individual}: its attestation is {individual.Attestation}",
    };

    private static string Before(Registration? last)
        => last?.EndorsementKey is { } key ? $"; the device registered with another endorsement key before, {EndorsementKeyId.DefaultRegistrationId(key)} (hash): its TPM was replaced, or cleared with its endorsement seed" : "";

    private sealed record TpmFound(Enrollment? Enrollment, CredentialUsed Credential, IReadOnlyList<string> Tried);
}

/// <summary>What the service knows when a TPM comes.</summary>
/// <param name="Individual">The individual enrollment with the registration id, or null.</param>
/// <param name="Groups">All groups.</param>
/// <param name="Trust">The CAs of the groups.</param>
/// <param name="Last">The registration as it is, or null.</param>
internal sealed record TpmSurroundings(Enrollment? Individual, IReadOnlyList<Enrollment> Groups, CertificateTrust Trust, Registration? Last);
