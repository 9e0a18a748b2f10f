using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

/// <summary>What is opened.</summary>
/// <param name="Links">Devices with a link each on one connection.</param>
/// <param name="Connections">Such connections.</param>
/// <param name="Settle">Time between a change and a reading.</param>
internal sealed record LinksOptions(int Links, int Connections, TimeSpan Settle);

/// <summary>Resident memory that silent AMQP links cost the server, each of a device of its own: with its token, and all that is kept of it.</summary>
internal static class LinksBenchmark
{
    public static async Task<string> RunAsync(TargetSet targets, LinksOptions options, CancellationToken cancellationToken)
    {
        // One connection more comes first, so that what the first links load and grow is not counted.
        await using var server = await targets.StartAsync(TargetSet.Homeport, (options.Connections + 1) * options.Links, cancellationToken);
        var endpoint = await server.ProbeAmqpAsync(cancellationToken);
        var senders = new List<AmqpSender>();
        var running = new List<Task>();
        try
        {
            var before = 0L;
            foreach (var logins in server.Logins.Chunk(options.Links))
            {
                var sender = new AmqpSender(await endpoint.OpenAsync(cancellationToken), AmqpBenchmark.DeviceManners(server.Address.Host), logins, 1, 0, new LatencyHistogram());
                senders.Add(sender);
                running.Add(sender.RunAsync(cancellationToken));
                await await Task.WhenAny(running[^1], sender.Opened);
                if (senders.Count > 1)
                    continue;
                await Task.Delay(options.Settle, cancellationToken);
                before = ProcessUsage.ResidentBytes(server.Address.ProcessId);
            }
            await Task.Delay(options.Settle, cancellationToken);
            var open = ProcessUsage.ResidentBytes(server.Address.ProcessId);
            var table = new MarkdownTable("links on a connection", "connections", "RSS before MB", "RSS open MB", "KB/link");
            var links = (double)options.Links * options.Connections;
            table.Add($"{options.Links:N0}", $"{options.Connections}", $"{before / 1e6:F1}", $"{open / 1e6:F1}", $"{(open - before) / 1e3 / links:F2}");
            return $"{table}\nEach link is of a device of its own, with its token. 1 KB = 1000 bytes; the connections are in it.";
        }
        finally
        {
            foreach (var sender in senders)
                await sender.DisposeAsync();
            // Each ends with its stream.
            await Task.WhenAll(running).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }
}
