using System.Diagnostics;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record ConnectOptions(int Concurrency, TimeSpan Duration, TimeSpan WarmUp, int Rounds);

internal sealed record ConnectResult(string Tls, long Connects, TimeSpan P50, TimeSpan P99, Usage Usage)
{
    public double Rate => Connects / Usage.Elapsed.TotalSeconds;

    public double ServerMilliseconds => Usage.Server.TotalMilliseconds / Connects;

    public double GeneratorMilliseconds => Usage.Generator.TotalMilliseconds / Connects;
}

/// <summary>TCP connect, full TLS handshake (no resumption), CONNECT, CONNACK, DISCONNECT, close; over and over.</summary>
internal static class ConnectBenchmark
{
    /// <summary>Devices per worker, so that no CONNECT takes over a connection that the server is still closing.</summary>
    private const int DevicesPerWorker = 16;

    public static async Task<string> RunAsync(TargetSet targets, ConnectOptions options, CancellationToken cancellationToken)
    {
        var rounds = await Rounds.RunAsync(
            targets.Names, options.Rounds, name => MeasureAsync(targets, name, options, cancellationToken), static result => result.Rate, static result => result.Usage);
        return Report(rounds);
    }

    private static async Task<ConnectResult> MeasureAsync(TargetSet targets, string name, ConnectOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(name, options.Concurrency * DevicesPerWorker, cancellationToken);
        var endpoint = await server.ProbeAsync(cancellationToken);
        var state = new State();
        var workers = Task.WhenAll(server.Logins.Chunk(DevicesPerWorker).Select(
            logins => Task.Run(() => WorkAsync(endpoint, logins, state, cancellationToken), cancellationToken)));
        await Task.WhenAny(workers, Task.Delay(options.WarmUp, cancellationToken));
        var window = new UsageWindow(server.Address.ProcessId);
        var before = Volatile.Read(ref state.Connects);
        state.Recording = true;
        await Task.WhenAny(workers, Task.Delay(options.Duration, cancellationToken));
        var connects = Volatile.Read(ref state.Connects) - before;
        var usage = window.Close();
        state.Recording = false;
        state.Stopping = true;
        await workers;
        return new ConnectResult(endpoint.Description, connects, state.Latencies.Quantile(0.5), state.Latencies.Quantile(0.99), usage);
    }

    private static async Task WorkAsync(TlsEndpoint endpoint, DeviceLogin[] logins, State state, CancellationToken cancellationToken)
    {
        for (var i = 0; !state.Stopping; i = (i + 1) % logins.Length)
        {
            var start = Stopwatch.GetTimestamp();
            var stream = await MqttSession.OpenAsync(endpoint, logins[i], cancellationToken);
            var ticks = Stopwatch.GetTimestamp() - start;
            await MqttSession.CloseAsync(stream, cancellationToken);
            Interlocked.Increment(ref state.Connects);
            if (state.Recording)
                state.Latencies.Add(ticks, 1);
        }
    }

    private static string Report(IReadOnlyList<Measured<ConnectResult>> measured)
    {
        var table = new MarkdownTable(
            "target", "connects/s", "min–max", "p50 ms", "p99 ms", "server CPU ms/connect", "generator CPU ms/connect", "others' CPU");
        foreach (var (name, result, all) in measured)
        {
            table.Add(
                name, $"{result.Rate:N0}", $"{all.Min(static r => r.Rate):N0}–{all.Max(static r => r.Rate):N0}", $"{result.P50.TotalMilliseconds:F2}",
                $"{result.P99.TotalMilliseconds:F2}", $"{result.ServerMilliseconds:F2}", $"{result.GeneratorMilliseconds:F2}", $"{result.Usage.OtherShare:P0}");
        }

        var ratios = new MarkdownTable("ratio", "connects/s", "server CPU per connect");
        foreach (var (above, below) in Rounds.Pairs(measured))
        {
            ratios.Add(
                $"{above.Name} / {below.Name}", $"{above.Median.Rate / below.Median.Rate:F2}", $"{above.Median.ServerMilliseconds / below.Median.ServerMilliseconds:F2}");
        }

        return $"{table}\n{ratios}\n{Rounds.TlsLine(measured.Select(static m => (m.Name, m.Median.Tls)))} No session resumption. {Rounds.MachineLine()} "
            + "The generator costs more per connect than the servers and limits connects/s; the servers' CPU per connect is the result.";
    }

    private sealed class State
    {
        private volatile bool _recording;
        private volatile bool _stopping;

#pragma warning disable CA1051 // counted with Interlocked, which needs the field
        public long Connects;
#pragma warning restore CA1051

        public LatencyHistogram Latencies { get; } = new();

        public bool Recording
        {
            get => _recording;
            set => _recording = value;
        }

        public bool Stopping
        {
            get => _stopping;
            set => _stopping = value;
        }
    }
}
