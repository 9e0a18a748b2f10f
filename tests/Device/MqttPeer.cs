using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Homeport.Mqtt;

namespace Homeport.Tests.Device;

/// <summary>The server side of one TLS connection, scripted packet by packet.</summary>
internal sealed class MqttPeer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 _certificate;
    private SslStream? _stream;

    public MqttPeer(X509Certificate2 certificate)
    {
        _certificate = certificate;
        _listener.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async Task AcceptAsync()
    {
        var client = await _listener.AcceptTcpClientAsync();
        _stream = new SslStream(client.GetStream());
        await _stream.AuthenticateAsServerAsync(_certificate);
    }

    /// <summary>Reads CONNECT and answers with a return code.</summary>
    public async Task<ConnectPacket> ConnectAsync(byte returnCode = 0)
    {
        await AcceptAsync();
        var (first, body) = await ReadAsync();
        first.ShouldBe((byte)0x10);
        var packet = new byte[1 + 4 + body.Length];
        var header = Frame.WriteHeader(packet, PacketType.Connect, 0, body.Length);
        body.CopyTo(packet, header);
        var buffer = new System.Buffers.ReadOnlySequence<byte>(packet, 0, header + body.Length);
        Frame.TryRead(ref buffer, 10_000, out var frame).ShouldBe(FrameStatus.Complete);
        ConnectPacket.TryParse(frame, out var connect).ShouldBe(ConnectStatus.Ok);
        await WriteAsync([0x20, 2, 0, returnCode]);
        return connect!;
    }

    public async Task<(byte First, byte[] Body)> ReadAsync()
    {
        var one = new byte[1];
        await _stream!.ReadExactlyAsync(one);
        var first = one[0];
        var length = 0;
        for (var shift = 0; ; shift += 7)
        {
            await _stream.ReadExactlyAsync(one);
            length |= (one[0] & 0x7F) << shift;
            if (one[0] < 0x80)
                break;
        }

        var body = new byte[length];
        await _stream.ReadExactlyAsync(body);
        return (first, body);
    }

    /// <summary>Reads a PUBLISH: topic, packet id and payload as text.</summary>
    public async Task<(string Topic, ushort PacketId, string Payload)> ReadPublishAsync()
    {
        var (first, body) = await ReadAsync();
        first.ShouldBe((byte)0x32);
        PublishPacket.TryParse(first & 0xF, body, out var publish).ShouldBeTrue();
        return (System.Text.Encoding.UTF8.GetString(publish.Topic), publish.PacketId, System.Text.Encoding.UTF8.GetString(publish.Payload));
    }

    public Task AcknowledgeAsync(ushort packetId) => WriteAsync([0x40, 2, (byte)(packetId >> 8), (byte)packetId]);

    public async Task WriteAsync(byte[] bytes) => await _stream!.WriteAsync(bytes);

    public async Task CloseAsync() => await _stream!.ShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        if (_stream is not null)
            await _stream.DisposeAsync();
        _listener.Dispose();
    }
}
