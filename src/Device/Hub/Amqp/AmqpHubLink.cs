using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Device.Identity;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Hub.Amqp;

/// <summary>
/// One AMQP connection of a device to its hub: a session with a link for telemetry, and links for messages, methods and the twin when they are wanted.
/// Tokens go to <c>$cbs</c>, the next ones too, so that a renewal needs no new connection. Source: the Azure IoT device SDKs.
/// </summary>
[SuppressMessage("Usage", "CA2213", Justification = "The source of the end has no timer and so holds nothing; late callers may still look at it.")]
internal sealed partial class AmqpHubLink : IHubLink, IRenewableLink, IConnectionHandler
{
    private const string DesiredChanges = "/notifications/twin/properties/desired";

    private readonly HubTarget _target;
    private readonly HubEvents _events;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly AmqpDriver _driver;
    private readonly TelemetrySender _telemetry;
    private readonly TaskCompletionSource<AmqpSession> _session = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IotHubException> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ended = new();
    private readonly SemaphoreSlim _enabling = new(1);
    private LinkPair? _tokens;
    private LinkPair? _methods;
    private LinkPair? _twin;
    private MessageReceiver? _messages;
    private bool _wantsDesired;
    private int _hasEnded;

    private AmqpHubLink(HubTarget target, HubStream stream, HubEvents events, TimeProvider time, ILogger logger)
    {
        _target = target;
        _events = events;
        _time = time;
        _logger = logger;
        var settings = new ConnectionSettings { ContainerId = target.Identity, HostName = target.HostName, IdleTimeout = target.KeepAlive };
        _driver = new AmqpDriver(stream.Bytes, stream, settings, this, time) { Broken = e => End(EndOf(e)) };
        _telemetry = new TelemetrySender(_driver, target.MaxInFlight, LinkEnded);
    }

    /// <inheritdoc/>
    public Task<IotHubException> Completion => _completion.Task;

    /// <inheritdoc/>
    public int InFlight => _telemetry.Count;

    /// <summary>Connects to a hub.</summary>
    /// <exception cref="IotHubException">The hub cannot be reached, is not trusted, or refuses.</exception>
    public static async Task<AmqpHubLink> ConnectAsync(
        HubTarget target, bool webSocket, DeviceToken? token, HubEvents events, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(target.ConnectLimit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        AmqpHubLink? link = null;
        try
        {
            var stream = webSocket
                ? await HubStream.ConnectWebSocketAsync(target, "AMQPWSB10", both.Token)
                : await HubStream.ConnectAsync(target, target.AmqpPort, both.Token);
            link = new AmqpHubLink(target, stream, events, time, logger);
            await link.OpenAsync(token, both.Token);
            return link;
        }
        catch (Exception e)
        {
            if (link is not null)
                await link.DisposeAsync();
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                var port = webSocket ? target.HttpsPort : target.AmqpPort;
                throw IotHubException.Of(HubLinkEnd.Silence, $"{target.ServerName}:{port} did not answer within {target.ConnectLimit}.", e);
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public Task WhenDrained() => _telemetry.WhenEmpty();

    /// <inheritdoc/>
    public async ValueTask<Delivery> SendAsync(ReadOnlyMemory<OutgoingMessage> messages, CancellationToken cancellationToken)
    {
        if (messages.IsEmpty)
            return Delivery.Done(0);
        var delivery = new Delivery(messages.Length);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ended.Token);
        try
        {
            await _telemetry.AddAsync(messages, delivery, both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Who sent them looks at what was accepted of them, as if they all had been on their way.
            delivery.Fail(Again(await Completion));
        }

        return delivery;
    }

    /// <inheritdoc/>
    public async Task EnableAsync(HubFeatures features, CancellationToken cancellationToken)
    {
        await _enabling.WaitAsync(cancellationToken);
        try
        {
            var session = await _session.Task;
            if (features.HasFlag(HubFeatures.Messages) && _messages is null)
            {
                var messages = new MessageReceiver(_driver, LinkEnded);
                using (_driver.Enter())
                    messages.Attach(session, $"/{_target.Path}/messages/devicebound", LinkProperties());
                await ArriveAsync(messages.Opened, "the link for messages", cancellationToken);
                _messages = messages;
            }

            if (features.HasFlag(HubFeatures.Methods))
                _methods ??= await AttachAsync(session, "methods/devicebound", "methods", Invoke, cancellationToken);
            if ((features & (HubFeatures.Twin | HubFeatures.Desired)) != HubFeatures.None)
                _twin ??= await AttachAsync(session, "twin", "twin", DesiredChanged, cancellationToken);
            if (features.HasFlag(HubFeatures.Desired) && !_wantsDesired)
            {
                await TwinAsync("PUT", DesiredChanges, default, "the changes of desired properties", cancellationToken);
                _wantsDesired = true;
            }
        }
        finally
        {
            _enabling.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<Message?> ReceiveAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        await EnableAsync(HubFeatures.Messages, cancellationToken);
        using var limit = new CancellationTokenSource(timeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ended.Token, limit.Token);
        try
        {
            return await _messages!.ReadAsync(both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return _ended.IsCancellationRequested ? throw Again(await Completion) : null;
        }
    }

    /// <inheritdoc/>
    public Task SettleAsync(string lockToken, MessageOutcome outcome, CancellationToken cancellationToken)
    {
        var state = outcome switch
        {
            MessageOutcome.Complete => DeliveryState.Accepted,
            MessageOutcome.Reject => new DeliveryState(DeliveryStateKind.Rejected),
            _ => DeliveryState.Released,
        };
        return _messages is { } messages
            ? ArriveAsync(messages.SettleAsync(lockToken, state), "the outcome of a message", cancellationToken)
            : throw IotHubException.Of(HubLinkEnd.LockLost, "The message came over a connection that has ended; the hub delivers it again.");
    }

    /// <inheritdoc/>
    public async Task<byte[]> GetTwinAsync(CancellationToken cancellationToken)
    {
        await EnableAsync(HubFeatures.Twin, cancellationToken);
        return (await TwinAsync("GET", null, default, "the request for the twin", cancellationToken)).Body.ToArray();
    }

    /// <inheritdoc/>
    public async Task<long> ReportAsync(ReadOnlyMemory<byte> patch, CancellationToken cancellationToken)
    {
        await EnableAsync(HubFeatures.Twin, cancellationToken);
        var answer = await TwinAsync("PATCH", "/properties/reported", patch, "the reported properties", cancellationToken);
        return answer.MessageAnnotations?["version"] is { } version ? Convert.ToInt64(version, CultureInfo.InvariantCulture) : 0;
    }

    /// <inheritdoc/>
    public Task RespondAsync(string requestId, int status, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        var result = new AmqpMap();
        result.Add("IoThub-status", status);
        _methods?.Send(new AmqpMessage
        {
            Properties = new MessageProperties { CorrelationId = Guid.TryParse(requestId, out var id) ? id : requestId },
            ApplicationProperties = result,
            Data = [payload],
        });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task PutTokenAsync(DeviceToken token, CancellationToken cancellationToken)
    {
        var request = new AmqpMap();
        request.Add("operation", "put-token");
        request.Add("type", "servicebus.windows.net:sastoken");
        request.Add("name", $"{_target.HostName}/{_target.Path}");
        request.Add("expiration", token.Expiry);
        var message = new AmqpMessage { ApplicationProperties = request, Value = token.Text, HasValue = true };
        var answer = (await AskAsync(_tokens!, message, "a token", cancellationToken)).ApplicationProperties;
        if (answer?["status-code"] is { } code && Convert.ToInt32(code, CultureInfo.InvariantCulture) is var status and >= 300)
        {
            var end = status switch
            {
                401 or 404 => HubLinkEnd.Refused,
                429 => HubLinkEnd.Throttled,
                >= 500 => HubLinkEnd.Unavailable,
                _ => HubLinkEnd.Rejected,
            };
            throw IotHubException.Of(
                end,
                $"The hub refused the device '{_target.Identity}' ({status}): {answer.Text("status-description")} Is it registered and enabled, is its key right, and is the clock right?");
        }
    }

    /// <summary>Says goodbye and closes. Messages without an outcome fail with <see cref="HubLinkEnd.Disposed"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        End(IotHubException.Of(HubLinkEnd.Disposed, $"The connection to {_target.HostName} has ended: this side closed it."));
        await _driver.DisposeAsync();
    }

    /// <inheritdoc/>
    void IConnectionHandler.OnOpened(AmqpConnection connection, Open open) => _session.TrySetResult(connection.BeginSession());

    /// <inheritdoc/>
    void IConnectionHandler.OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer) => End(AmqpFailures.OfEnd(error, _target.HostName));

    /// <inheritdoc/>
    void IConnectionHandler.OnSessionEnded(AmqpSession session, AmqpError? error) => End(AmqpFailures.OfEnd(error, _target.HostName));

    /// <inheritdoc/>
    void IConnectionHandler.OnAttach(Homeport.Amqp.AmqpLink link, Attach attach)
        => link.Refuse(attach, new AmqpError(ErrorCondition.NotAllowed, "A device attaches its links itself."));

    /// <inheritdoc/>
    void IConnectionHandler.OnSaslInit(AmqpConnection connection, SaslInit init) => throw new InvalidOperationException("A server does not start SASL.");

    /// <inheritdoc/>
    void IConnectionHandler.OnSaslResponse(AmqpConnection connection, byte[] response) => throw new InvalidOperationException("There is no SASL here.");

    private async Task OpenAsync(DeviceToken? token, CancellationToken cancellationToken)
    {
        _driver.Start();
        var session = await ArriveAsync(_session.Task, "the opening of a connection", cancellationToken);
        if (token is not null)
        {
            var tokens = new LinkPair(_driver, "$cbs", static _ => { }, LinkEnded);
            using (_driver.Enter())
                tokens.Attach(session);
            await ArriveAsync(tokens.Opened, "the link for tokens", cancellationToken);
            _tokens = tokens;
            await PutTokenAsync(token, cancellationToken);
        }

        using (_driver.Enter())
            _telemetry.Attach(session, $"/{_target.Path}/messages/events", LinkProperties());
        await ArriveAsync(_telemetry.Opened, "the link for telemetry", cancellationToken);
    }

    private async Task<LinkPair> AttachAsync(AmqpSession session, string node, string name, Action<AmqpMessage> unasked, CancellationToken cancellationToken)
    {
        var pair = new LinkPair(_driver, $"/{_target.Path}/{node}", unasked, LinkEnded);
        var properties = LinkProperties();
        properties["com.microsoft:channel-correlation-id"] = $"{name}:{Guid.NewGuid()}";
        using (_driver.Enter())
            pair.Attach(session, properties);
        await ArriveAsync(pair.Opened, $"the links for {name}", cancellationToken);
        return pair;
    }

    private AmqpMap LinkProperties()
    {
        var properties = new AmqpMap { ["com.microsoft:api-version"] = HubTarget.ApiVersion, ["com.microsoft:client-version"] = _target.Product };
        if (_target.ModelId is { } model)
            properties["com.microsoft:model-id"] = model;
        return properties;
    }

    private async Task<AmqpMessage> TwinAsync(string operation, string? resource, ReadOnlyMemory<byte> body, string what, CancellationToken cancellationToken)
    {
        var request = new AmqpMap { ["operation"] = operation };
        if (resource is not null)
            request["resource"] = resource;
        var answer = await AskAsync(_twin!, new AmqpMessage { MessageAnnotations = request, Data = [body] }, what, cancellationToken);
        var status = answer.MessageAnnotations?["status"] is { } code ? Convert.ToInt32(code, CultureInfo.InvariantCulture) : 200;
        if (status < 300)
            return answer;
        var end = status switch
        {
            429 => HubLinkEnd.Throttled,
            413 => HubLinkEnd.TooLarge,
            >= 500 => HubLinkEnd.Unavailable,
            _ => HubLinkEnd.Rejected,
        };
        throw IotHubException.Of(end, $"The hub refused {what} with status {status}: {Encoding.UTF8.GetString(answer.Body.Span)}");
    }

    private async Task<AmqpMessage> AskAsync(LinkPair pair, AmqpMessage request, string what, CancellationToken cancellationToken)
    {
        var answer = await pair.AskAsync(request, what, _target.AnswerLimit, _time, cancellationToken);
        return answer.Message ?? throw AmqpFailures.Of(answer.Error, what);
    }

    private void Invoke(AmqpMessage request)
    {
        if (request.ApplicationProperties?.Text("IoThub-methodname") is { } name && request.Properties?.CorrelationId?.ToString() is { } id)
            _events.Method(new MethodCall(name, id, request.Body.ToArray()));
    }

    private void DesiredChanged(AmqpMessage change) => _events.Desired(change.Body.ToArray());

    private Task<bool> ArriveAsync(Task step, string what, CancellationToken cancellationToken)
        => ArriveAsync(TrueAsync(step), what, cancellationToken);

    private static async Task<bool> TrueAsync(Task step)
    {
        await step;
        return true;
    }

    /// <summary>Waits for a step, but not longer than the connection lasts, nor for a hub that says nothing.</summary>
    private async Task<T> ArriveAsync<T>(Task<T> step, string what, CancellationToken cancellationToken)
    {
        try
        {
            if (await Task.WhenAny(step, Completion).WaitAsync(_target.AnswerLimit, _time, cancellationToken) != step && !step.IsCompleted)
                throw Again(await Completion);
            return await step;
        }
        catch (TimeoutException e)
        {
            throw IotHubException.Of(HubLinkEnd.Silence, $"The hub did not answer {what} within {_target.AnswerLimit}.", e);
        }
    }

    private void LinkEnded(AmqpError? error) => End(AmqpFailures.OfEnd(error, _target.HostName));

    private IotHubException EndOf(Exception cause)
        => cause as IotHubException ?? IotHubException.Of(HubLinkEnd.Lost, $"The connection to {_target.HostName} has ended: {cause.Message}", cause);

    private void End(IotHubException failure)
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
            return;
        LogEnd(_target.HostName, _target.Identity, failure.End, _telemetry.Count);
        _completion.SetResult(failure);
        _telemetry.Fail(failure);
        _ = _ended.CancelAsync();
    }

    /// <summary>An exception of its own for each caller.</summary>
    private static IotHubException Again(IotHubException end)
        => IotHubException.Of(end.End, end.Message + " A message without an answer may or may not have arrived.", end);

    [LoggerMessage(11, LogLevel.Information, "The AMQP connection of device {DeviceId} to the hub {Hub} ended: {End}, {InFlight} messages without an outcome")]
    private partial void LogEnd(string hub, string deviceId, HubLinkEnd end, int inFlight);
}
