using System.Net.Security;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub.Amqp;
using Homeport.Device.Hub.Http;
using Homeport.Device.Hub.Mqtt;
using Homeport.Device.Identity;
using Homeport.Tpm;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Hub;

/// <summary>Makes connections of one device to its hub: chooses the transport, fetches tokens, and corrects the clock when the hub refuses for it.</summary>
internal sealed partial class HubConnector : IDisposable
{
    /// <summary>To ask for the time; the refusal waits for so long.</summary>
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(5);

    private readonly HubTarget _target;
    private readonly TransportType _transport;
    private readonly string? _fixedToken;
    private readonly DeviceTokenProvider? _tokens;
    private readonly TimeProvider _time;
    private readonly ServerClock _clock;
    private readonly ILogger _logger;
    private bool _preferWebSocket;

    public HubConnector(HubTarget target, IAuthenticationMethod method, TransportType transport, DeviceClientOptions options, ILogger logger)
    {
        _time = options.TimeProvider;
        _clock = new ServerClock(_time);
        _transport = transport;
        _logger = logger;
        switch (method)
        {
            case DeviceAuthenticationWithToken token:
                _fixedToken = token.Token;
                break;
            case DeviceAuthenticationWithKey key:
                _tokens = DeviceTokenProvider.ForHub(key.Key, target.HostName, target.Identity, _clock, options.SasTokenTimeToLive);
                break;
            case DeviceAuthenticationWithX509Certificate x509:
                target = target with { Certificate = SslStreamCertificateContext.Create(x509.Certificate, x509.Chain, offline: true) };
                break;
            default:
                throw new ArgumentException($"{method.GetType().Name} is no authentication method of {nameof(AuthenticationMethodFactory)}.", nameof(method));
        }

        _target = target;
        Http = new HubHttp(target, async cancellationToken => _fixedToken ?? (await TokenAsync(cancellationToken))?.Text);
    }

    /// <summary>Calls over HTTPS, for which no connection is needed.</summary>
    public HubHttp Http { get; }

    /// <summary>How long from now a connection of now may stay before it needs another token; null: for ever.</summary>
    public TimeSpan? RenewAfter { get; private set; }

    /// <summary>A new connection.</summary>
    /// <exception cref="IotHubException">It came to nothing.</exception>
    public async Task<IHubLink> ConnectAsync(HubEvents events, CancellationToken cancellationToken)
    {
        try
        {
            return await TryConnectAsync(events, cancellationToken);
        }
        catch (UnauthorizedException) when (_tokens is not null)
        {
            if (!await ClockWasWrongAsync(cancellationToken))
                throw;
            return await TryConnectAsync(events, cancellationToken);
        }
    }

    /// <summary>Gives a connection that can take it the next token. False: it needs a new connection.</summary>
    /// <exception cref="IotHubException">The hub did not take the token, or the connection ended.</exception>
    public async Task<bool> RenewAsync(IHubLink link, CancellationToken cancellationToken)
    {
        if (link is not IRenewableLink renewable || await TokenAsync(cancellationToken) is not { } token)
            return false;
        await renewable.PutTokenAsync(token, cancellationToken);
        RenewAfter = _tokens!.RenewalOf(token) - _clock.GetUtcNow();
        return true;
    }

    public void Dispose()
    {
        Http.Dispose();
        _tokens?.Dispose();
    }

    private async Task<IHubLink> TryConnectAsync(HubEvents events, CancellationToken cancellationToken)
    {
        if (_transport == TransportType.Http1)
            return new HttpLink(Http, _time);
        var token = _fixedToken is null ? await TokenAsync(cancellationToken) : new DeviceToken(_fixedToken, DateTimeOffset.MaxValue);
        RenewAfter = _tokens is null ? null : _tokens.RenewalOf(token!) - _clock.GetUtcNow();
        return _transport switch
        {
            TransportType.Mqtt_WebSocket_Only or TransportType.Amqp_WebSocket_Only => await LinkAsync(webSocket: true, token, events, cancellationToken),
            TransportType.Mqtt_Tcp_Only or TransportType.Amqp_Tcp_Only => await LinkAsync(webSocket: false, token, events, cancellationToken),
            _ => await EitherAsync(token, events, cancellationToken),
        };
    }

    /// <summary>The protocol's own port, and where a firewall closes it a WebSocket on the port of HTTPS; the one that went last time first.</summary>
    private async Task<IHubLink> EitherAsync(DeviceToken? token, HubEvents events, CancellationToken cancellationToken)
    {
        try
        {
            return await LinkAsync(_preferWebSocket, token, events, cancellationToken);
        }
        catch (IotHubCommunicationException e) when (e.End is HubLinkEnd.Lost or HubLinkEnd.Silence)
        {
            try
            {
                var link = await LinkAsync(!_preferWebSocket, token, events, cancellationToken);
                _preferWebSocket = !_preferWebSocket;
                return link;
            }
            catch (IotHubCommunicationException second) when (second.End is HubLinkEnd.Lost or HubLinkEnd.Silence)
            {
                throw IotHubException.Of(e.End, $"{e.Message} And: {second.Message}", e);
            }
        }
    }

    private async Task<IHubLink> LinkAsync(bool webSocket, DeviceToken? token, HubEvents events, CancellationToken cancellationToken)
        => _transport is TransportType.Amqp or TransportType.Amqp_Tcp_Only or TransportType.Amqp_WebSocket_Only
            ? await AmqpHubLink.ConnectAsync(_target, webSocket, token, events, _time, _logger, cancellationToken)
            : await MqttLink.ConnectAsync(_target, webSocket, token, events, _time, _logger, cancellationToken);

    private async ValueTask<DeviceToken?> TokenAsync(CancellationToken cancellationToken)
    {
        if (_tokens is null)
            return null;
        try
        {
            return await _tokens.GetAsync(cancellationToken);
        }
        catch (TpmException e)
        {
            // A chip that is busy or was reset a moment ago works again soon; one without the key does not.
            var end = e.Failure is TpmFailure.Unreachable or TpmFailure.TimedOut ? HubLinkEnd.Unavailable : HubLinkEnd.Refused;
            throw IotHubException.Of(end, $"The TPM gives no token: {e.Message}", e);
        }
    }

    private async Task<bool> ClockWasWrongAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(TimeLimit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            if (await Http.GetTimeAsync(both.Token) is not { } serverTime || !_clock.Correct(serverTime))
                return false;
        }
        catch (Exception e) when (e is IotHubException || limit.IsCancellationRequested)
        {
            // The refusal is the news, not that nobody says the time.
            return false;
        }

        LogClock(_target.HostName, _clock.Offset);
        return true;
    }

    [LoggerMessage(20, LogLevel.Warning, "The clock of this device differs from that of the hub {Hub} by {Offset}: tokens are made with the hub's time; set the clock")]
    private partial void LogClock(string hub, TimeSpan offset);
}
