using System.Globalization;
using System.Text;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Queue;
using Homeport.Tests.Benchmarks.Targets;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Benchmarks.Soak;

/// <summary>
/// A device with a queue behind a proxy that cuts it off at random and lets nobody in for some time; its token lives for seconds, and now and then it is
/// stopped and started. It numbers what it sends.
/// </summary>
internal sealed class SoakDevice(string id, string key, TransportType transport, RunningServer server, string folder, int seed) : IAsyncDisposable
{
    private const int BatchesPerSecond = 10;
    private static readonly TimeSpan FlushLimit = TimeSpan.FromMinutes(3);

    private readonly CuttingProxy _proxy = new(transport == TransportType.Mqtt_Tcp_Only ? server.Ready.MqttPort : server.Ready.AmqpPort);
    private int _connections;

    public string Id => id;

    public TransportType Transport => transport;

    /// <summary>Messages that the client accepted; their numbers are 0 and on.</summary>
    public int Accepted { get; private set; }

    public int Cuts { get; private set; }

    public int Starts { get; private set; }

    public int Connections => _connections;

    public ValueTask DisposeAsync() => _proxy.DisposeAsync();

    /// <summary>Sends so many messages a second for a time, then waits until the hub has everything.</summary>
    public async Task RunAsync(TimeSpan length, int rate, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        over.CancelAfter(length);
        var cutting = CutAsync(new Random(seed), over.Token);
        var random = new Random(seed + 1);
        while (!over.IsCancellationRequested)
        {
            using var life = CancellationTokenSource.CreateLinkedTokenSource(over.Token);
            life.CancelAfter(TimeSpan.FromSeconds(random.Next(10, 60)));
            await using var client = Start();
            await SendAsync(client, Math.Max(1, rate / BatchesPerSecond), life.Token);
        }

        await cutting;
        cancellationToken.ThrowIfCancellationRequested();
        await using var last = Start();
        await last.FlushAsync(cancellationToken).WaitAsync(FlushLimit, cancellationToken);
    }

    private DeviceClient Start()
    {
        Starts++;
        var options = new DeviceClientOptions
        {
            MqttPort = _proxy.Port,
            AmqpPort = _proxy.Port,
            HttpsPort = server.Ready.HttpsPort,
            Trust = ServerTrust.From(() => [server.Address.Trusted], useSystem: false),
            SasTokenTimeToLive = TimeSpan.FromSeconds(20),
            Queue = new OutgoingQueueOptions(Path.Combine(folder, id + ".db")),
        };
        var client = DeviceClient.CreateFromConnectionString($"HostName={server.Ready.Host};DeviceId={id};SharedAccessKey={key}", transport, options);
        client.SetConnectionStatusChangesHandler((status, _) =>
        {
            if (status == ConnectionStatus.Connected)
                Interlocked.Increment(ref _connections);
        });
        return client;
    }

    private async Task SendAsync(DeviceClient client, int batch, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / BatchesPerSecond));
        try
        {
            do
            {
                await client.SendEventBatchAsync(Enumerable.Range(Accepted, batch).Select(Text), CancellationToken.None);
                Accepted += batch;
            }
            while (await timer.WaitForNextTickAsync(cancellationToken));
        }
        catch (OperationCanceledException)
        {
            // Stopped, with what is in the queue.
        }
    }

    private async Task CutAsync(Random random, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(0.5 + (random.NextDouble() * 12)), cancellationToken);
                _proxy.Refuses = random.Next(3) == 0;
                _proxy.Cut();
                Cuts++;
                if (_proxy.Refuses)
                    await Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * 8), cancellationToken);
                _proxy.Refuses = false;
            }
        }
        catch (OperationCanceledException)
        {
            _proxy.Refuses = false;
        }
    }

    private static Message Text(int number) => new(Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
}
