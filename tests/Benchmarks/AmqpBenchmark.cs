using System.Text;
using Homeport.Amqp.Sasl;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

/// <summary>What is sent to which servers.</summary>
/// <param name="Connections">Connections.</param>
/// <param name="Devices">Senders on each connection.</param>
/// <param name="Window">Messages of a sender on the way.</param>
/// <param name="BodyBytes">Bytes of a message.</param>
/// <param name="RabbitMq">What starts RabbitMQ; empty leaves it out.</param>
/// <param name="Time">How long.</param>
internal sealed record AmqpOptions(int Connections, int Devices, int Window, int BodyBytes, string RabbitMq, WindowOptions Time);

/// <summary>Messages over AMQP as fast as the server accepts them, durably: one device on each connection, or many on one.</summary>
internal static class AmqpBenchmark
{
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(30);

    public static async Task<string> RunAsync(TargetSet targets, AmqpOptions options, CancellationToken cancellationToken)
    {
        string[] names = options.RabbitMq.Length == 0 ? [TargetSet.Homeport] : [TargetSet.Homeport, TargetSet.RabbitMq];
        var measured = await Rounds.RunAsync(
            names, options.Time.Rounds, name => MeasureAsync(targets, name, options, cancellationToken), static r => r.Rate, static r => r.Usage);
        return $"{options.Connections} connections with {options.Devices} senders on each, {options.Window} messages of {options.BodyBytes} bytes on the way for each, all durable.\n\n"
            + LoadResult.Report("message", "messages", measured);
    }

    /// <summary>How Homeport's devices send: a token for each.</summary>
    public static AmqpManners DeviceManners(string host) => new(host, null, static (_, login) => $"/devices/{login.ClientId}/messages/events");

    private static async Task<LoadResult> MeasureAsync(TargetSet targets, string name, AmqpOptions options, CancellationToken cancellationToken)
    {
        var isRabbitMq = name == TargetSet.RabbitMq;
        var count = options.Connections * options.Devices;
        await using var server = isRabbitMq
            ? await targets.StartRabbitMqAsync(options.RabbitMq, count, cancellationToken)
            : await targets.StartAsync(name, count, cancellationToken);
        var endpoint = await server.ProbeAmqpAsync(cancellationToken);
        var latencies = new LatencyHistogram();
        var senders = new List<AmqpSender>();
        try
        {
            foreach (var logins in server.Logins.Chunk(options.Devices))
            {
                var manners = isRabbitMq ? QueueManners(server.Address.Host, senders.Count) : DeviceManners(server.Address.Host);
                senders.Add(new AmqpSender(await endpoint.OpenAsync(cancellationToken), manners, logins, options.BodyBytes, options.Window, latencies));
            }
            var running = senders.Select(s => s.RunAsync(cancellationToken)).ToList();
            await await Task.WhenAny(Task.WhenAny(running).Unwrap(), Task.WhenAll(senders.Select(s => s.Opened)));
            await DelayAsync(options.Time.WarmUp, running, cancellationToken);
            senders.ForEach(static s => s.Recording = true);
            var before = senders.Sum(static s => s.Acked);
            var window = new UsageWindow(server.Address.ProcessId);
            await DelayAsync(options.Time.Duration, running, cancellationToken);
            var messages = senders.Sum(static s => s.Acked) - before;
            var usage = window.Close();
            var resident = ProcessUsage.ResidentBytes(server.Address.ProcessId);
            senders.ForEach(static s => s.Stop());
            await Task.WhenAll(running).WaitAsync(DrainTimeout, cancellationToken);
            return new LoadResult(endpoint.Description, messages, latencies.Quantile(0.5), latencies.Quantile(0.99), usage, resident);
        }
        finally
        {
            foreach (var sender in senders)
                await sender.DisposeAsync();
        }
    }

    private static async Task DelayAsync(TimeSpan duration, List<Task> running, CancellationToken cancellationToken)
        => await await Task.WhenAny([.. running, Task.Delay(duration, cancellationToken)]);

    private static AmqpManners QueueManners(string host, int connection) => new(
        host, new SaslInit("PLAIN", Encoding.UTF8.GetBytes($"\0{RabbitMqServer.User}\0{RabbitMqServer.Password}"), host), (number, _) => RabbitMqServer.AddressOf(connection + number));
}
