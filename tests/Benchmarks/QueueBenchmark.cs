using System.Diagnostics;
using System.Globalization;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Queue;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

/// <summary>What the queue has to take.</summary>
/// <param name="Messages">To accept and to drain.</param>
/// <param name="Batch">Per call.</param>
/// <param name="Callers">At a time.</param>
/// <param name="Body">Bytes per message.</param>
internal sealed record QueueOptions(int Messages, int Batch, int Callers, int Body);

/// <summary>The durable queue of our device client: accepts messages while there is no hub, then hands them to one.</summary>
internal static class QueueBenchmark
{
    public static async Task<string> RunAsync(TargetSet targets, QueueOptions options, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("queue-bench-");
        try
        {
            var queue = new OutgoingQueueOptions(Path.Combine(directory.FullName, "queue.db")) { MaxBytes = long.MaxValue, MaxMessages = long.MaxValue };
            var table = new MarkdownTable("what", "messages", "seconds", "messages/s", "device RSS before MB", "device RSS at most MB", "queue file MB");
            table.Add(await AcceptAsync(queue, options, cancellationToken));
            table.Add(await DrainAsync(targets, queue, options, cancellationToken));
            return table.ToString();
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task<string[]> AcceptAsync(OutgoingQueueOptions queue, QueueOptions options, CancellationToken cancellationToken)
    {
        var method = AuthenticationMethodFactory.CreateAuthenticationWithToken("offline", "none");
        await using var client = DeviceClient.Create("localhost", method, TransportType.Mqtt_Tcp_Only, new DeviceClientOptions { MqttPort = 1, HttpsPort = 1, Queue = queue });
        var body = new byte[options.Body];
        return await MeasureAsync("accepted durably", options.Messages, queue, () => Task.WhenAll(Enumerable.Range(0, options.Callers).Select(async _ =>
        {
            for (var left = options.Messages / options.Callers; left > 0; left -= options.Batch)
                await client.SendEventBatchAsync(Enumerable.Range(0, Math.Min(left, options.Batch)).Select(_ => new Message(body)), cancellationToken);
        })));
    }

    private static async Task<string[]> DrainAsync(TargetSet targets, OutgoingQueueOptions queue, QueueOptions options, CancellationToken cancellationToken)
    {
        await using var server = await targets.StartAsync(TargetSet.Homeport, 1, cancellationToken);
        var login = server.Logins[0];
        var trust = ServerTrust.From(() => [server.Address.Trusted], useSystem: false);
        return await MeasureAsync("drained to homeport", options.Messages, queue, async () =>
        {
            await using var client = DeviceClient.Create(
                server.Address.Host,
                AuthenticationMethodFactory.CreateAuthenticationWithToken(login.ClientId, login.Password),
                TransportType.Mqtt_Tcp_Only,
                new DeviceClientOptions { MqttPort = server.Address.Port, Trust = trust, Queue = queue });
            await client.FlushAsync(cancellationToken);
        });
    }

    private static async Task<string[]> MeasureAsync(string what, int messages, OutgoingQueueOptions queue, Func<Task> work)
    {
        GC.Collect();
        var before = Environment.WorkingSet;
        var most = before;
        using var sampling = new CancellationTokenSource();
        var sampler = Task.Run(async () =>
        {
            while (!sampling.IsCancellationRequested)
            {
                most = Math.Max(most, Environment.WorkingSet);
                await Task.Delay(100);
            }
        });
        var watch = Stopwatch.StartNew();
        await work();
        watch.Stop();
        await sampling.CancelAsync();
        await sampler;
        static string Megabytes(long bytes) => (bytes / 1e6).ToString("f0", CultureInfo.InvariantCulture);
        return
        [
            what,
            messages.ToString("n0", CultureInfo.InvariantCulture),
            watch.Elapsed.TotalSeconds.ToString("f1", CultureInfo.InvariantCulture),
            (messages / watch.Elapsed.TotalSeconds).ToString("n0", CultureInfo.InvariantCulture),
            Megabytes(before),
            Megabytes(most),
            Megabytes(new FileInfo(queue.Path).Length),
        ];
    }
}
