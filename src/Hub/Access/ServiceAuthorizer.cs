using Homeport.Contract.Access;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Access;

/// <summary>Lets service calls in by a policy's token: one for the hub's REST API, one for the provisioning service's.</summary>
/// <param name="Policies">Policies by name.</param>
/// <param name="Rules">Time and host.</param>
/// <param name="Unauthorized">Answer to bad credentials.</param>
/// <param name="Forbidden">Answer to a good token of a policy without the right.</param>
public sealed record ServiceAuthorizer(
    IReadOnlyDictionary<string, SharedAccessPolicy> Policies,
    TokenRules Rules,
    ServiceError Unauthorized,
    ServiceError Forbidden)
{
    /// <summary>Checks the header <c>Authorization</c>. Gives the policy, or the refusal.</summary>
    /// <param name="authorization">The header, or null.</param>
    /// <param name="needed">Right that the call needs.</param>
    /// <param name="path">Path of the call as <see cref="Audience.Covers"/> takes it: a token for one device works below it only.</param>
    public Outcome<SharedAccessPolicy> Authorize(string? authorization, Rights needed, params ReadOnlySpan<string> path)
    {
        if (!SharedAccessSignature.TryParse(authorization, out var token, out var reason))
            return new Refusal(Unauthorized, $"The header Authorization cannot be used: {reason}", "Send a token: SharedAccessSignature sr=...&sig=...&se=...&skn={policy}.");
        if (token.KeyName is null)
            return new Refusal(Unauthorized, "The token names no policy (skn)", "Use the connection string of a policy, not of a device.");
        if (!Policies.TryGetValue(token.KeyName, out var policy))
            return new Refusal(Unauthorized, $"There is no policy '{Shorten(token.KeyName)}'", $"The policies are {string.Join(", ", Policies.Keys)}.");
        var audience = Audience.Parse(token.Resource);
        if (Rules.CheckTime(token) is { } late)
            return new Refusal(Unauthorized, $"Policy '{policy.Name}': {late}", "Make a new token; check the clock of the machine that makes it.");
        if (!policy.Signed(token))
        {
            return new Refusal(Unauthorized, $"The signature was made by neither key of the policy '{policy.Name}'", "Copy the policy's connection string again.",
                [$"primary key of '{policy.Name}': no match", $"secondary key of '{policy.Name}': no match"]);
        }
        if (Rules.CheckHost(audience) is { } host)
            return new Refusal(Unauthorized, $"Policy '{policy.Name}': {host}", "Use a host name of this server in the connection string, or add the name with --host.");
        if (!audience.Covers(path))
            return new Refusal(Unauthorized, $"The token covers '{audience}' only", "Make the token for the host name alone.");
        if ((policy.Rights & needed) != needed)
            return new Refusal(Forbidden, $"Policy '{policy.Name}' has the rights {policy.Rights}, the call needs {needed}", $"Use a policy with the right {needed}.");
        return policy;
    }

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "...";
}
