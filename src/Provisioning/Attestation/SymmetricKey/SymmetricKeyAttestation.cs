using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Attestation.SymmetricKey;

/// <summary>Finds the enrollment whose key signed a token.</summary>
internal static class SymmetricKeyAttestation
{
    private const int MaxExplained = 10;

    /// <summary>Checks a token against the keys of an individual enrollment.</summary>
    public static Outcome<AttestationProof> Verify(RegistrationCall call, SharedAccessSignature token, Enrollment individual)
    {
        var (primary, secondary) = (individual.Attestation.PrimaryKey!, individual.Attestation.SecondaryKey!);
        return KeyOf(token, primary, secondary) is { } used
            ? Proof(individual, used, primary, secondary)
            : new Refusal(ProvisioningErrors.CredentialMismatch, $"The token of {call} was signed by neither key of the {individual}", "Give the device a key of the enrollment, as the Base64 text that the service shows.",
            [$"primary key of the {individual}: no match", $"secondary key of the {individual}: no match"], individual.Id);
    }

    /// <summary>
    /// Looks for the group from whose key the device's key was derived: with the registration id as it was sent, then in lower
    /// case, since ids are compared without case but HMAC is not.
    /// </summary>
    /// <param name="call">What was sent.</param>
    /// <param name="token">Its token.</param>
    /// <param name="groups">All groups.</param>
    /// <param name="hint">Group of the last registration, which is tried first.</param>
    public static Outcome<AttestationProof> FindGroup(RegistrationCall call, SharedAccessSignature token, IReadOnlyList<Enrollment> groups, string? hint)
    {
        var lower = call.RegistrationId.ToLowerInvariant();
        string[] spellings = lower == call.RegistrationId ? [lower] : [call.RegistrationId, lower];
        var symmetric = groups.Where(g => g.Attestation.Type == AttestationType.SymmetricKey)
            .OrderByDescending(g => g.Id.Equals(hint, StringComparison.OrdinalIgnoreCase)).ToList();
        foreach (var spelling in spellings)
        {
            foreach (var group in symmetric)
            {
                var primary = DerivedKey.FromGroupKey(group.Attestation.PrimaryKey, spelling);
                var secondary = DerivedKey.FromGroupKey(group.Attestation.SecondaryKey, spelling);
                if (KeyOf(token, primary, secondary) is { } used)
                    return Proof(group, used, primary, secondary);
            }
        }
        return new Refusal(ProvisioningErrors.CredentialMismatch, $"There is no individual enrollment for {call}, and its token was signed by no key derived from a group key",
            "Enroll the device, or derive its key: Base64 of HMAC-SHA256(group key, registration id).",
            [$"individual enrollment '{call.RegistrationId}': not there", .. Tried(symmetric)]);
    }

    private static CredentialUsed? KeyOf(SharedAccessSignature token, byte[] primary, byte[] secondary)
        => token.IsSignedBy(primary) ? CredentialUsed.PrimaryKey
            : token.IsSignedBy(secondary) ? CredentialUsed.SecondaryKey
            : null;

    private static AttestationProof Proof(Enrollment enrollment, CredentialUsed used, byte[] primary, byte[] secondary)
        => new(enrollment, used, new Authentication(AuthenticationType.Sas, primary, secondary));

    // Explanations are kept in memory, so each is short.
    private static IEnumerable<string> Tried(List<Enrollment> groups)
    {
        foreach (var group in groups.Take(MaxExplained))
            yield return $"{group}, primary and secondary key: no match";
        if (groups.Count > MaxExplained)
            yield return $"{groups.Count - MaxExplained} more groups: no match";
    }
}
