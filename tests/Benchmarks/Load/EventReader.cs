using System.IO.Pipelines;
using System.Net.Security;
using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>Receives over one AMQP link as fast as the server sends, with a window of credit, and counts.</summary>
internal sealed class EventReader : IConnectionHandler, IReceiverHandler, IAsyncDisposable
{
    private const int Window = 5000;

    private readonly SslStream _stream;
    private readonly string _address;
    private readonly AmqpConnection _connection;
    private readonly PipeReader _input;
    private readonly PipeWriter _output;
    private long _received;
    private string? _failure;

    public EventReader(SslStream stream, string host, string user, string password, string address)
    {
        _stream = stream;
        _address = address;
        _input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 64 * 1024));
        _output = PipeWriter.Create(stream);
        var response = Encoding.UTF8.GetBytes($"\0{user}\0{password}");
        var settings = new ConnectionSettings { ContainerId = $"reader-{Guid.NewGuid():N}", HostName = host, IncomingWindow = 4 * Window, Sasl = new SaslInit("PLAIN", response, host) };
        _connection = AmqpConnection.Client(settings, this, TimeProvider.System);
    }

    /// <summary>Messages so far.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Reads until there are so many messages. A reader that stalls reads no bytes any more once it got a message.</summary>
    public async Task RunAsync(long count, bool stalls, CancellationToken token)
    {
        while (Received < count)
        {
            _connection.TakeOutput(_output);
            await _output.FlushAsync(token);
            if (stalls && Received > 0)
                await Task.Delay(Timeout.Infinite, token);
            var result = await _input.ReadAsync(token);
            var buffer = result.Buffer;
            while (_connection.TryReceive(ref buffer))
            {
                // one frame after the other
            }
            _input.AdvanceTo(buffer.Start, buffer.End);
            if (_failure is not null || (result.IsCompleted && Received < count))
                throw new IOException($"The link from {_address} ended: {_failure ?? "no reason"}.");
        }
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    void IConnectionHandler.OnSaslInit(AmqpConnection connection, SaslInit init)
    {
        // Of servers only.
    }

    void IConnectionHandler.OnSaslResponse(AmqpConnection connection, byte[] response)
    {
        // Of servers only.
    }

    void IConnectionHandler.OnOpened(AmqpConnection connection, Open open)
        => connection.BeginSession().AttachReceiver("events", new Source { Address = _address }, new Target(), this);

    void IConnectionHandler.OnAttach(AmqpLink link, Attach attach)
    {
        // The server attaches nothing.
    }

    void IConnectionHandler.OnSessionEnded(AmqpSession session, AmqpError? error) => _failure ??= error?.ToString();

    void IConnectionHandler.OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer) => _failure ??= error?.ToString() ?? "closed";

    void ILinkHandler.OnAttached(AmqpLink link, Attach answer) => ((ReceivingLink)link).KeepWindow(Window);

    void ILinkHandler.OnDetached(AmqpLink link, AmqpError? error) => _failure ??= error?.ToString() ?? "detached";

    void IReceiverHandler.OnDelivery(ReceivingLink link, in Delivery delivery)
    {
        if (!delivery.Settled)
            link.Settle(delivery.Id, DeliveryState.Accepted);
        Volatile.Write(ref _received, _received + 1);
    }
}
