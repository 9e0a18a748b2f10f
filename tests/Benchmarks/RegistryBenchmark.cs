using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Text;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record RegistryOptions(int Callers, int Elements, WindowOptions Time);

/// <summary>Devices created in bulk over REST; the registry makes their keys. The latency is that of a whole call.</summary>
internal static class RegistryBenchmark
{
    private const int Ok = 200;
    private const string Placeholder = "bulk-0000000000";
    private const int Digits = 10;

    public static async Task<string> RunAsync(TargetSet targets, RegistryOptions options, CancellationToken cancellationToken)
    {
        var measured = await Rounds.RunAsync(
            [TargetSet.Homeport], options.Time.Rounds, name => MeasureAsync(targets, name, options, cancellationToken), static r => r.Rate, static r => r.Usage);
        return LoadResult.Report("device", "devices", measured);
    }

    private static async Task<LoadResult> MeasureAsync(TargetSet targets, string name, RegistryOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(name, devices: 1, cancellationToken);
        var endpoint = await server.ProbeHttpsAsync(cancellationToken);
        var element = $$$"""{"id":"{{{Placeholder}}}","importMode":"create","status":"enabled","authentication":{"type":"sas"}}""";
        var body = Encoding.UTF8.GetBytes($"[{string.Join(',', Enumerable.Repeat(element, options.Elements))}]");
        var post = server.Requests().Post("/devices", "application/json; charset=utf-8", body);
        var state = new LoadState();
        var calling = Enumerable.Range(0, options.Callers).Select(i => CallAsync(endpoint, [.. post], i, state, options, cancellationToken)).ToList();
        var result = await LoadResult.MeasureAsync(server.Address.ProcessId, endpoint.Description, state, calling, options.Time, cancellationToken);
        await Task.WhenAll(calling);
        return result;
    }

    private static async Task CallAsync(TlsEndpoint endpoint, byte[] post, int index, LoadState state, RegistryOptions options, CancellationToken cancellationToken)
    {
        await using var caller = new HttpCaller(await endpoint.OpenAsync(cancellationToken));
        var prefix = Encoding.UTF8.GetBytes(Placeholder)[..^Digits];
        var offsets = new List<int>();
        for (var at = post.AsSpan().IndexOf(prefix); offsets.Count < options.Elements; at += prefix.Length + post.AsSpan(at + prefix.Length).IndexOf(prefix))
            offsets.Add(at + prefix.Length);

        // Callers stay out of each other's way.
        var number = index * 100_000_000L;
        while (!state.Stopping)
        {
            foreach (var offset in offsets)
                Utf8Formatter.TryFormat(number++, post.AsSpan(offset), out _, new StandardFormat('D', Digits));

            var start = Stopwatch.GetTimestamp();
            await caller.CallAsync(post, Ok, cancellationToken);
            state.Complete(start);
            state.Complete(options.Elements - 1);
        }
    }
}
