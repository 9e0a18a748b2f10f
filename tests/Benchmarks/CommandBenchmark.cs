using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record CommandOptions(int Devices, int Callers, int BodyBytes, WindowOptions Time);

/// <summary>
/// Messages to connected devices with QoS 1, counted when the device acknowledges them; the latency is from the sending to the
/// device. Homeport takes them over REST and stores them; mosquitto gets them from one MQTT client and stores nothing.
/// </summary>
internal static class CommandBenchmark
{
    private const int NoContent = 204;
    private const int MosquittoWindow = 64;
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(30);

    public static async Task<string> RunAsync(TargetSet targets, CommandOptions options, CancellationToken cancellationToken)
    {
        var names = targets.Names.Where(static name => name != TargetSet.Bare);
        var measured = await Rounds.RunAsync(
            names, options.Time.Rounds, name => MeasureAsync(targets, name, options, cancellationToken), static r => r.Rate, static r => r.Usage);
        return LoadResult.Report("message", "messages", measured);
    }

    private static async Task<LoadResult> MeasureAsync(TargetSet targets, string name, CommandOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(name, options.Devices, cancellationToken);
        var endpoint = await server.ProbeAsync(cancellationToken);
        var devices = await SubscribedDevice.OpenAllAsync(endpoint, server.Logins, static login => login.CommandTopic + "#", qos: 1, cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var (state, sent) = (new LoadState(), new LoadState());
        var receiving = devices.Select(device => device.RunAsync(Acknowledge(state), stop.Token)).ToList();
        var sending = name == TargetSet.Mosquitto
            ? [PublishAsync(endpoint, server.Logins, state, sent, options, cancellationToken)]
            : await StartCallersAsync(server, state, sent, options, cancellationToken);
        var result = await LoadResult.MeasureAsync(server.Address.ProcessId, endpoint.Description, state, [.. receiving, .. sending], options.Time, cancellationToken);
        await Task.WhenAll(sending);
        await DrainAsync(state, sent, cancellationToken);
        await stop.CancelAsync();
        await Task.WhenAll(receiving);
        foreach (var device in devices)
            await device.DisposeAsync();
        return result;
    }

    /// <summary>Everything that was acknowledged to a sender has to come.</summary>
    private static async Task DrainAsync(LoadState state, LoadState sent, CancellationToken cancellationToken)
    {
        var since = Stopwatch.GetTimestamp();
        while (state.Completed < sent.Completed)
        {
            if (Stopwatch.GetElapsedTime(since) > DrainTimeout)
                throw new InvalidDataException($"{sent.Completed} messages were taken, {state.Completed} came.");
            await Task.Delay(TimeSpan.FromMilliseconds(10), cancellationToken);
        }
    }

    private static SubscribedDevice.Answer Acknowledge(LoadState state) => (_, packetId, payload, output) =>
    {
        MqttPackets.WritePubAck(output, packetId);
        state.Complete(BinaryPrimitives.ReadInt64BigEndian(payload));
    };

    private static async Task<List<Task>> StartCallersAsync(RunningServer server, LoadState state, LoadState sent, CommandOptions options, CancellationToken cancellationToken)
    {
        var endpoint = await server.ProbeHttpsAsync(cancellationToken);
        var requests = server.Requests();
        var body = new byte[options.BodyBytes];
        var posts = server.Logins.Select(login => requests.Post($"/devices/{login.ClientId}/messages/devicebound", "application/octet-stream", body)).ToList();
        return [.. Enumerable.Range(0, options.Callers).Select(i => CallAsync(
            endpoint, [.. posts.Where((_, device) => device % options.Callers == i)], body.Length, state, sent, cancellationToken))];
    }

    private static async Task CallAsync(TlsEndpoint endpoint, List<byte[]> posts, int bodyLength, LoadState state, LoadState sent, CancellationToken cancellationToken)
    {
        await using var caller = new HttpCaller(await endpoint.OpenAsync(cancellationToken));
        for (var i = 0; !state.Stopping; i = (i + 1) % posts.Count)
        {
            BinaryPrimitives.WriteInt64BigEndian(posts[i].AsSpan(posts[i].Length - bodyLength), Stopwatch.GetTimestamp());
            await caller.CallAsync(posts[i], NoContent, cancellationToken);
            sent.Complete(1);
        }
    }

    /// <summary>Publishes a window, waits until the devices have it, and so on.</summary>
    private static async Task PublishAsync(
        TlsEndpoint endpoint, IReadOnlyList<DeviceLogin> logins, LoadState state, LoadState sent, CommandOptions options, CancellationToken cancellationToken)
    {
        var login = logins[0] with { ClientId = "service" };
        await using var publisher = await SubscribedDevice.OpenAsync(endpoint, login, "none", qos: 0, cancellationToken);
        var body = new byte[options.BodyBytes];
        var frames = logins.Select(l => MqttPackets.Publish(l.CommandTopic, body)).ToList();
        var batch = new ArrayBufferWriter<byte>();
        var (device, packetId) = (0, (ushort)0);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = publisher.RunAsync(static (_, _, _, _) => { }, stop.Token);
        while (!state.Stopping)
        {
            var room = MosquittoWindow * options.Callers - (int)(sent.Completed - state.Completed);
            if (room < MosquittoWindow)
            {
                await Task.Yield();
                continue;
            }

            batch.ResetWrittenCount();
            for (var i = 0; i < MosquittoWindow; i++)
            {
                var frame = frames[device];
                packetId = packetId == ushort.MaxValue ? (ushort)1 : (ushort)(packetId + 1);
                MqttPackets.PatchPacketId(frame, MqttPackets.PacketIdOffset(frame), packetId);
                BinaryPrimitives.WriteInt64BigEndian(frame.AsSpan(frame.Length - body.Length), Stopwatch.GetTimestamp());
                batch.Write(frame);
                device = (device + 1) % frames.Count;
            }

            await publisher.SendAsync(batch.WrittenMemory, cancellationToken);
            sent.Complete(MosquittoWindow);
        }

        await DrainAsync(state, sent, cancellationToken);
        await stop.CancelAsync();
        await reading;
    }
}
