using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

internal sealed record EventsOptions(int Messages, int Body, int Stalled);

/// <summary>Fills the log over MQTT, then reads all of it over AMQP, one connection for each partition; again beside readers that stopped reading.</summary>
internal static class EventsBenchmark
{
    private const int Connections = 100;
    private const int Partitions = 4;

    public static async Task<string> RunAsync(TargetSet targets, EventsOptions options, CancellationToken cancellationToken)
    {
        var table = new MarkdownTable("readers", "messages", "messages/s", "server CPU µs/message", "server cores", "reader CPU µs/message", "server RSS MB");
        await using var server = await targets.StartAsync("homeport", Connections, cancellationToken);
        await FillAsync(server, options, cancellationToken);
        var counts = await CountAsync(server, cancellationToken);
        // The first pass warms the runtime up and is not shown.
        await DrainAsync(server, counts, cancellationToken);
        table.Add(["4, one for each partition", .. await DrainAsync(server, counts, cancellationToken)]);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var stalled = new List<EventReader>();
        for (var i = 0; i < options.Stalled; i++)
            stalled.Add(await OpenAsync(server, i % Partitions, cancellationToken));
        var stalling = stalled.Select(r => r.RunAsync(long.MaxValue, stalls: true, stop.Token)).ToList();
        while (stalled.Any(r => r.Received == 0))
            await Task.Delay(50, cancellationToken);
        table.Add([$"the same, beside {options.Stalled} that stopped reading", .. await DrainAsync(server, counts, cancellationToken)]);
        await stop.CancelAsync();
        await Task.WhenAll(stalling).ContinueWith(_ => { }, cancellationToken, TaskContinuationOptions.None, TaskScheduler.Default);
        foreach (var reader in stalled)
            await reader.DisposeAsync();
        return $"{table}\n{Rounds.MachineLine()}";
    }

    private static async Task FillAsync(RunningServer server, EventsOptions options, CancellationToken cancellationToken)
    {
        var endpoint = await server.ProbeAsync(cancellationToken);
        var latencies = new LatencyHistogram();
        var publishers = new List<Publisher>();
        foreach (var login in server.Logins)
            publishers.Add(new Publisher(await MqttSession.OpenAsync(endpoint, login, cancellationToken), MqttPackets.Publish(login.TelemetryTopic, new byte[options.Body]), 64, latencies));
        var running = publishers.Select(p => p.RunAsync(cancellationToken)).ToList();
        while (publishers.Sum(p => p.Acked) < options.Messages)
            await Task.Delay(20, cancellationToken);
        publishers.ForEach(p => p.Stop());
        await Task.WhenAll(running);
        foreach (var publisher in publishers)
            await publisher.DisposeAsync();
    }

    /// <summary>Messages of each partition.</summary>
    private static async Task<long[]> CountAsync(RunningServer server, CancellationToken cancellationToken)
    {
        using var registry = new HomeportRegistry(server.Ready.ServiceConnectionString, server.Ready.HttpsPort, server.Address.Trusted);
        return await registry.CountMessagesAsync(Partitions, cancellationToken);
    }

    private static async Task<string[]> DrainAsync(RunningServer server, long[] counts, CancellationToken cancellationToken)
    {
        var readers = new List<(EventReader Reader, long Count)>();
        for (var partition = 0; partition < Partitions; partition++)
            readers.Add((await OpenAsync(server, partition, cancellationToken), counts[partition]));
        var window = new UsageWindow(server.Address.ProcessId);
        await Task.WhenAll(readers.Select(r => Task.Run(() => r.Reader.RunAsync(r.Count, stalls: false, cancellationToken), cancellationToken)));
        var usage = window.Close();
        var resident = ProcessUsage.ResidentBytes(server.Address.ProcessId);
        foreach (var (reader, _) in readers)
            await reader.DisposeAsync();
        var messages = counts.Sum();
        return
        [
            $"{messages:N0}", $"{messages / usage.Elapsed.TotalSeconds:N0}", $"{usage.Server.TotalMicroseconds / messages:F2}", $"{usage.Server / usage.Elapsed:F2}",
            $"{usage.Generator.TotalMicroseconds / messages:F2}", $"{resident / 1e6:F0}",
        ];
    }

    private static async Task<EventReader> OpenAsync(RunningServer server, int partition, CancellationToken cancellationToken)
    {
        var endpoint = await TlsEndpoint.ProbeAsync(server.Address.Host, server.Ready.AmqpPort, server.Address.Trusted, cancellationToken);
        return new EventReader(
            await endpoint.OpenAsync(cancellationToken), server.Address.Host, $"iothubowner@sas.root.{server.Address.Host}",
            HomeportRegistry.ServiceToken(server.Ready.ServiceConnectionString), $"hub1/ConsumerGroups/$Default/Partitions/{partition}");
    }
}
