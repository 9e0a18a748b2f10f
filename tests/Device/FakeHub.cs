using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Mqtt;

namespace Homeport.Tests.Device;

/// <summary>The MQTT door of a hub that takes connections one after the other, stores telemetry in memory and can be told to misbehave.</summary>
internal sealed class FakeHub : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 _certificate;
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Task _accepting;
    private Stream? _current;

    public FakeHub(X509Certificate2 certificate)
    {
        _certificate = certificate;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>CONNECT packets in the order of arrival.</summary>
    public ConcurrentQueue<ConnectPacket> Connects { get; } = new();

    /// <summary>Payloads in the order of arrival, repetitions included.</summary>
    public ConcurrentQueue<string> Stored { get; } = new();

    /// <summary>Return code of CONNACK.</summary>
    public Func<ConnectPacket, byte> Answer { get; set; } = static _ => 0;

    /// <summary>False: keeps the acknowledgement back.</summary>
    public Func<string, bool> Acknowledges { get; set; } = static _ => true;

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
            {
                var client = await _listener.AcceptTcpClientAsync(_closing.Token);
                _connections.Add(ServeAsync(client));
            }
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
            await TalkAsync(stream);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The end of a connection, however it came.
        }
    }

    private async Task TalkAsync(Stream stream)
    {
        var reader = PipeReader.Create(stream);
        var answers = new ArrayBufferWriter<byte>();
        while (true)
        {
            var result = await reader.ReadAsync(_closing.Token);
            var buffer = result.Buffer;
            var isOver = false;
            while (!isOver && Frame.TryRead(ref buffer, 1_000_000, out var frame) == FrameStatus.Complete)
                isOver = !Handle(frame, answers);
            reader.AdvanceTo(buffer.Start, buffer.End);
            await stream.WriteAsync(answers.WrittenMemory, _closing.Token);
            answers.ResetWrittenCount();
            if (isOver || result.IsCompleted)
                return;
        }
    }

    private bool Handle(Frame frame, ArrayBufferWriter<byte> answers)
    {
        switch (frame.Type)
        {
            case PacketType.Connect:
                ConnectPacket.TryParse(frame, out var connect).ShouldBe(ConnectStatus.Ok);
                Connects.Enqueue(connect!);
                var code = Answer(connect!);
                answers.Write((ReadOnlySpan<byte>)[0x20, 2, 0, code]);
                return code == 0;
            case PacketType.Publish:
                PublishPacket.TryParse(frame.Flags, frame.Body.ToArray(), out var publish).ShouldBeTrue();
                var payload = Encoding.UTF8.GetString(publish.Payload);
                Stored.Enqueue(payload);
                if (publish.Qos == 1 && Acknowledges(payload))
                    answers.Write((ReadOnlySpan<byte>)[0x40, 2, (byte)(publish.PacketId >> 8), (byte)publish.PacketId]);
                return !Cuts(payload);
            case PacketType.Subscribe:
                SubscribePacket.TryParse(frame.Flags, frame.Body.ToArray(), out var subscribe).ShouldBeTrue();
                answers.Write(subscribe!.Suback([.. subscribe.Filters.Select(_ => (byte)0)]));
                return true;
            case PacketType.Pingreq:
                answers.Write(EmptyPackets.Pingresp.Span);
                return true;
            default:
                return false;
        }
    }
}
