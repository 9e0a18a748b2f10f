using System.Collections.Concurrent;
using Homeport.Contract.Rest;

namespace Homeport.Agent.Identity;

/// <summary>Tokens that were made already, by logical device and lifetime. A token leaves when half of its life is over.</summary>
internal sealed class TokenCache(TimeProvider time)
{
    /// <summary>16 logical devices with some lifetimes each; programs that ask for ever other lifetimes must not fill the memory.</summary>
    private const int MaxTokens = 128;

    private readonly ConcurrentDictionary<(uint Device, int Lifetime), AgentToken> _tokens = new();

    public AgentToken? Find(uint device, int lifetime)
        => _tokens.TryGetValue((device, lifetime), out var token) && token.Expiry - time.GetUtcNow().ToUnixTimeSeconds() >= lifetime / 2
            && token.Expiry - time.GetUtcNow().ToUnixTimeSeconds() <= lifetime
                ? token
                : null;

    public void Keep(uint device, int lifetime, AgentToken token)
    {
        if (_tokens.Count >= MaxTokens)
            _tokens.Clear();
        _tokens[(device, lifetime)] = token;
    }

    /// <summary>Forgets all: the key, the record or the clock changed.</summary>
    public void Clear() => _tokens.Clear();
}
