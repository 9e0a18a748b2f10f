using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Homeport.Tests.Interop.Harness;

/// <summary>A received MQTT packet: the first byte (type and flags) and what follows the remaining length.</summary>
public sealed record MqttPacket(byte Header, byte[] Content)
{
    public const byte ConnAck = 0x20;
    public const byte PubAck = 0x40;
    public const byte SubAck = 0x90;
    public const byte PingResp = 0xD0;

    public int PacketId => BinaryPrimitives.ReadUInt16BigEndian(Content);
}

/// <summary>MQTT 3.1.1 byte by byte over TLS: for what the SDKs never send and for pipelining that they never do.</summary>
public sealed class MqttWire(Stream stream, NetworkStream? transport = null) : IAsyncDisposable
{
    public Stream Stream { get; } = stream;

    public static async Task<MqttWire> OpenAsync(ServerProcess server, X509Certificate2? certificate = null)
    {
        var transport = await ServerTrust.ConnectAsync(server.Ready.Ports.Mqtt);
        return new MqttWire(await server.Trust.SecureAsync(transport, certificate), transport);
    }

    /// <summary>Connects as the device and insists on being let in; gives the session-present flag.</summary>
    public static async Task<(MqttWire Wire, bool SessionPresent)> ConnectAsync(ServerProcess server, TestDevice device, bool clean = false, int keepAlive = 60)
    {
        var wire = await OpenAsync(server);
        var host = server.Ready.Hub.HostName;
        await wire.SendAsync(Connect(device.Id, UserName(host, device.Id), SasToken.ForDevice(host, device.Id, device.PrimaryKey), clean, keepAlive));
        var answer = await wire.ReadAsync() ?? throw new InvalidOperationException("the server closed the connection instead of a CONNACK");
        answer.Header.ShouldBe(MqttPacket.ConnAck);
        answer.Content[1].ShouldBe((byte)0, "CONNACK return code");
        return (wire, (answer.Content[0] & 1) == 1);
    }

    public static string UserName(string host, string deviceId) => $"{host}/{deviceId}/?api-version=2021-04-12&DeviceClientType=interop";

    public static byte[] Connect(string clientId, string? userName, string? password, bool clean = false, int keepAlive = 60, byte level = 4)
    {
        var flags = (clean ? 0x02 : 0) | (userName is null ? 0 : 0x80) | (password is null ? 0 : 0x40);
        var body = new List<byte>();
        body.AddRange(Text("MQTT"));
        body.AddRange([level, (byte)flags, (byte)(keepAlive >> 8), (byte)keepAlive]);
        if (level >= 5)
            body.Add(0);
        body.AddRange(Text(clientId));
        if (userName is not null)
            body.AddRange(Text(userName));
        if (password is not null)
            body.AddRange(Text(password));
        return Packet(0x10, [.. body]);
    }

    public static byte[] Publish(string topic, ReadOnlySpan<byte> payload, int qos = 1, int packetId = 1, bool duplicate = false, bool retain = false)
    {
        byte[] id = qos == 0 ? [] : [(byte)(packetId >> 8), (byte)packetId];
        return Packet((byte)(0x30 | (qos << 1) | (duplicate ? 8 : 0) | (retain ? 1 : 0)), [.. Text(topic), .. id, .. payload]);
    }

    public static byte[] Subscribe(int packetId, params (string Filter, byte Qos)[] filters)
    {
        var body = new List<byte> { (byte)(packetId >> 8), (byte)packetId };
        foreach (var (filter, qos) in filters)
        {
            body.AddRange(Text(filter));
            body.Add(qos);
        }

        return Packet(0x82, [.. body]);
    }

    public static byte[] Packet(byte header, byte[] body)
    {
        var packet = new List<byte> { header };
        var length = body.Length;
        do
        {
            packet.Add((byte)((length & 0x7F) | (length > 127 ? 0x80 : 0)));
            length >>= 7;
        }
        while (length > 0);
        packet.AddRange(body);
        return [.. packet];
    }

    /// <summary>Sends; a server that stops reading makes this fail with <see cref="OperationCanceledException"/> instead of waiting for ever.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, TimeSpan? timeout = null)
    {
        using var limit = new CancellationTokenSource(timeout ?? TimeSpan.FromSeconds(15));
        await Stream.WriteAsync(bytes, limit.Token);
    }

    /// <summary>Says that nothing more comes, behind all that was sent. A plain close would throw away what is not sent yet when something is left to read.</summary>
    public void EndSending() => transport!.Socket.Shutdown(SocketShutdown.Send);

    /// <summary>The next packet, or null when the server closed the connection.</summary>
    public async Task<MqttPacket?> ReadAsync(TimeSpan? timeout = null)
    {
        using var limit = new CancellationTokenSource(timeout ?? TimeSpan.FromSeconds(15));
        var one = new byte[1];
        if (!await FillAsync(one, limit.Token))
            return null;
        var header = one[0];
        int length = 0, shift = 0;
        do
        {
            if (!await FillAsync(one, limit.Token))
                return null;
            length |= (one[0] & 0x7F) << shift;
            shift += 7;
        }
        while ((one[0] & 0x80) != 0);
        var content = new byte[length];
        return await FillAsync(content, limit.Token) ? new MqttPacket(header, content) : null;
    }

    /// <summary>Reads until the server closes; fails when it does not within the time.</summary>
    public async Task ExpectCloseAsync(TimeSpan? timeout = null)
    {
        var limit = timeout ?? TimeSpan.FromSeconds(15);
        try
        {
            while (await ReadAsync(limit) is not null)
            {
            }
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"the server kept the connection open for {limit.TotalSeconds} s", e);
        }
    }

    public async Task PublishAndWaitAsync(string deviceId, string body, int packetId)
    {
        await SendAsync(Publish($"devices/{deviceId}/messages/events/", Encoding.UTF8.GetBytes(body), 1, packetId));
        var ack = await ReadAsync() ?? throw new InvalidOperationException("the server closed the connection instead of a PUBACK");
        ack.Header.ShouldBe(MqttPacket.PubAck);
        ack.PacketId.ShouldBe(packetId);
    }

    /// <summary>Drops the TCP connection without the farewells of MQTT and TLS, for which a peer that does not read would be waited.</summary>
    public void Abort() => transport?.Socket.Close(0);

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Stream.DisposeAsync();
        }
        catch (IOException)
        {
            // The server has closed the connection already, which is what many tests want.
        }
    }

    private async Task<bool> FillAsync(Memory<byte> buffer, CancellationToken token)
    {
        try
        {
            return await Stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, token) == buffer.Length;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static byte[] Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }
}
