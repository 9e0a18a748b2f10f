using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>An acknowledged message is stored: kill -9 in the middle of pipelined traffic, start again, compare.</summary>
public sealed class CrashTests : IDisposable
{
    private const int Devices = 6;
    private const int Rounds = 3;
    private const int AcknowledgedPerRound = 3000;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_acknowledged_message_survives_kill_9_in_order_and_once()
    {
        var settings = new ServerSettings(_folder.Path).WithFreePorts();
        var devices = new List<TestDevice>();
        var senders = new List<PipeliningSender>();
        for (var round = 0; round < Rounds; round++)
        {
            await using var server = await ServerProcess.StartAsync(settings);
            for (var i = devices.Count; i < Devices; i++)
            {
                devices.Add(await server.Hub.CreateDeviceAsync($"crash-{i}"));
                senders.Add(new PipeliningSender(devices[i]));
            }

            var goal = senders.Sum(s => s.Acknowledged.Count) + AcknowledgedPerRound;
            using var stop = new CancellationTokenSource();
            foreach (var sender in senders)
                await sender.ConnectAsync(server);
            var sending = senders.Select(s => s.RunAsync(stop.Token)).ToList();
            var watch = Stopwatch.StartNew();
            while (senders.Sum(s => s.Acknowledged.Count) < goal)
            {
                if (sending.Find(t => t.IsCompleted) is { } ended)
                {
                    throw new InvalidOperationException($"a connection ended before the kill in round {round}\n{server.Printed}", ended.Exception);
                }

                watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), $"{senders.Sum(s => s.Acknowledged.Count)} of {goal} messages are acknowledged");
                await Task.Delay(5);
            }

            await server.KillAsync();
            await stop.CancelAsync();
            await Task.WhenAll(sending).WaitAsync(TimeSpan.FromSeconds(30));
        }

        await using var last = await ServerProcess.StartAsync(settings);
        foreach (var sender in senders)
            Compare(sender, [.. (await last.Reader.ReadAsync(sender.Device.Id)).Select(m => int.Parse(m.Text.Split(' ')[0], CultureInfo.InvariantCulture))]);
    }

    private static void Compare(PipeliningSender sender, List<int> stored)
    {
        sender.Acknowledged.Count.ShouldBeGreaterThan(0);
        stored.Zip(stored.Skip(1)).ShouldAllBe(p => p.First < p.Second, $"{sender.Device.Id}: each number once and in the order of sending");
        var missing = sender.Acknowledged.Except(stored).Take(10).ToList();
        missing.ShouldBeEmpty($"{sender.Device.Id}: acknowledged but not stored");
        stored.Max().ShouldBeLessThanOrEqualTo(sender.LastSent);
    }

    /// <summary>Sends numbered messages with many in flight and never sends one twice.</summary>
    private sealed class PipeliningSender(TestDevice device)
    {
        private const int Window = 200;
        private const int Chunk = 20;
        private static readonly byte[] Filler = [.. Enumerable.Repeat((byte)'x', 200)];
        private readonly ConcurrentDictionary<int, int> _inFlight = new();
        private MqttWire? _wire;
        private int _next = 1;

        public TestDevice Device { get; } = device;

        /// <summary>Numbers in the order of their acknowledgements.</summary>
        public ConcurrentQueue<int> Acknowledged { get; } = new();

        public int LastSent => _next - 1;

        public async Task ConnectAsync(ServerProcess server) => (_wire, _) = await MqttWire.ConnectAsync(server, Device);

        public async Task RunAsync(CancellationToken stop)
        {
            var wire = _wire ?? throw new InvalidOperationException("not connected");
            await using var connection = wire;
            _inFlight.Clear();
            using var window = new SemaphoreSlim(Window);
            using var closed = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var reading = ReadAsync(wire, window, closed);
            try
            {
                while (true)
                {
                    await window.WaitAsync(closed.Token);
                    await wire.SendAsync(Batch(window));
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                await reading;
            }
        }

        private byte[] Batch(SemaphoreSlim window)
        {
            var bytes = new List<byte>();
            for (var count = 1; ; count++)
            {
                var packetId = (_next % 65535) + 1;
                _inFlight[packetId] = _next;
                bytes.AddRange(MqttWire.Publish($"devices/{Device.Id}/messages/events/", [.. Encoding.ASCII.GetBytes($"{_next} "), .. Filler], 1, packetId));
                _next++;
                if (count == Chunk || !window.Wait(0))
                    return [.. bytes];
            }
        }

        private async Task ReadAsync(MqttWire wire, SemaphoreSlim window, CancellationTokenSource closed)
        {
            var previous = 0;
            try
            {
                while (await wire.ReadAsync(TimeSpan.FromSeconds(30)) is { } packet)
                {
                    packet.Header.ShouldBe(MqttPacket.PubAck);
                    _inFlight.TryRemove(packet.PacketId, out var number).ShouldBeTrue($"PUBACK for packet {packet.PacketId}, which is not in flight");
                    number.ShouldBeGreaterThan(previous, "PUBACKs come in the order of the PUBLISHes");
                    previous = number;
                    Acknowledged.Enqueue(number);
                    window.Release();
                }
            }
            finally
            {
                await closed.CancelAsync();
            }
        }
    }
}
