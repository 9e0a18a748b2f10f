using System.Net.Security;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record TelemetryOptions(int Connections, int Window, int BodyBytes, int Properties, TimeSpan Duration, TimeSpan WarmUp, int Rounds);

internal sealed record TelemetryResult(string Tls, long Messages, TimeSpan P50, TimeSpan P99, Usage Usage, long ResidentBytes)
{
    public double Rate => Messages / Usage.Elapsed.TotalSeconds;

    public double ServerMicroseconds => Usage.Server.TotalMicroseconds / Messages;

    public double GeneratorMicroseconds => Usage.Generator.TotalMicroseconds / Messages;
}

/// <summary>QoS 1 publishes as fast as the server acknowledges them, with a fixed window per connection.</summary>
internal static class TelemetryBenchmark
{
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(30);

    public static async Task<string> RunAsync(TargetSet targets, TelemetryOptions options, CancellationToken cancellationToken)
    {
        var rounds = await Rounds.RunAsync(
            targets.Names, options.Rounds, name => MeasureAsync(targets, name, options, cancellationToken), static result => result.Rate,
            static result => result.Usage);
        return Report(rounds);
    }

    private static async Task<TelemetryResult> MeasureAsync(TargetSet targets, string name, TelemetryOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(name, options.Connections, cancellationToken);
        var endpoint = await server.ProbeAsync(cancellationToken);
        var latencies = new LatencyHistogram();
        var publishers = new List<Publisher>();
        try
        {
            foreach (var login in server.Logins)
                publishers.Add(await OpenAsync(endpoint, login, options, latencies, cancellationToken));

            var running = publishers.Select(publisher => publisher.RunAsync(cancellationToken)).ToList();
            var result = await MeasureAsync(server, endpoint, publishers, running, latencies, options, cancellationToken);
            publishers.ForEach(static publisher => publisher.Stop());
            await Task.WhenAll(running).WaitAsync(DrainTimeout, cancellationToken);
            return result;
        }
        finally
        {
            foreach (var publisher in publishers)
                await publisher.DisposeAsync();
        }
    }

    private static async Task<TelemetryResult> MeasureAsync(
        RunningServer server, TlsEndpoint endpoint, List<Publisher> publishers, List<Task> running,
        LatencyHistogram latencies, TelemetryOptions options, CancellationToken cancellationToken)
    {
        await DelayAsync(options.WarmUp, running, cancellationToken);
        publishers.ForEach(static publisher => publisher.Recording = true);
        var before = publishers.Sum(static publisher => publisher.Acked);
        var window = new UsageWindow(server.Address.ProcessId);
        await DelayAsync(options.Duration, running, cancellationToken);
        var messages = publishers.Sum(static publisher => publisher.Acked) - before;
        var usage = window.Close();
        publishers.ForEach(static publisher => publisher.Recording = false);
        var resident = ProcessUsage.ResidentBytes(server.Address.ProcessId);
        return new TelemetryResult(endpoint.Description, messages, latencies.Quantile(0.5), latencies.Quantile(0.99), usage, resident);
    }

    /// <summary>Waits; a connection that ends meanwhile has failed, and its exception ends the run.</summary>
    private static async Task DelayAsync(TimeSpan duration, List<Task> running, CancellationToken cancellationToken)
    {
        var ended = await Task.WhenAny([.. running, Task.Delay(duration, cancellationToken)]);
        await ended;
    }

    private static async Task<Publisher> OpenAsync(
        TlsEndpoint endpoint, DeviceLogin login, TelemetryOptions options, LatencyHistogram latencies, CancellationToken cancellationToken)
    {
        SslStream stream = await MqttSession.OpenAsync(endpoint, login, cancellationToken);
        var body = new byte[options.BodyBytes];
        new Random(login.ClientId.Length).NextBytes(body);
        var bag = string.Join('&', Enumerable.Range(1, options.Properties).Select(static i => $"property{i}=value{i}"));
        return new Publisher(stream, MqttPackets.Publish(login.TelemetryTopic + bag, body), options.Window, latencies);
    }

    private static string Report(IReadOnlyList<Measured<TelemetryResult>> measured)
    {
        var table = new MarkdownTable(
            "target", "messages/s", "min–max", "p50 ms", "p99 ms", "server CPU µs/message", "server cores", "generator CPU µs/message", "server RSS MB", "others' CPU");
        foreach (var (name, result, all) in measured)
        {
            table.Add(
                name, $"{result.Rate:N0}", $"{all.Min(static r => r.Rate):N0}–{all.Max(static r => r.Rate):N0}", $"{result.P50.TotalMilliseconds:F2}",
                $"{result.P99.TotalMilliseconds:F2}", $"{result.ServerMicroseconds:F2}", $"{result.Usage.Server / result.Usage.Elapsed:F2}",
                $"{result.GeneratorMicroseconds:F2}", $"{result.ResidentBytes / 1e6:F0}", $"{result.Usage.OtherShare:P0}");
        }

        var ratios = new MarkdownTable("ratio", "messages/s", "server CPU per message");
        foreach (var (above, below) in Rounds.Pairs(measured))
        {
            ratios.Add(
                $"{above.Name} / {below.Name}", $"{above.Median.Rate / below.Median.Rate:F2}", $"{above.Median.ServerMicroseconds / below.Median.ServerMicroseconds:F2}");
        }

        return $"{table}\n{ratios}\n{Rounds.TlsLine(measured.Select(static m => (m.Name, m.Median.Tls)))} {Rounds.MachineLine()} "
            + "The load is a closed loop: latency at saturation is in-flight messages divided by messages/s. "
            + "mosquitto sends every PUBACK in a TLS record of its own, which is why the generator costs more there.";
    }
}
