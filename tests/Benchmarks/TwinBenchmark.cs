using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record TwinOptions(int Connections, int Window, WindowOptions Time);

/// <summary>Connected devices report properties (QoS 0, as most SDKs do) as fast as they are answered.</summary>
internal static class TwinBenchmark
{
    public static async Task<string> RunAsync(TargetSet targets, TwinOptions options, CancellationToken cancellationToken)
    {
        var measured = await Rounds.RunAsync(
            [TargetSet.Homeport], options.Time.Rounds, name => MeasureAsync(targets, name, options, cancellationToken), static r => r.Rate, static r => r.Usage);
        return LoadResult.Report("patch", "patches", measured);
    }

    private static async Task<LoadResult> MeasureAsync(TargetSet targets, string name, TwinOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(name, options.Connections, cancellationToken);
        var endpoint = await server.ProbeAsync(cancellationToken);
        var devices = await SubscribedDevice.OpenAllAsync(endpoint, server.Logins, static _ => ReportingDevice.AnswerFilter, qos: 0, cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var state = new LoadState();
        var running = devices.Select(device => new ReportingDevice(device, options.Window, state).RunAsync(stop.Token)).ToList();
        var result = await LoadResult.MeasureAsync(server.Address.ProcessId, endpoint.Description, state, running, options.Time, cancellationToken);
        await stop.CancelAsync();
        await Task.WhenAll(running);
        foreach (var device in devices)
            await device.DisposeAsync();
        return result;
    }
}
