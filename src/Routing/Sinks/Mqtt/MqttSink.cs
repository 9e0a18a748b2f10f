using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Security.Authentication;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Trust;
using Homeport.Mqtt;

namespace Homeport.Routing.Sinks.Mqtt;

/// <summary>Publishes messages with quality of service 1; one counts when the broker has acknowledged it. The connection stays, and is made anew when it was lost.</summary>
internal sealed class MqttSink(RoutingEndpointDescription endpoint, string hubName) : IEndpointSink
{
    private const int SecurePort = 8883;
    private const int PlainPort = 1883;
    private const int MaxAnswer = 64 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly PeerTrust _trust = PeerTrust.FromPem(endpoint.CertificateAuthority);
    private readonly EventJson _events = new(hubName);
    private Stream? _stream;
    private PipeReader? _reader;

    /// <inheritdoc/>
    public int MaxMessages => 100;

    /// <inheritdoc/>
    public async Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(Patience);
        try
        {
            if (_stream is null)
                await ConnectAsync(limit.Token);
            return await PublishAsync(batch, limit.Token);
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            await CloseAsync();
            return new DeliveryFailure("The broker: " + PeerConnection.Explain(e));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await CloseAsync();

    private async Task<DeliveryFailure?> PublishAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        await _stream!.WriteAsync(Encode(batch), token);
        for (var missing = batch.Count; missing > 0; missing--)
        {
            if (!await ExpectAsync(PacketType.Puback, body => PubackPacket.TryParse(body, out _), token))
                throw new IOException("it answered with something else than an acknowledgement");
        }
        return null;
    }

    private ReadOnlyMemory<byte> Encode(IReadOnlyList<RoutedMessage> batch)
    {
        var packets = new ArrayBufferWriter<byte>();
        for (var i = 0; i < batch.Count; i++)
        {
            var topic = MqttSinks.TopicOf(endpoint.Address!, hubName, batch[i]);
            var payload = endpoint.Schema is null ? batch[i].Body : _events.WriteCloudEvent(batch[i]);
            packets.Write(PublishPacket.Make(topic, payload.Span, qos: 1, packetId: (ushort)(i + 1)));
        }
        return packets.WrittenMemory;
    }

    private async Task ConnectAsync(CancellationToken token)
    {
        var uri = new Uri(endpoint.Url!);
        var secure = uri.Scheme == "mqtts";
        var port = uri.Port > 0 ? uri.Port : secure ? SecurePort : PlainPort;
        _stream = secure ? await PeerConnection.ConnectTlsAsync(uri.Host, port, _trust, token) : await PeerConnection.ConnectAsync(uri.Host, port, token);
        _reader = PipeReader.Create(_stream, new StreamPipeReaderOptions(leaveOpen: true));
        // Without keep alive: a connection that is dead is found when it is needed, by its silence.
        var connect = new ConnectPacket($"homeport-{Guid.NewGuid():N}"[..23], endpoint.UserName, endpoint.Secret, CleanSession: true, KeepAlive: 0);
        await _stream.WriteAsync(connect.ToBytes(), token);
        var code = ConnectReturnCode.ServerUnavailable;
        var answered = await ExpectAsync(PacketType.Connack, body =>
        {
            var read = ConnackPacket.TryParse(body, out var connack);
            code = connack.ReturnCode;
            return read;
        }, token);
        if (!answered || code != ConnectReturnCode.Accepted)
            throw new IOException($"it refused the connection ({code})");
    }

    /// <summary>Takes the next packet. False when it is another one, or is not read.</summary>
    private async Task<bool> ExpectAsync(PacketType type, Func<byte[], bool> read, CancellationToken token)
    {
        while (true)
        {
            var result = await _reader!.ReadAsync(token);
            var buffer = result.Buffer;
            var status = Frame.TryRead(ref buffer, MaxAnswer, out var frame);
            if (status == FrameStatus.Complete)
            {
                var good = frame.Type == type && read(frame.Body.ToArray());
                _reader.AdvanceTo(buffer.Start);
                return good;
            }
            if (status != FrameStatus.Incomplete)
                return false;
            _reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
                throw new IOException("it ended the connection");
        }
    }

    private async Task CloseAsync()
    {
        if (_reader is { } reader)
            await reader.CompleteAsync();
        if (_stream is { } stream)
            await stream.DisposeAsync();
        (_reader, _stream) = (null, null);
    }
}
