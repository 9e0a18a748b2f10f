using Homeport.Contract.Access;

namespace Homeport.Device.Identity;

/// <summary>A token and when it ends.</summary>
public sealed record DeviceToken(string Text, DateTimeOffset Expiry)
{
    /// <summary>Without the token.</summary>
    public override string ToString() => $"token until {Expiry:O}";
}

/// <summary>Hands out the current SAS token of a device and makes a new one when 85 % of its life are over.</summary>
public sealed class DeviceTokenProvider : IDisposable
{
    /// <summary>As long as the tokens of the SDKs.</summary>
    public static readonly TimeSpan DefaultLifetime = TimeSpan.FromHours(1);

    private const double RenewAt = 0.85;

    private readonly IDeviceKey _key;
    private readonly string _audience;
    private readonly string? _keyName;
    private readonly TimeSpan _lifetime;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _gate = new(1);
    private DeviceToken? _current;

    private DeviceTokenProvider(IDeviceKey key, string audience, string? keyName, TimeSpan lifetime, TimeProvider time)
    {
        _key = key;
        _audience = audience;
        _keyName = keyName;
        _lifetime = lifetime;
        _time = time;
    }

    /// <summary>Tokens for a hub: audience <c>{host}/devices/{deviceId}</c>.</summary>
    public static DeviceTokenProvider ForHub(IDeviceKey key, string hostName, string deviceId, TimeProvider? time = null, TimeSpan? lifetime = null)
        => new(key, $"{hostName}/devices/{deviceId}", keyName: null, lifetime ?? DefaultLifetime, time ?? TimeProvider.System);

    /// <summary>Tokens for a provisioning service: audience <c>{scope}/registrations/{id}</c>, key name <c>registration</c>.</summary>
    public static DeviceTokenProvider ForRegistration(
        IDeviceKey key, string idScope, string registrationId, TimeProvider? time = null, TimeSpan? lifetime = null)
        => new(key, $"{idScope}/registrations/{registrationId}", "registration", lifetime ?? DefaultLifetime, time ?? TimeProvider.System);

    /// <summary>The current token, or a new one.</summary>
    /// <exception cref="Homeport.Tpm.TpmException">The TPM that holds the key refuses.</exception>
    public async ValueTask<DeviceToken> GetAsync(CancellationToken cancellationToken)
    {
        if (_current is { } current && !NeedsRenewal(current))
            return current;
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_current is { } other && !NeedsRenewal(other))
                return other;
            var expiry = _time.GetUtcNow() + _lifetime;
            // A TPM blocks its caller.
            var text = await Task.Run(() => SharedAccessSignature.Create(_audience, _key.Sign, expiry, _keyName), cancellationToken);
            return _current = new DeviceToken(text, expiry);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    /// <summary>When a token is replaced.</summary>
    internal DateTimeOffset RenewalOf(DeviceToken token) => token.Expiry - (_lifetime * (1 - RenewAt));

    private bool NeedsRenewal(DeviceToken token)
    {
        var now = _time.GetUtcNow();
        // A clock that was set back would keep a token that the hub thinks is over.
        return now >= RenewalOf(token) || now < token.Expiry - _lifetime;
    }
}
