using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;
using Homeport.Device.Hub.Amqp;

namespace Homeport.Device.Provisioning;

/// <summary>One AMQP connection to a provisioning service, for one registration.</summary>
internal sealed class RegistrationConnection : IConnectionHandler, IAsyncDisposable
{
    private readonly AmqpDriver _driver;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource<AmqpSession> _session = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<byte[]> _challenge = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IotHubException> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TpmSasl? _exchange;
    private LinkPair? _links;
    private readonly bool _hasSasl;

    public RegistrationConnection(HubStream stream, ConnectionSettings settings, TimeProvider time)
    {
        _time = time;
        _hasSasl = settings.Sasl is not null;
        _driver = new AmqpDriver(stream.Bytes, stream, settings, this, time)
        {
            Broken = e => _end.TrySetResult(e as IotHubException ?? IotHubException.Of(HubLinkEnd.Lost, $"The connection to the provisioning service has ended: {e.Message}", e)),
        };
    }

    /// <summary>Runs a SASL exchange to its challenge.</summary>
    public async Task<byte[]> ExchangeAsync(TpmSasl exchange, CancellationToken cancellationToken)
    {
        _exchange = exchange;
        _driver.Start();
        return await ArriveAsync(_challenge.Task, cancellationToken);
    }

    /// <summary>Sends a response of SASL.</summary>
    public void Respond(byte[] response)
    {
        using var entry = _driver.Enter();
        entry.Connection.SaslRespond(response);
    }

    /// <summary>Opens the connection and the links of the registration.</summary>
    public async Task OpenAsync(string address, CancellationToken cancellationToken)
    {
        if (_exchange is null)
            _driver.Start();
        var session = await ArriveAsync(_session.Task, cancellationToken);
        var links = new LinkPair(_driver, address, static _ => { }, error => _end.TrySetResult(AmqpFailures.OfEnd(error, "the provisioning service")));
        var properties = new AmqpMap { ["com.microsoft:api-version"] = HttpProvisioning.ApiVersion, ["com.microsoft:client-version"] = "homeport-device" };
        using (_driver.Enter())
            links.Attach(session, properties);
        await links.Opened.WaitAsync(cancellationToken);
        _links = links;
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    public Task<LinkAnswer> AskAsync(AmqpMessage request, TimeSpan limit, CancellationToken cancellationToken)
        => _links!.AskAsync(request, "the registration", limit, _time, cancellationToken);

    public ValueTask DisposeAsync() => _driver.DisposeAsync();

    /// <inheritdoc/>
    void IConnectionHandler.OnOpened(AmqpConnection connection, Open open) => _session.TrySetResult(connection.BeginSession());

    /// <inheritdoc/>
    void IConnectionHandler.OnSaslResponse(AmqpConnection connection, byte[] response)
    {
        if (_exchange is null)
        {
            _end.TrySetResult(IotHubException.Of(HubLinkEnd.ProtocolError, "The service sent a SASL challenge that the mechanism does not know."));
            return;
        }

        var (answer, challenge) = _exchange.Take(response);
        if (challenge is not null)
            _challenge.TrySetResult(challenge);
        else
            connection.SaslRespond(answer);
    }

    /// <inheritdoc/>
    void IConnectionHandler.OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer)
    {
        // The credentials are refused in SASL, everything later by the service that took them.
        _end.TrySetResult(connection.Peer is null && _hasSasl && error is not null
            ? AmqpFailures.Of(error, "the registration")
            : AmqpFailures.OfEnd(error, "the provisioning service"));
    }

    /// <inheritdoc/>
    void IConnectionHandler.OnSessionEnded(AmqpSession session, AmqpError? error) => _end.TrySetResult(AmqpFailures.OfEnd(error, "the provisioning service"));

    /// <inheritdoc/>
    void IConnectionHandler.OnAttach(AmqpLink link, Attach attach)
        => link.Refuse(attach, new AmqpError(ErrorCondition.NotAllowed, "A device attaches its links itself."));

    /// <inheritdoc/>
    void IConnectionHandler.OnSaslInit(AmqpConnection connection, SaslInit init) => throw new InvalidOperationException("A server does not start SASL.");

    private async Task<T> ArriveAsync<T>(Task<T> step, CancellationToken cancellationToken)
    {
        if (await Task.WhenAny(step, _end.Task).WaitAsync(cancellationToken) != step && !step.IsCompleted)
            throw await _end.Task;
        return await step;
    }
}
