using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

/// <summary>The device agent on a software TPM: from its start to the hub's yes, tokens, and what it costs while it does nothing.</summary>
internal static class AgentBenchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Measures and reports.</summary>
    /// <param name="serverDll">The server.</param>
    /// <param name="agent">The agent: a DLL, or one file.</param>
    /// <param name="idle">How long it is left alone.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    public static async Task<string> RunAsync(string serverDll, string agent, TimeSpan idle, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("homeport-bench-");
        try
        {
            var ports = HomeportPorts.Free();
            await using var server = HomeportServer.Launch(serverDll, ports, directory.FullName, out var readyFile);
            var ready = await server.WaitForAsync("ready file", HomeportServer.StartTimeout, () => ReadyFile.TryReadAsync(readyFile, cancellationToken), cancellationToken);
            var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
            using (var registry = new HomeportRegistry(ready.ServiceConnectionString, ready.HttpsPort, ready.Address().Trusted))
                await registry.CreateOneAsync("bench-agent", key, cancellationToken);
            return await MeasureAsync(agent, directory.FullName, ready, "bench-agent", key, idle, cancellationToken);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task<string> MeasureAsync(string agent, string directory, ReadyFile ready, string deviceId, string key, TimeSpan idle, CancellationToken cancellationToken)
    {
        var settings = Path.Combine(directory, "agent.json");
        var state = Path.Combine(directory, "agent");
        await File.WriteAllTextAsync(settings, new JsonObject
        {
            ["caFile"] = ready.CaFile,
            ["hubPort"] = ready.HttpsPort,
            ["loopbackPort"] = 0,
            ["portal"] = new JsonObject { ["port"] = HomeportPorts.Free().Https },
        }.ToJsonString(), cancellationToken);
        string[] options = ["--settings", settings, "--state", state];
        using (var imprint = Start(agent, ["imprint", .. options, "--host", ready.Host, "--device-id", deviceId]))
        {
            await imprint.StandardInput.WriteLineAsync(key);
            imprint.StandardInput.Close();
            await imprint.WaitForExitAsync(cancellationToken);
        }

        var began = Stopwatch.GetTimestamp();
        using var running = Start(agent, ["run", .. options]);
        try
        {
            running.OutputDataReceived += static (_, _) => { };
            running.BeginOutputReadLine();
            using var http = Client(Path.Combine(state, "agent.sock"));
            var connected = await ConnectAsync(http, began, cancellationToken);
            var fresh = await TokensAsync(http, "token?fresh=true", 300, cancellationToken);
            var cached = await TokensAsync(http, "token", 3000, cancellationToken);
            await Task.Delay(TimeSpan.FromSeconds(5), cancellationToken);
            var cpu = ProcessUsage.CpuTime(running.Id);
            await Task.Delay(idle, cancellationToken);
            var used = ProcessUsage.CpuTime(running.Id) - cpu;
            var table = new MarkdownTable("what", "measured", "p99", "goal");
            table.Add("from the start of the agent, with its software TPM, to the hub's yes", $"{connected.TotalSeconds:F2} s", "", "under 5 s");
            table.Add("token from swtpm, over the Unix socket", $"{Percentile(fresh, 50):F2} ms", $"{Percentile(fresh, 99):F2} ms", "under 30 ms");
            table.Add("token from the agent's cache, over the Unix socket", $"{Percentile(cached, 50):F3} ms", $"{Percentile(cached, 99):F3} ms", "under 1 ms");
            table.Add($"CPU of agent and swtpm while idle, {idle.TotalSeconds:F0} s", $"{used / idle * 100:F2} %", "", "under 1 %");
            table.Add("resident memory of the agent", $"{OwnMemory(running.Id):F1} MB", "", "under 60 MB");
            table.Add("resident memory of agent and swtpm", $"{ProcessUsage.ResidentBytes(running.Id) / 1e6:F1} MB", "", "");
            return table.ToString();
        }
        finally
        {
            Process.Start("kill", ["-TERM", $"{running.Id}"]).Dispose();
            await running.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static async Task<TimeSpan> ConnectAsync(HttpClient http, long began, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                using var status = JsonDocument.Parse(await http.GetStringAsync("status", cancellationToken));
                if (status.RootElement.GetProperty("connection").GetProperty("state").GetString() == "connected")
                    return Stopwatch.GetElapsedTime(began);
            }
            catch (HttpRequestException) when (Stopwatch.GetElapsedTime(began) < Limit)
            {
                // It does not listen yet.
            }

            if (Stopwatch.GetElapsedTime(began) > Limit)
                throw new TimeoutException("The hub did not accept the agent's token.");
            await Task.Delay(10, cancellationToken);
        }
    }

    private static async Task<List<double>> TokensAsync(HttpClient http, string path, int count, CancellationToken cancellationToken)
    {
        var times = new List<double>(count);
        for (var i = 0; i < count + (count / 10); i++)
        {
            var began = Stopwatch.GetTimestamp();
            _ = await http.GetByteArrayAsync(path, cancellationToken);
            if (i >= count / 10)
                times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        times.Sort();
        return times;
    }

    private static double Percentile(List<double> sorted, int percent) => sorted[Math.Min(sorted.Count - 1, sorted.Count * percent / 100)];

    private static double OwnMemory(int processId)
    {
        var line = File.ReadLines($"/proc/{processId}/status").First(static l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024 / 1e6;
    }

    private static HttpClient Client(string socketPath) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, token) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), token);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri("http://localhost/") };

    private static Process Start(string agent, string[] arguments)
    {
        var isDll = agent.EndsWith(".dll", StringComparison.Ordinal);
        var start = new ProcessStartInfo(isDll ? "dotnet" : agent, isDll ? [agent, .. arguments] : arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        return Process.Start(start)!;
    }
}
