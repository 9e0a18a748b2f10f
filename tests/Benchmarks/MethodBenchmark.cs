using System.Buffers;
using System.Text;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record MethodOptions(int Devices, int Callers, int Rate, WindowOptions Time);

/// <summary>REST callers call methods of connected devices that answer at once.</summary>
internal static class MethodBenchmark
{
    private const int Ok = 200;

    public static async Task<string> RunAsync(TargetSet targets, MethodOptions options, CancellationToken cancellationToken)
    {
        var measured = await Rounds.RunAsync(
            [TargetSet.Homeport], options.Time.Rounds, name => MeasureAsync(targets, name, options, cancellationToken), static r => r.Rate, static r => r.Usage);
        return LoadResult.Report("call", "calls", measured);
    }

    private static async Task<LoadResult> MeasureAsync(TargetSet targets, string name, MethodOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(name, options.Devices, cancellationToken);
        var devices = await SubscribedDevice.OpenAllAsync(
            await server.ProbeAsync(cancellationToken), server.Logins, static _ => "$iothub/methods/POST/#", qos: 0, cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answering = devices.Select(device => device.RunAsync(Answer, stop.Token)).ToList();

        var endpoint = await server.ProbeHttpsAsync(cancellationToken);
        var requests = server.Requests();
        var calls = server.Logins.Select(login => requests.Post(
            $"/twins/{login.ClientId}/methods", "application/json; charset=utf-8",
            """{"methodName":"reboot","responseTimeoutInSeconds":30,"payload":{"delay":5}}"""u8)).ToList();
        var state = new LoadState();
        var calling = Enumerable.Range(0, options.Callers).Select(i => CallAsync(endpoint, calls, i, state, options, cancellationToken)).ToList();
        var result = await LoadResult.MeasureAsync(server.Address.ProcessId, endpoint.Description, state, [.. answering, .. calling], options.Time, cancellationToken);
        await Task.WhenAll(calling);
        await stop.CancelAsync();
        await Task.WhenAll(answering);
        foreach (var device in devices)
            await device.DisposeAsync();
        return result;
    }

    private static async Task CallAsync(TlsEndpoint endpoint, List<byte[]> calls, int index, LoadState state, MethodOptions options, CancellationToken cancellationToken)
    {
        await using var caller = new HttpCaller(await endpoint.OpenAsync(cancellationToken));
        var pace = new Pace(options.Rate, options.Callers, index);
        for (var i = index; !state.Stopping; i += options.Callers)
        {
            var start = await pace.NextAsync(cancellationToken);
            await caller.CallAsync(calls[i % calls.Count], Ok, cancellationToken);
            state.Complete(start);
        }
    }

    /// <summary>$iothub/methods/POST/{name}/?$rid={id} is answered on $iothub/methods/res/200/?$rid={id}.</summary>
    private static void Answer(ReadOnlySpan<byte> topic, ushort packetId, ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        var id = topic[(topic.LastIndexOf((byte)'=') + 1)..];
        output.Write(MqttPackets.PublishUnacknowledged($"$iothub/methods/res/200/?$rid={Encoding.ASCII.GetString(id)}", """{"accepted":true}"""u8));
    }
}
