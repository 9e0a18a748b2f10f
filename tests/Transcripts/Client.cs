using System.IO.Pipelines;
using System.Security.Cryptography.X509Certificates;
using Homeport.Gateway.Mqtt;
using Homeport.Hub.Live;
using Homeport.Mqtt;

namespace Homeport.Tests.Transcripts;

/// <summary>A client's end of one connection in memory. What it does not read stays in a pipe of a few kilobytes, as in a socket.</summary>
internal sealed class Client
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Pipe _toServer = new(new PipeOptions(useSynchronizationContext: false));
    private readonly Pipe _toClient = new(new PipeOptions(pauseWriterThreshold: 4096, resumeWriterThreshold: 2048, useSynchronizationContext: false));
    private readonly Task<CloseReason> _running;

    public Client(MqttDoor door, X509Certificate2? certificate = null) => _running = RunAsync(door, certificate);

    public bool IsOver => _running.IsCompleted;

    public async Task SendAsync(byte[] bytes) => await _toServer.Writer.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    /// <summary>Sends without waiting for a server that has ended the connection or does not read.</summary>
    public async Task TrySendAsync(byte[] bytes)
    {
        var sending = _toServer.Writer.WriteAsync(bytes).AsTask();
        await Task.WhenAny(sending, _running);
    }

    /// <summary>Ends the client's side of the stream.</summary>
    public void Hang() => _toServer.Writer.Complete();

    /// <summary>The next packet of the server, or the end.</summary>
    public async Task<string> ReceiveAsync()
    {
        while (true)
        {
            var result = await _toClient.Reader.ReadAsync().AsTask().WaitAsync(Patience);
            var buffer = result.Buffer;
            if (Frame.TryRead(ref buffer, 300_000, out var frame) == FrameStatus.Complete)
            {
                var text = PacketText.Decode(frame);
                _toClient.Reader.AdvanceTo(buffer.Start);
                return text;
            }
            _toClient.Reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
                return buffer.IsEmpty ? "(end)" : "(end in the middle of a packet)";
        }
    }

    /// <summary>Reads to the end without looking.</summary>
    public async Task DrainAsync()
    {
        while (!(await ReceiveAsync()).StartsWith("(end", StringComparison.Ordinal))
        {
        }
    }

    /// <summary>True when nothing comes for a while.</summary>
    public async Task<bool> IsQuietAsync()
    {
        await Task.Delay(100);
        if (!_toClient.Reader.TryRead(out var result))
            return true;
        _toClient.Reader.AdvanceTo(result.Buffer.Start);
        return result.Buffer.IsEmpty;
    }

    /// <summary>Why the server ended the connection.</summary>
    public Task<CloseReason> EndAsync() => _running.WaitAsync(Patience);

    private async Task<CloseReason> RunAsync(MqttDoor door, X509Certificate2? certificate)
    {
        var reason = await door.RunAsync(_toServer.Reader, _toClient.Writer, certificate, remote: null);
        await _toServer.Reader.CompleteAsync();
        await _toClient.Writer.CompleteAsync();
        return reason;
    }
}
