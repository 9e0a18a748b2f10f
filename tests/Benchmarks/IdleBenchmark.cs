using System.Net.Security;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record IdleOptions(int Connections, TimeSpan Settle, TimeSpan Trim);

/// <summary>Resident memory that open but silent connections cost the server.</summary>
internal static class IdleBenchmark
{
    /// <summary>Opened and closed before the first reading, so that code loaded by the first connections is not counted.</summary>
    private const int WarmUpConnections = 100;
    private const int Parallel = 8;

    public static async Task<string> RunAsync(TargetSet targets, IdleOptions options, CancellationToken cancellationToken)
    {
        var table = new MarkdownTable(
            "target", "RSS before MB", "RSS open MB", $"RSS after {options.Trim.TotalSeconds:F0} s MB", "KB/connection", "KB/connection later", "RSS closed MB");
        var results = new List<(string Name, Reading Reading)>();
        foreach (var name in targets.Names)
        {
            await Console.Error.WriteLineAsync(name);
            var reading = await MeasureAsync(targets, name, options, cancellationToken);
            results.Add((name, reading));
            table.Add(
                name, $"{reading.Before / 1e6:F1}", $"{reading.Open / 1e6:F1}", $"{reading.Later / 1e6:F1}", $"{reading.OpenPerConnection(options):F1}",
                $"{reading.LaterPerConnection(options):F1}", $"{reading.Closed / 1e6:F1}");
        }

        var ratios = new MarkdownTable("ratio", "KB/connection", "KB/connection later");
        for (var i = 0; i < results.Count; i++)
        {
            foreach (var (name, below) in results[(i + 1)..])
            {
                var above = results[i].Reading;
                ratios.Add(
                    $"{results[i].Name} / {name}", $"{above.OpenPerConnection(options) / below.OpenPerConnection(options):F2}",
                    $"{above.LaterPerConnection(options) / below.LaterPerConnection(options):F2}");
            }
        }

        return $"{table}\n{ratios}\n{options.Connections} connections, TLS 1.3; 1 KB = 1000 bytes; kernel socket memory is not in RSS. "
            + Rounds.TlsLine(results.Select(static r => (r.Name, r.Reading.Tls)));
    }

    private static async Task<Reading> MeasureAsync(TargetSet targets, string name, IdleOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(name, Math.Max(options.Connections, WarmUpConnections), cancellationToken);
        var endpoint = await server.ProbeAsync(cancellationToken);
        await CloseAsync(await OpenAsync(endpoint, server.Logins.Take(WarmUpConnections), cancellationToken), cancellationToken);
        await Task.Delay(options.Settle, cancellationToken);
        var before = ProcessUsage.ResidentBytes(server.Address.ProcessId);

        var streams = await OpenAsync(endpoint, server.Logins.Take(options.Connections), cancellationToken);
        await Task.Delay(options.Settle, cancellationToken);
        var open = ProcessUsage.ResidentBytes(server.Address.ProcessId);
        await Task.Delay(options.Trim, cancellationToken);
        var later = ProcessUsage.ResidentBytes(server.Address.ProcessId);

        // Each connection answers a PINGREQ first: memory of connections that were lost is not what was asked for.
        await CloseAsync(streams, cancellationToken);
        await Task.Delay(options.Settle, cancellationToken);
        return new Reading(endpoint.Description, before, open, later, ProcessUsage.ResidentBytes(server.Address.ProcessId));
    }

    private static async Task<SslStream[]> OpenAsync(TlsEndpoint endpoint, IEnumerable<DeviceLogin> logins, CancellationToken cancellationToken)
    {
        var all = logins.ToArray();
        var streams = new SslStream[all.Length];
        await System.Threading.Tasks.Parallel.ForAsync(
            0, all.Length, new ParallelOptions { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellationToken },
            async (i, token) => streams[i] = await MqttSession.OpenAsync(endpoint, all[i], token));
        return streams;
    }

    private static async Task CloseAsync(SslStream[] streams, CancellationToken cancellationToken)
    {
        foreach (var stream in streams)
        {
            await MqttSession.PingAsync(stream, cancellationToken);
            await MqttSession.CloseAsync(stream, cancellationToken);
        }
    }

    private sealed record Reading(string Tls, long Before, long Open, long Later, long Closed)
    {
        public double OpenPerConnection(IdleOptions options) => (Open - Before) / 1e3 / options.Connections;

        public double LaterPerConnection(IdleOptions options) => (Later - Before) / 1e3 / options.Connections;
    }
}
