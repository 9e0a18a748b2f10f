using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;

namespace Homeport.Tests.Device;

/// <summary>The AMQP door of a hub: takes tokens and telemetry, and can be told to refuse, to answer out of order and to cut.</summary>
internal sealed class FakeAmqpHub : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 _certificate;
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Task _accepting;
    private Stream? _current;

    public FakeAmqpHub(X509Certificate2 certificate)
    {
        _certificate = certificate;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Connections => _connections.Count;

    /// <summary>Tokens in the order of arrival.</summary>
    public ConcurrentQueue<string> Tokens { get; } = new();

    /// <summary>Bodies that were accepted, in the order of arrival, repetitions included.</summary>
    public ConcurrentQueue<string> Stored { get; } = new();

    /// <summary>Status of a token, by how many came before.</summary>
    public Func<int, int> Verdict { get; set; } = static _ => 200;

    /// <summary>Refuses a message; null accepts.</summary>
    public Func<string, AmqpError?> Refuses { get; set; } = static _ => null;

    /// <summary>Answers so many deliveries together, the newest first.</summary>
    public int AnswersInReverse { get; set; } = 1;

    /// <summary>Called after each message; true cuts the connection.</summary>
    public Func<string, bool> Cuts { get; set; } = static _ => false;

    /// <summary>Ends the newest connection.</summary>
    public void Cut() => _current?.Dispose();

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _listener.Stop();
        await _accepting;
        Cut();
        await Task.WhenAll(_connections);
        _closing.Dispose();
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_closing.Token)));
        }
        catch (OperationCanceledException)
        {
            // Closed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using var _ = client;
            await using var stream = new SslStream(client.GetStream());
            await stream.AuthenticateAsServerAsync(_certificate);
            _current = stream;
            await new Talk(this, stream).RunAsync(_closing.Token);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The end of a connection, however it came.
        }
    }

    private sealed class Talk : IConnectionHandler, IReceiverHandler, ISenderHandler
    {
        private readonly FakeAmqpHub _hub;
        private readonly Stream _stream;
        private readonly AmqpConnection _connection;
        private readonly List<(uint Id, DeliveryState State)> _unanswered = [];
        private readonly Queue<byte[]> _verdicts = new();
        private SendingLink? _answers;
        private bool _isCut;

        public Talk(FakeAmqpHub hub, Stream stream)
        {
            (_hub, _stream) = (hub, stream);
            _connection = AmqpConnection.Server(new ConnectionSettings { ContainerId = "fake" }, this, TimeProvider.System);
        }

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            var output = new ArrayBufferWriter<byte>();
            var input = new byte[512 * 1024];
            var have = 0;
            while (!_connection.IsEnded && !_isCut)
            {
                var read = await _stream.ReadAsync(input.AsMemory(have), cancellationToken);
                if (read == 0)
                    return;
                var buffer = new ReadOnlySequence<byte>(input, 0, have + read);
                while (!_isCut && _connection.TryReceive(ref buffer))
                {
                    // Each turn takes a frame.
                }

                have = (int)buffer.Length;
                buffer.CopyTo(input);
                output.ResetWrittenCount();
                _connection.TakeOutput(output);
                await _stream.WriteAsync(output.WrittenMemory, cancellationToken);
            }
        }

        public void OnAttach(AmqpLink link, Attach attach)
        {
            link.Accept(attach, this);
            if (link is ReceivingLink receiving)
                receiving.KeepWindow(100);
            else
                _answers = (SendingLink)link;
        }

        public void OnDelivery(ReceivingLink link, in Delivery delivery)
        {
            var message = AmqpMessage.Decode(delivery.Payload, out _)!;
            if (message.Value is string token)
            {
                link.Settle(delivery.Id, DeliveryState.Accepted);
                Judge(message, token);
                return;
            }

            var text = Encoding.UTF8.GetString(message.Body.Span);
            var error = _hub.Refuses(text);
            if (error is null)
                _hub.Stored.Enqueue(text);
            _unanswered.Add((delivery.Id, error is null ? DeliveryState.Accepted : DeliveryState.Reject(error)));
            _isCut = _hub.Cuts(text);
            if (_unanswered.Count < _hub.AnswersInReverse)
                return;
            foreach (var (id, state) in Enumerable.Reverse(_unanswered).ToList())
                link.Settle(id, state);
            _unanswered.Clear();
        }

        public void OnCredit(SendingLink link) => SendVerdicts();

        public void OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled)
        {
            if (!settled)
                link.Settle(delivery, state);
        }

        public void OnDetached(AmqpLink link, AmqpError? error)
        {
            // The client goes.
        }

        public void OnOpened(AmqpConnection connection, Open open)
        {
            // The client begins the session.
        }

        public void OnSaslInit(AmqpConnection connection, SaslInit init) => throw new InvalidOperationException("There is no SASL here.");

        public void OnSaslResponse(AmqpConnection connection, byte[] response) => throw new InvalidOperationException("There is no SASL here.");

        public void OnSessionEnded(AmqpSession session, AmqpError? error)
        {
            // The client goes.
        }

        public void OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer)
        {
            // The client goes.
        }

        private void Judge(AmqpMessage request, string token)
        {
            var verdict = new AmqpMap();
            verdict.Add("status-code", _hub.Verdict(_hub.Tokens.Count));
            verdict.Add("status-description", "said the fake hub.");
            _hub.Tokens.Enqueue(token);
            _verdicts.Enqueue(new AmqpMessage
            {
                Properties = new MessageProperties { CorrelationId = request.Properties!.MessageId },
                ApplicationProperties = verdict,
                HasValue = true,
            }.ToBytes());
            SendVerdicts();
        }

        private void SendVerdicts()
        {
            while (_answers is { CanSend: true } link && _verdicts.TryDequeue(out var verdict))
                link.Send(verdict);
        }
    }
}
