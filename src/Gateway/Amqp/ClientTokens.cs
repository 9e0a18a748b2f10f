using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;

namespace Homeport.Gateway.Amqp;

/// <summary>
/// What a client showed on a connection: any number of tokens, each for the audience that stands in it, and perhaps a certificate.
/// A newer token takes the place of an older one for the same audience.
/// </summary>
/// <param name="authenticator">Lets devices in.</param>
/// <param name="authorizer">Lets services in.</param>
/// <param name="certificate">TLS client certificate, or null.</param>
internal sealed class ClientTokens(DeviceAuthenticator authenticator, ServiceAuthorizer authorizer, X509Certificate2? certificate)
{
    /// <summary>Tokens of one connection at most.</summary>
    public const int Capacity = 4096;

    private readonly ConcurrentDictionary<string, HeldToken> _tokens = new(StringComparer.Ordinal);

    /// <summary>Number of tokens.</summary>
    public int Count => _tokens.Count;

    /// <summary>Checks a token and keeps it. A policy's token is checked for the policy's signature here and for its rights when it is used.</summary>
    public async Task<Outcome<HeldToken>> PutAsync(string? text, CancellationToken token)
    {
        if (!SharedAccessSignature.TryParse(text, out var parsed, out var reason))
            return new Refusal(HubErrors.IotHubUnauthorized, $"The token cannot be used: {reason}", "Send a whole token: SharedAccessSignature sr=...&sig=...&se=....");
        var audience = Audience.Parse(parsed.Resource);
        var held = new HeldToken(text!, audience, parsed.KeyName, authorizer.Rules.EndOf(parsed));
        if (!_tokens.ContainsKey(held.Key) && _tokens.Count >= Capacity)
            return new Refusal(HubErrors.IotHubQuotaExceeded, $"The connection has {Capacity} tokens", "Use another connection for more devices.");
        if (DeviceOf(audience) is var (deviceId, moduleId))
        {
            if (!(await TryDeviceAsync(text!, deviceId, moduleId, token)).Succeeded(out var device, out var refusal))
                return refusal;
            held = held with { Identity = device.Identity };
        }
        else if (!authorizer.Authorize(text, Rights.None, [.. audience.Segments]).Succeeded(out _, out var refusal))
        {
            return refusal;
        }
        _tokens[held.Key] = held;
        return held;
    }

    /// <summary>Lets a device in by the token for it that was put last, one that covers it, or the certificate.</summary>
    public async Task<Outcome<AuthenticatedDevice>> AuthenticateAsync(string deviceId, string? moduleId, CancellationToken token)
    {
        string[] path = moduleId is null ? ["devices", deviceId] : ["devices", deviceId, "modules", moduleId];
        Refusal? first = null;
        foreach (var held in _tokens.Values.Where(t => t.Audience.Covers(path)).OrderByDescending(t => t.Audience.Depth).ToArray())
        {
            var outcome = await authenticator.AuthenticateAsync(new DeviceCredentials(deviceId, moduleId, held.Text, null), token);
            if (outcome.Succeeded(out _, out var refusal))
                return outcome;
            first ??= refusal;
        }
        if (first is not null)
            return first;
        if (certificate is null)
        {
            var who = new DeviceCredentials(deviceId, moduleId, null, null);
            return new Refusal(HubErrors.IotHubUnauthorized, $"{who}: the connection has no token for it and no client certificate",
                $"Put a token for {string.Join('/', path)} to $cbs first, or connect with the device's certificate.");
        }
        return await authenticator.AuthenticateAsync(new DeviceCredentials(deviceId, moduleId, null, certificate) { Intermediates = ClientChain.Of(certificate) }, token);
    }

    /// <summary>Lets a service in by a policy's token that covers the path.</summary>
    public Outcome<GrantedPolicy> Authorize(Rights needed, params ReadOnlySpan<string> path)
    {
        Refusal? first = null;
        string[] whole = [.. path];
        foreach (var held in _tokens.Values.Where(t => t.PolicyName is not null && t.Audience.Covers(whole)).ToArray())
        {
            if (authorizer.Authorize(held.Text, needed, path).Succeeded(out var policy, out var refusal))
                return new GrantedPolicy(policy, held.Key);
            first ??= refusal;
        }
        return first ?? new Refusal(authorizer.Forbidden, "The connection has no token of a policy for this address",
            $"Put a token of a policy with the right {needed} to $cbs first, or use SASL PLAIN with it.");
    }

    /// <summary>When a token ends; null when it is not there.</summary>
    public DateTimeOffset? EndOf(string key) => _tokens.TryGetValue(key, out var held) ? held.EndsAt : null;

    /// <summary>Forgets the tokens that are over.</summary>
    public void RemoveOver(DateTimeOffset now)
    {
        foreach (var (key, held) in _tokens)
        {
            if (held.EndsAt <= now)
                _tokens.TryRemove(new KeyValuePair<string, HeldToken>(key, held));
        }
    }

    /// <summary>The device or module whose audience it is; null for a hub's and others.</summary>
    private static (string DeviceId, string? ModuleId)? DeviceOf(Audience audience) => audience.Segments switch
    {
        [var devices, var device] when IsWord(devices, "devices") => (device, null),
        [var devices, var device, var modules, var module] when IsWord(devices, "devices") && IsWord(modules, "modules") => (device, module),
        _ => null,
    };

    private async Task<Outcome<AuthenticatedDevice>> TryDeviceAsync(string text, string deviceId, string? moduleId, CancellationToken token)
    {
        var outcome = await authenticator.AuthenticateAsync(new DeviceCredentials(deviceId, moduleId, text, null), token);
        // One of the SDKs encodes the id inside the audience and the audience again.
        var (decodedDevice, decodedModule) = (PercentEncoding.Decode(deviceId), moduleId is null ? null : PercentEncoding.Decode(moduleId));
        if (outcome.Succeeded(out _, out _) || (decodedDevice == deviceId && decodedModule == moduleId))
            return outcome;
        return await authenticator.AuthenticateAsync(new DeviceCredentials(decodedDevice, decodedModule, text, null), token);
    }

    private static bool IsWord(string segment, string word) => string.Equals(segment, word, StringComparison.OrdinalIgnoreCase);
}

/// <summary>A token that was put.</summary>
/// <param name="Text">The token. Not for logs.</param>
/// <param name="Audience">What it covers.</param>
/// <param name="PolicyName">The policy whose it is; null for a device's own.</param>
/// <param name="EndsAt">When it ends.</param>
internal sealed record HeldToken(string Text, Audience Audience, string? PolicyName, DateTimeOffset EndsAt)
{
    /// <summary>The device or module whose audience it is; null for a hub's and others.</summary>
    public Identity? Identity { get; init; }

    /// <summary>Tokens with the same key replace each other.</summary>
    public string Key { get; } = $"{Audience} {PolicyName}";

    /// <summary>Names only: the token stays out of logs.</summary>
    public override string ToString() => Key;
}

/// <summary>A policy that a client may use.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="TokenKey">Which of the client's tokens it is by.</param>
public sealed record GrantedPolicy(SharedAccessPolicy Policy, string TokenKey);
