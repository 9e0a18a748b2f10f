using Homeport.Tests.Benchmarks.Load;

namespace Homeport.Tests.Benchmarks.Measure;

/// <summary>One measured window of a load.</summary>
internal sealed record LoadResult(string Tls, long Operations, TimeSpan P50, TimeSpan P99, Usage Usage, long ResidentBytes)
{
    public double Rate => Operations / Usage.Elapsed.TotalSeconds;

    public double ServerMicroseconds => Usage.Server.TotalMicroseconds / Operations;

    public double GeneratorMicroseconds => Usage.Generator.TotalMicroseconds / Operations;

    /// <summary>Lets a load warm up and measures it.</summary>
    /// <param name="serverId">Process of the server.</param>
    /// <param name="tls">What was negotiated.</param>
    /// <param name="state">What the load counts in.</param>
    /// <param name="running">The load; a part of it that ends before the window does has failed.</param>
    /// <param name="options">How long.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    public static async Task<LoadResult> MeasureAsync(
        int serverId, string tls, LoadState state, IReadOnlyCollection<Task> running, WindowOptions options, CancellationToken cancellationToken)
    {
        await DelayAsync(options.WarmUp, running, cancellationToken);
        state.Recording = true;
        var before = state.Completed;
        var window = new UsageWindow(serverId);
        await DelayAsync(options.Duration, running, cancellationToken);
        var operations = state.Completed - before;
        var usage = window.Close();
        state.Recording = false;
        var resident = ProcessUsage.ResidentBytes(serverId);
        state.Stopping = true;
        return new LoadResult(tls, operations, state.Latencies.Quantile(0.5), state.Latencies.Quantile(0.99), usage, resident);
    }

    /// <summary>The table and what a reader must know.</summary>
    /// <param name="unit">What is counted, in the singular.</param>
    /// <param name="units">The same in the plural.</param>
    /// <param name="measured">All targets.</param>
    public static string Report(string unit, string units, IReadOnlyList<Measured<LoadResult>> measured)
    {
        var table = new MarkdownTable(
            "target", $"{units}/s", "min–max", "p50 ms", "p99 ms", $"server CPU µs/{unit}", "server cores", $"generator CPU µs/{unit}", "server RSS MB", "others' CPU");
        foreach (var (name, result, all) in measured)
        {
            table.Add(
                name, $"{result.Rate:N0}", $"{all.Min(static r => r.Rate):N0}–{all.Max(static r => r.Rate):N0}", $"{result.P50.TotalMilliseconds:F2}",
                $"{result.P99.TotalMilliseconds:F2}", $"{result.ServerMicroseconds:F2}", $"{result.Usage.Server / result.Usage.Elapsed:F2}",
                $"{result.GeneratorMicroseconds:F2}", $"{result.ResidentBytes / 1e6:F0}", $"{result.Usage.OtherShare:P0}");
        }

        return $"{table}\n{Rounds.TlsLine(measured.Select(static m => (m.Name, m.Median.Tls)))} {Rounds.MachineLine()}";
    }

    private static async Task DelayAsync(TimeSpan duration, IReadOnlyCollection<Task> running, CancellationToken cancellationToken)
    {
        var delay = Task.Delay(duration, cancellationToken);
        var ended = await Task.WhenAny([.. running, delay]);
        await ended;
        if (ended != delay)
            throw new InvalidOperationException("A part of the load ended by itself.");
    }
}

/// <summary>How long a load warms up and is measured, and how often.</summary>
internal sealed record WindowOptions(TimeSpan Duration, TimeSpan WarmUp, int Rounds);
