using System.Text;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Access;

/// <summary>Lets devices and modules in, by a token of their own key, a policy's token, or a TLS client certificate.</summary>
/// <param name="store">Who is registered.</param>
/// <param name="policies">The hub's policies by name.</param>
/// <param name="rules">What every token has to satisfy.</param>
/// <param name="authorities">CAs that issue certificates of devices; null when there are none.</param>
public sealed class DeviceAuthenticator(
    IIdentityStore store, IReadOnlyDictionary<string, SharedAccessPolicy> policies, TokenRules rules, ICertificateStore? authorities = null)
{
    private readonly CertificateCheck _certificates = new(authorities, rules.Time);

    /// <summary>
    /// Checks what was shown. An unknown device gets the same error as a bad token, so that names cannot be probed; the
    /// explanation tells them apart.
    /// </summary>
    public async Task<Outcome<AuthenticatedDevice>> AuthenticateAsync(DeviceCredentials shown, CancellationToken token)
    {
        var device = await store.FindAsync(shown.DeviceId, null, token);
        var identity = shown.ModuleId is null || device is null ? device : await store.FindAsync(shown.DeviceId, shown.ModuleId, token);
        var outcome = shown.Token is not null
            ? CheckToken(shown, identity)
            : await _certificates.CheckAsync(shown, identity, token);
        if (!outcome.Succeeded(out var authenticated, out var refusal))
            return identity is null ? await ExplainUnknownAsync(shown, device, refusal, token) : refusal;
        return device!.Enabled ? authenticated : Disabled(device);
    }

    /// <summary>
    /// True when the registry still has what the device was let in by. A door asks again when the connection is in the table of
    /// live ones: a change before that moment found nothing to close.
    /// </summary>
    public async Task<bool> StillHoldsAsync(AuthenticatedDevice device, CancellationToken token)
    {
        var then = device.Identity;
        var now = await store.FindAsync(then.DeviceId, then.ModuleId, token);
        // Any new version counts, as the one that lost the race connects again.
        if (now is null || now.Version != then.Version || !string.Equals(now.GenerationId, then.GenerationId, StringComparison.Ordinal))
            return false;
        if (!await _certificates.StillHoldsAsync(device, token))
            return false;
        return then.ModuleId is null ? now.Enabled : await store.FindAsync(then.DeviceId, null, token) is { Enabled: true };
    }

    private Outcome<AuthenticatedDevice> CheckToken(DeviceCredentials shown, Identity? identity)
    {
        if (!SharedAccessSignature.TryParse(shown.Token, out var token, out var reason))
            return Refuse($"{shown}: {reason}", "Send a whole token: SharedAccessSignature sr=...&sig=...&se=....");
        var audience = Audience.Parse(token.Resource);
        if (rules.CheckTime(token) is { } late)
            return Refuse($"{shown}: {late}", "Make a new token; if the device just made it, set its clock.");
        if (rules.CheckHost(audience) is { } host)
            return Refuse($"{shown}: {host}", "Use a host name of this server in the device's connection string, or add the name with --host.");
        var path = shown.ModuleId is null ? (string[])["devices", shown.DeviceId] : ["devices", shown.DeviceId, "modules", shown.ModuleId];
        if (!audience.Covers(path))
            return Refuse($"{shown}: the token is for '{Shorten(audience.ToString())}'", $"Make the token for '{audience.Host}/{string.Join('/', path)}'.");

        if (token.KeyName is not null)
            return CheckPolicyToken(shown, token, identity);
        if (identity is null)
            return Refuse($"{shown} is not registered", "Register it.");
        // A device's own key speaks for the device, not for its modules.
        if (audience.Depth < path.Length)
            return Refuse($"{shown}: the token is for '{Shorten(audience.ToString())}' and names no policy", $"Make the token for '{audience.Host}/{string.Join('/', path)}'.");
        return CheckOwnKey(shown, token, identity);
    }

    private Outcome<AuthenticatedDevice> CheckPolicyToken(DeviceCredentials shown, SharedAccessSignature token, Identity? identity)
    {
        if (!policies.TryGetValue(token.KeyName!, out var policy))
            return Refuse($"{shown}: there is no policy '{Shorten(token.KeyName!)}'", $"The policies are {string.Join(", ", policies.Keys)}.");
        if (!token.IsSignedBy(policy.PrimaryKey) && !token.IsSignedBy(policy.SecondaryKey))
        {
            return Refuse($"{shown}: the signature was made by neither key of the policy '{policy.Name}'", "Copy the policy's key again.",
                [$"primary key of policy '{policy.Name}': no match", $"secondary key of policy '{policy.Name}': no match"]);
        }
        if (!policy.Rights.HasFlag(Rights.DeviceConnect))
            return new Refusal(HubErrors.IotHubUnauthorizedAccess, $"{shown}: policy '{policy.Name}' has the rights {policy.Rights}", "Use a policy with the right DeviceConnect.");
        if (identity is null)
            return new Refusal(HubErrors.DeviceNotFound, $"{shown} is not registered", "Register it.");
        return new AuthenticatedDevice(identity, new AuthMethod("hub", "sas"), rules.EndOf(token));
    }

    private Outcome<AuthenticatedDevice> CheckOwnKey(DeviceCredentials shown, SharedAccessSignature token, Identity identity)
    {
        if (identity.Authentication.Type != AuthenticationType.Sas)
        {
            return Refuse($"{shown} sent a token of its own key, but is registered with authentication type {identity.Authentication.Type}",
                "Connect with the certificate, or change the authentication type to sas.");
        }
        var tried = new List<string>(2);
        foreach (var (name, key) in ((string, byte[]?)[])[("primary", identity.Authentication.PrimaryKey), ("secondary", identity.Authentication.SecondaryKey)])
        {
            if (key is not null && token.IsSignedBy(key))
                return new AuthenticatedDevice(identity, new AuthMethod(shown.ModuleId is null ? "device" : "module", "sas"), rules.EndOf(token));
            if (key is not null && token.IsSignedBy(Encoding.UTF8.GetBytes(Convert.ToBase64String(key))))
            {
                return Refuse($"{shown}: the token is signed with the Base64 text of the {name} key", "Decode the key from Base64 before the HMAC.",
                    [.. tried, $"{name} key: signed with its text"]);
            }
            tried.Add(key is null ? $"{name} key: not set" : $"{name} key: no match");
        }
        return Refuse($"{shown}: the token is signed with neither of its keys", "Copy the device's key again, or make its key the one that the device has.", tried);
    }

    private async Task<Refusal> ExplainUnknownAsync(DeviceCredentials shown, Identity? device, Refusal refusal, CancellationToken token)
    {
        var nearest = device is null ? await store.FindSimilarAsync(shown.DeviceId, token) : null;
        return refusal with { Tried = [.. refusal.Tried ?? [], $"registry: {shown} is not there"], Nearest = nearest };
    }

    private static Refusal Disabled(Identity device)
        => new(HubErrors.DeviceDisabled, $"Device '{device.DeviceId}' is disabled{(device.StatusReason is null ? "" : $" ({device.StatusReason})")}", "Enable it in the registry.");

    private static Refusal Refuse(string seen, string fix, IReadOnlyList<string>? tried = null)
        => new(HubErrors.IotHubUnauthorized, seen, fix, tried);

    private static string Shorten(string text) => text.Length <= 128 ? text : text[..128] + "...";
}
