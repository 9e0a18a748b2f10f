using System.Buffers;
using System.Diagnostics;
using System.Net.Security;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>How a server wants its AMQP senders.</summary>
/// <param name="Host">Host that they mean.</param>
/// <param name="Sasl">SASL for the connection; null where each sender puts its password as a token to <c>$cbs</c>.</param>
/// <param name="AddressOf">The target of a sender by its number on the connection, and its login.</param>
internal sealed record AmqpManners(string Host, SaslInit? Sasl, Func<int, DeviceLogin, string> AddressOf);

/// <summary>One AMQP connection with one or more senders, each with a link that always has a window of messages on the way.</summary>
internal sealed class AmqpSender : IConnectionHandler, ISenderHandler, IReceiverHandler, IAsyncDisposable
{
    private readonly SslStream _stream;
    private readonly AmqpManners _manners;
    private readonly IReadOnlyList<DeviceLogin> _logins;
    private readonly AmqpConnection _connection;
    private readonly byte[] _message;
    private readonly int _window;
    private readonly LatencyHistogram _latencies;
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SendingLink? _tokens;
    private int _tokensPut;
    private int _links;
    private bool _stop;
    private long _acked;

    public AmqpSender(SslStream stream, AmqpManners manners, IReadOnlyList<DeviceLogin> logins, int bodyBytes, int window, LatencyHistogram latencies)
    {
        (_stream, _manners, _logins, _window, _latencies) = (stream, manners, logins, window, latencies);
        var body = new byte[bodyBytes];
        new Random(bodyBytes).NextBytes(body);
        _message = new AmqpMessage { Durable = true, Data = [body] }.ToBytes();
        _connection = AmqpConnection.Client(new ConnectionSettings { ContainerId = logins[0].ClientId, HostName = manners.Host, Sasl = manners.Sasl }, this, TimeProvider.System);
    }

    /// <summary>Messages that were accepted.</summary>
    public long Acked => Volatile.Read(ref _acked);

    public bool Recording { get; set; }

    /// <summary>Completes when every link can send.</summary>
    public Task Opened => _open.Task;

    /// <summary>Sends nothing new.</summary>
    public void Stop() => Volatile.Write(ref _stop, true);

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    /// <summary>Runs until it is stopped and all is answered.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var output = new ArrayBufferWriter<byte>(256 * 1024);
        var input = new byte[256 * 1024];
        var have = 0;
        while (!_connection.IsEnded)
        {
            output.ResetWrittenCount();
            _connection.TakeOutput(output);
            if (output.WrittenCount > 0)
                await _stream.WriteAsync(output.WrittenMemory, cancellationToken);
            _connection.ResumeSending();
            if (_connection.OutputLength > 0)
                continue;
            var read = await _stream.ReadAsync(input.AsMemory(have), cancellationToken);
            if (read == 0)
                break;
            var buffer = new ReadOnlySequence<byte>(input, 0, have + read);
            while (_connection.TryReceive(ref buffer))
            {
                // Each turn takes a frame.
            }
            have = (int)buffer.Length;
            buffer.CopyTo(input);
            if (Volatile.Read(ref _stop) && _connection.Sessions.SelectMany(s => s.Links).OfType<SendingLink>().All(l => l.Unsettled == 0))
                _connection.Close();
        }
        _open.TrySetException(new IOException("The server closed the connection."));
    }

    public void OnOpened(AmqpConnection connection, Open open)
    {
        var session = connection.BeginSession();
        if (_manners.Sasl is not null)
        {
            for (var i = 0; i < _logins.Count; i++)
                AttachSender(session, i);
            return;
        }
        _tokens = session.AttachSender("tokens", new Source(), new Target { Address = "$cbs" }, this);
        session.AttachReceiver("verdicts", new Source { Address = "$cbs" }, new Target { Address = "me" }, this).KeepWindow(10);
    }

    public void OnAttached(AmqpLink link, Attach answer)
    {
        if (link is ReceivingLink receiving)
            receiving.KeepWindow(10);
    }

    public void OnCredit(SendingLink link)
    {
        if (ReferenceEquals(link, _tokens))
        {
            if (_tokensPut == 0)
                PutToken();
            return;
        }
        if (Interlocked.Increment(ref _links) == _logins.Count)
            _open.TrySetResult();
        Fill(link);
    }

    public void OnDelivery(ReceivingLink link, in Delivery delivery)
    {
        var verdict = AmqpMessage.Decode(delivery.Payload, out _);
        link.Settle(delivery.Id, DeliveryState.Accepted);
        if (verdict?.ApplicationProperties?["status-code"] is not 200)
            throw new InvalidOperationException($"The token was refused: {verdict?.ApplicationProperties?["status-description"]}");
        AttachSender(link.Session, _tokensPut++);
        if (_tokensPut < _logins.Count)
            PutToken();
    }

    public void OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled)
    {
        if (ReferenceEquals(link, _tokens))
            return;
        if (state?.Kind != DeliveryStateKind.Accepted)
            throw new InvalidOperationException($"A message was not accepted: {state}");
        Volatile.Write(ref _acked, _acked + 1);
        if (Recording)
            _latencies.Add(Stopwatch.GetTimestamp() - (long)delivery.Context!, 1);
        Fill(link);
    }

    public void OnDetached(AmqpLink link, AmqpError? error)
    {
        if (error is not null)
            throw new InvalidOperationException($"The link '{link.Name}' was detached: {error}");
    }

    public void OnSaslInit(AmqpConnection connection, SaslInit init) => throw new InvalidOperationException("A server does not start SASL.");

    public void OnSaslResponse(AmqpConnection connection, byte[] response) => throw new InvalidOperationException("There is no SASL here.");

    public void OnAttach(AmqpLink link, Attach attach) => throw new InvalidOperationException("The server attaches no links.");

    public void OnSessionEnded(AmqpSession session, AmqpError? error)
    {
        // The links say what happened.
    }

    public void OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer)
    {
        if (error is not null)
            throw new InvalidOperationException($"The connection was closed: {error}");
    }

    private void AttachSender(AmqpSession session, int number)
        => session.AttachSender($"to {_logins[number].ClientId}", new Source(), new Target { Address = _manners.AddressOf(number, _logins[number]) }, this);

    private void PutToken()
    {
        var request = new AmqpMap();
        request.Add("operation", "put-token");
        request.Add("type", "servicebus.windows.net:sastoken");
        request.Add("name", _logins[_tokensPut].ClientId);
        _tokens!.Send(new AmqpMessage
        {
            Properties = new MessageProperties { MessageId = (ulong)_tokensPut, ReplyTo = "me" },
            ApplicationProperties = request,
            Value = _logins[_tokensPut].Password,
            HasValue = true,
        }.ToBytes());
    }

    private void Fill(SendingLink link)
    {
        while (!Volatile.Read(ref _stop) && link.Unsettled < _window && link.CanSend)
            link.Send(_message, context: Stopwatch.GetTimestamp());
    }
}
