using System.Diagnostics;
using System.Net.Sockets;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

/// <summary>Time from the start of the process to the first CONNECT that it accepts.</summary>
internal static class StartupBenchmark
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(2);

    public static async Task<string> RunAsync(string serverDll, int runs, CancellationToken cancellationToken)
    {
        var first = new List<Start>();
        var later = new List<Start>();
        for (var run = 1; run <= runs; run++)
        {
            await Console.Error.WriteLineAsync($"run {run} of {runs}");
            var directory = Directory.CreateTempSubdirectory("homeport-bench-");
            try
            {
                await MeasurePairAsync(serverDll, directory.FullName, first, later, cancellationToken);
            }
            finally
            {
                directory.Delete(recursive: true);
            }
        }

        var table = new MarkdownTable("start", "to ready file ms", "to accepted CONNECT ms", "min–max", "server CPU ms", "RSS MB");
        AddRow(table, "first, empty data directory", first);
        AddRow(table, "later, same data directory", later);
        return $"{table}\nMedian of {runs} runs. The first start's CONNECT waits for a device to be created through the registry; the later one's does not.";
    }

    private static async Task MeasurePairAsync(string serverDll, string directory, List<Start> first, List<Start> later, CancellationToken cancellationToken)
    {
        var ports = HomeportPorts.Free();
        TlsEndpoint endpoint;
        DeviceLogin login;
        var start = Stopwatch.GetTimestamp();
        await using (var process = HomeportServer.Launch(serverDll, ports, directory, out var readyFile))
        {
            var ready = await WaitForReadyAsync(process, readyFile, cancellationToken);
            var readyAfter = Stopwatch.GetElapsedTime(start);
            login = (await HomeportServer.CreateDevicesAsync(ready, 1, cancellationToken))[0];
            var address = ready.Address();
            endpoint = await TlsEndpoint.ValidatingAsync(address.Host, address.Port, address.Trusted, cancellationToken);
            first.Add(await ConnectAsync(process, endpoint, login, start, readyAfter, cancellationToken));
        }

        File.Delete(Path.Combine(directory, HomeportServer.ReadyFileName));
        start = Stopwatch.GetTimestamp();
        await using (var process = HomeportServer.Launch(serverDll, ports, directory, out var readyFile))
        {
            var connecting = ConnectAsync(process, endpoint, login, start, TimeSpan.Zero, cancellationToken);
            await WaitForReadyAsync(process, readyFile, cancellationToken);
            var readyAfter = Stopwatch.GetElapsedTime(start);
            later.Add(await connecting with { Ready = readyAfter });
        }
    }

    private static Task<ReadyFile> WaitForReadyAsync(ServerProcess process, string readyFile, CancellationToken cancellationToken) =>
        process.WaitForAsync("ready file", HomeportServer.StartTimeout, () => ReadyFile.TryReadAsync(readyFile, cancellationToken), cancellationToken);

    private static async Task<Start> ConnectAsync(
        ServerProcess process, TlsEndpoint endpoint, DeviceLogin login, long start, TimeSpan readyAfter, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var stream = await MqttSession.OpenAsync(endpoint, login, cancellationToken);
                var result = new Start(readyAfter, Stopwatch.GetElapsedTime(start), ProcessUsage.CpuTime(process.Id), ProcessUsage.ResidentBytes(process.Id));
                await MqttSession.CloseAsync(stream, cancellationToken);
                return result;
            }
            catch (Exception e) when (e is SocketException or IOException && Stopwatch.GetElapsedTime(start) < HomeportServer.StartTimeout)
            {
                await Task.Delay(RetryDelay, cancellationToken);
            }
        }
    }

    private static void AddRow(MarkdownTable table, string name, List<Start> starts)
    {
        var connects = starts.Select(static s => s.Connected.TotalMilliseconds).Order().ToList();
        table.Add(
            name, $"{Median(starts.Select(static s => s.Ready.TotalMilliseconds)):F0}", $"{Median(connects):F0}", $"{connects[0]:F0}–{connects[^1]:F0}",
            $"{Median(starts.Select(static s => s.Cpu.TotalMilliseconds)):F0}", $"{Median(starts.Select(static s => s.ResidentBytes / 1e6)):F0}");
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[(sorted.Count - 1) / 2];
    }

    private sealed record Start(TimeSpan Ready, TimeSpan Connected, TimeSpan Cpu, long ResidentBytes);
}
