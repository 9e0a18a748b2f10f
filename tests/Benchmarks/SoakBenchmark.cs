using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using Homeport.Device.Client;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Soak;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

/// <summary>How long, with how many devices, and how many messages a second each of them sends.</summary>
internal sealed record SoakOptions(TimeSpan Length, int Devices, int Rate);

/// <summary>Devices with queues behind proxies that cut them off again and again: nothing that was accepted may be missing, and nothing overtaken.</summary>
internal static class SoakBenchmark
{
    /// <summary>Runs and reports.</summary>
    /// <exception cref="InvalidOperationException">A message is missing or was overtaken.</exception>
    public static async Task<string> RunAsync(TargetSet targets, SoakOptions options, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("soak-");
        var devices = new List<SoakDevice>();
        try
        {
            await using var server = await targets.StartAsync(TargetSet.Homeport, 0, cancellationToken);
            using (var registry = new HomeportRegistry(server.Ready.ServiceConnectionString, server.Ready.HttpsPort, server.Address.Trusted))
            {
                for (var i = 0; i < options.Devices; i++)
                {
                    var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
                    await registry.CreateOneAsync($"soak-{i}", key, cancellationToken);
                    devices.Add(new SoakDevice($"soak-{i}", key, i % 2 == 0 ? TransportType.Mqtt_Tcp_Only : TransportType.Amqp_Tcp_Only, server, folder.FullName, i));
                }
            }

            using var memory = new MemoryWatch(options.Length);
            await Task.WhenAll(devices.Select(device => device.RunAsync(options.Length, options.Rate, cancellationToken)));
            return Judge(devices, await ReadAsync(server, cancellationToken)) + memory;
        }
        finally
        {
            foreach (var device in devices)
                await device.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }

    private static async Task<IReadOnlyDictionary<string, StoredNumbers>> ReadAsync(RunningServer server, CancellationToken cancellationToken)
    {
        var handler = new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = HomeportRegistry.TrustOnly(server.Address.Trusted) } };
        using var http = new HttpClient(handler) { BaseAddress = new Uri($"https://{server.Ready.Host}:{server.Ready.HttpsPort}/") };
        http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", HomeportRegistry.ServiceToken(server.Ready.ServiceConnectionString));
        return await StoredNumbers.ReadAsync(http, cancellationToken);
    }

    private static string Judge(List<SoakDevice> devices, IReadOnlyDictionary<string, StoredNumbers> stored)
    {
        var table = new MarkdownTable("device", "accepted", "stored", "missing", "overtaken", "repetitions", "cuts", "connections", "starts");
        var bad = 0;
        foreach (var device in devices)
        {
            var numbers = stored.GetValueOrDefault(device.Id) ?? new StoredNumbers();
            var missing = numbers.Missing(device.Accepted);
            bad += missing + numbers.Overtaken;
            table.Add($"{device.Id}, {device.Transport}", N(device.Accepted), N(numbers.Stored), N(missing), N(numbers.Overtaken), N(numbers.Repetitions), N(device.Cuts), N(device.Connections), N(device.Starts));
        }

        return bad == 0 ? table + "\n" : throw new InvalidOperationException($"{bad} messages are missing or were overtaken.\n{table}");
    }

    private static string N(int number) => number.ToString("n0", CultureInfo.InvariantCulture);

    /// <summary>Resident memory of this process, in which all devices are: after a tenth of the time, and at most after that.</summary>
    private sealed class MemoryWatch : IDisposable
    {
        private readonly ITimer _timer;
        private readonly long _settled;
        private long _first;
        private long _most;

        public MemoryWatch(TimeSpan length)
        {
            _settled = Environment.TickCount64 + (long)(length.TotalMilliseconds / 10);
            _timer = TimeProvider.System.CreateTimer(_ => Look(), null, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        }

        public void Dispose() => _timer.Dispose();

        public override string ToString() => string.Create(CultureInfo.InvariantCulture,
            $"\nResident memory of all devices: {_first / 1e6:f0} MB after a tenth of the time, at most {_most / 1e6:f0} MB after that, {Environment.WorkingSet / 1e6:f0} MB at the end.\n");

        private void Look()
        {
            if (Environment.TickCount64 < _settled)
                return;
            var now = Environment.WorkingSet;
            if (_first == 0)
                _first = now;
            _most = Math.Max(_most, now);
        }
    }
}
