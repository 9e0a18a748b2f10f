using System.Text;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Attestation.SymmetricKey;

/// <summary>
/// Looks for the mistake behind a token that no key of an enrollment signed: the few that are made again and again. It runs after a refusal
/// only, and what it finds is for the operator, not for the device.
/// </summary>
internal static class KeyMistake
{
    /// <summary>The refusal with the mistake that explains it; the same refusal when none does.</summary>
    public static Refusal Explain(Refusal refusal, RegistrationCall call, SharedAccessSignature token, Enrollment? individual, IReadOnlyList<Enrollment> groups)
    {
        foreach (var enrollment in individual is null ? groups : [individual, .. groups])
        {
            if (enrollment.Attestation.Type == AttestationType.SymmetricKey && Find(call, token, enrollment, individual) is var (seen, fix))
                return refusal with { Seen = $"The token of {call} was signed {seen}", Fix = fix, Nearest = enrollment.Id };
        }
        return refusal;
    }

    /// <summary>The refusal of a device that still signs with a key that its hub has from an earlier registration.</summary>
    public static Refusal ExplainOld(Refusal refusal, RegistrationCall call, string which)
        => refusal with
        {
            Seen = $"The token of {call} was signed by the {which} key that it had at its last registration; the keys of its enrollment were changed since",
            Fix = "Give the device the new key, or put the old one back as the second key until it has.",
        };

    private static (string Seen, string Fix)? Find(RegistrationCall call, SharedAccessSignature token, Enrollment enrollment, Enrollment? individual)
    {
        foreach (var (name, key) in ((string, byte[]?)[])[("primary", enrollment.Attestation.PrimaryKey), ("secondary", enrollment.Attestation.SecondaryKey)])
        {
            if (key is null)
                continue;
            if (token.IsSignedBy(Text(key)))
                return ($"with the Base64 text of the {name} key of the {enrollment}", "Decode the key from Base64 before the HMAC.");
            if (enrollment.Kind == EnrollmentKind.Individual)
                continue;
            if (token.IsSignedBy(key))
                return ($"by the {name} key of the {enrollment} itself", $"Derive the device's own key from it: homeport keygen --device-id {call.RegistrationId}. The group's key belongs into no device.");
            var derived = DerivedKey.FromGroupKey(key, call.RegistrationId);
            if (individual is not null && token.IsSignedBy(derived))
                return ($"by the key derived from the {enrollment}, but there is an {individual}, which goes first", "Give the device the key of its own enrollment, or delete that.");
            if (token.IsSignedBy(Text(derived)))
                return ($"with the Base64 text of the key derived from the {enrollment}", "Decode the derived key from Base64 before the HMAC.");
            if (token.IsSignedBy(DerivedKey.FromGroupKey(Text(key), call.RegistrationId)))
                return ($"by a key derived from the Base64 text of the {name} key of the {enrollment}", "Decode the group's key from Base64 before the HMAC.");
            if (token.IsSignedBy(DerivedKey.FromGroupKey(key, call.RegistrationId.ToUpperInvariant())))
                return ($"by the key derived from the {enrollment} for the id in capital letters", "Derive the key for the id as the device sends it: letters count.");
        }
        return null;
    }

    private static byte[] Text(byte[] key) => Encoding.ASCII.GetBytes(Convert.ToBase64String(key));
}
