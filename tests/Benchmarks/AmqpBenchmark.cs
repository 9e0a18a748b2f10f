using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record AmqpOptions(int Connections, int Devices, int Window, int BodyBytes, TimeSpan Duration, TimeSpan WarmUp);

/// <summary>Messages over AMQP as fast as the server accepts them: one device on each connection, or many on one.</summary>
internal static class AmqpBenchmark
{
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(30);

    public static async Task<string> RunAsync(TargetSet targets, AmqpOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(TargetSet.Homeport, options.Connections * options.Devices, cancellationToken);
        var endpoint = await server.ProbeAmqpAsync(cancellationToken);
        var latencies = new LatencyHistogram();
        var senders = new List<AmqpSender>();
        var idle = ProcessUsage.ResidentBytes(server.Address.ProcessId);
        try
        {
            foreach (var logins in server.Logins.Chunk(options.Devices))
                senders.Add(new AmqpSender(await endpoint.OpenAsync(cancellationToken), server.Address.Host, logins, options.BodyBytes, options.Window, latencies));
            var running = senders.Select(s => s.RunAsync(cancellationToken)).ToList();
            await await Task.WhenAny(Task.WhenAny(running).Unwrap(), Task.WhenAll(senders.Select(s => s.Opened)));
            await DelayAsync(options.WarmUp, running, cancellationToken);
            senders.ForEach(static s => s.Recording = true);
            var before = senders.Sum(static s => s.Acked);
            var window = new UsageWindow(server.Address.ProcessId);
            await DelayAsync(options.Duration, running, cancellationToken);
            var messages = senders.Sum(static s => s.Acked) - before;
            var usage = window.Close();
            var resident = ProcessUsage.ResidentBytes(server.Address.ProcessId);
            senders.ForEach(static s => s.Stop());
            await Task.WhenAll(running).WaitAsync(DrainTimeout, cancellationToken);
            return Report(options, new TelemetryResult(endpoint.Description, messages, latencies.Quantile(0.5), latencies.Quantile(0.99), usage, resident), resident - idle);
        }
        finally
        {
            foreach (var sender in senders)
                await sender.DisposeAsync();
        }
    }

    private static async Task DelayAsync(TimeSpan duration, List<Task> running, CancellationToken cancellationToken)
        => await await Task.WhenAny([.. running, Task.Delay(duration, cancellationToken)]);

    private static string Report(AmqpOptions options, TelemetryResult result, long grown)
    {
        var table = new MarkdownTable(
            "connections", "devices on each", "messages/s", "p50 ms", "p99 ms", "server CPU µs/message", "server cores", "generator CPU µs/message", "RSS grown by MB", "others' CPU");
        table.Add(
            $"{options.Connections}", $"{options.Devices}", $"{result.Rate:N0}", $"{result.P50.TotalMilliseconds:F2}", $"{result.P99.TotalMilliseconds:F2}",
            $"{result.ServerMicroseconds:F2}", $"{result.Usage.Server / result.Usage.Elapsed:F2}", $"{result.GeneratorMicroseconds:F2}", $"{grown / 1e6:F0}", $"{result.Usage.OtherShare:P0}");
        return $"{table}\n{result.Tls}. {Rounds.MachineLine()}";
    }
}
