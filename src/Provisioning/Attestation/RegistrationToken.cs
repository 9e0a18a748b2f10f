using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Attestation;

/// <summary>What every registration token has to satisfy, whoever signed it.</summary>
internal static class RegistrationToken
{
    private const string KeyName = "registration";

    public static Outcome<SharedAccessSignature> Read(RegistrationCall call, TokenRules rules)
    {
        if (!SharedAccessSignature.TryParse(call.Authorization, out var token, out var reason))
            return Refuse($"The {call}: {reason}", "Send a whole token: SharedAccessSignature sr=...&sig=...&se=...&skn=registration.");
        var audience = $"{call.IdScope}/registrations/{call.RegistrationId}";
        if (!token.Resource.Equals(audience, StringComparison.OrdinalIgnoreCase))
            return Refuse($"The {call}: the token is for '{Shown.Text(token.Resource, 200)}'", $"Make the token for '{audience}'.");
        if (token.KeyName is not null && !token.KeyName.Equals(KeyName, StringComparison.OrdinalIgnoreCase))
            return Refuse($"The {call}: the token names the policy '{Shown.Text(token.KeyName)}'", $"Devices sign with their own key: send skn={KeyName}, or none.");
        return rules.CheckTime(token) is { } late
            ? Refuse($"The {call}: {late}", "Make a new token; if the device just made it, set its clock.")
            : token;
    }

    private static Refusal Refuse(string seen, string fix) => new(ProvisioningErrors.Unauthorized, seen, fix);
}
