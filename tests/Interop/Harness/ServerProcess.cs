using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text;

namespace Homeport.Tests.Interop.Harness;

/// <summary>How to start a server; ports of 0 are replaced by free ones.</summary>
public sealed record ServerSettings(string Data, int Https = 0, int Mqtt = 0, int Crl = 0, int Amqp = 0, string Host = ServerSettings.TestHost)
{
    /// <summary>A dotted name: the C SDK refuses any other. "./test" writes it to the hosts file.</summary>
    public const string TestHost = "hub.homeport.test";

    public ServerSettings WithFreePorts()
    {
        var free = FreePorts(4);
        return this with { Https = Https == 0 ? free[0] : Https, Mqtt = Mqtt == 0 ? free[1] : Mqtt, Crl = Crl == 0 ? free[2] : Crl, Amqp = Amqp == 0 ? free[3] : Amqp };
    }

    public IEnumerable<string> Arguments =>
        ["--host", Host, "--data", Data, "--https-port", $"{Https}", "--mqtt-port", $"{Mqtt}", "--amqp-port", $"{Amqp}", "--crl-port", $"{Crl}"];

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Any, 0)).ToList();
        listeners.ForEach(l => l.Start());
        var ports = listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port).ToArray();
        listeners.ForEach(l => l.Stop());
        return ports;
    }
}

/// <summary>The real executable in a process of its own.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output;
    private readonly StringBuilder _error;

    private ServerProcess(ServerSettings settings, Process process, StringBuilder output, StringBuilder error, ReadyFile ready)
    {
        (Settings, _process, _output, _error, Ready) = (settings, process, output, error, ready);
        Trust = new ServerTrust(ready.CaFile, settings.Host.Split(',')[0]);
        Hub = new HubService(Trust, ready.Ports.Https, ServiceCredential.Parse(ready.Hub.ServiceConnectionString));
        Dps = new HubService(Trust, ready.Ports.Https, ServiceCredential.Parse(ready.Dps.ServiceConnectionString));
        Reader = new HubReader(Hub);
    }

    public static string Assembly => Metadata("ServerAssembly");

    public static string Tool => Metadata("ToolAssembly");

    public static string Agent => Metadata("AgentAssembly");

    public static string Samples => Metadata("Samples");

    public static string Benchmarks => Metadata("BenchmarksAssembly");

    public static string DeviceSamples => Metadata("DeviceSamples");

    public static string Clients => Metadata("Clients");

    public ServerSettings Settings { get; }

    public ReadyFile Ready { get; }

    /// <summary>Where <see cref="Ready"/> was read from.</summary>
    public string ReadyPath => Directory.EnumerateFiles(Settings.Data, "ready-*.json").Single();

    public ServerTrust Trust { get; }

    public HubService Hub { get; }

    public HubService Dps { get; }

    public HubReader Reader { get; }

    public int Pid => _process.Id;

    /// <summary>Everything that the server wrote so far, standard output first.</summary>
    public string Printed
    {
        get
        {
            lock (_output)
            {
                lock (_error)
                    return _output.ToString() + _error;
            }
        }
    }

    public static async Task<ServerProcess> StartAsync(ServerSettings settings, params string[] more)
    {
        settings = settings.WithFreePorts();
        Directory.CreateDirectory(settings.Data);
        var readyPath = Path.Combine(settings.Data, $"ready-{Guid.NewGuid():N}.json");
        var process = Launch([.. settings.Arguments, "--ready-file", readyPath, .. more]);
        StringBuilder output = new(), error = new();
        ExternalProgram.Collect(process, output, error);
        var deadline = Stopwatch.StartNew();
        while (!File.Exists(readyPath))
        {
            if (process.HasExited || deadline.Elapsed > TimeSpan.FromSeconds(60))
            {
                var state = process.HasExited ? $"ended with exit code {process.ExitCode}" : "was not ready after 60 s";
                process.Kill(entireProcessTree: true);
                throw new InvalidOperationException($"the server {state}\n{output}\n{error}");
            }

            await Task.Delay(25);
        }

        return new ServerProcess(settings, process, output, error, ReadyFile.Parse(await File.ReadAllTextAsync(readyPath)));
    }

    /// <summary>Runs the executable to its end, for starts that must fail and for commands.</summary>
    public static Task<ProgramResult> RunAsync(IEnumerable<string> arguments, TimeSpan? timeout = null)
    {
        RequireBuild();
        return ExternalProgram.RunAsync("dotnet", [Assembly, .. arguments], timeout ?? TimeSpan.FromSeconds(30));
    }

    /// <summary>SIGTERM; gives the exit code and how long the end took.</summary>
    public async Task<(int ExitCode, TimeSpan Took)> StopAsync()
    {
        var watch = Stopwatch.StartNew();
        await ExternalProgram.SignalAsync(_process, "TERM");
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        return (_process.ExitCode, watch.Elapsed);
    }

    /// <summary>SIGKILL, as when the power fails for this process.</summary>
    public async Task KillAsync()
    {
        await ExternalProgram.SignalAsync(_process, "KILL");
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
    }

    /// <summary>Resident memory in bytes.</summary>
    public long ResidentBytes()
    {
        _process.Refresh();
        return _process.WorkingSet64;
    }

    public async Task WaitForPrintedAsync(Func<string, bool> line, string what)
    {
        var deadline = Stopwatch.StartNew();
        while (!Printed.Split('\n').Any(line))
        {
            if (deadline.Elapsed > TimeSpan.FromSeconds(10))
                throw new TimeoutException($"the server did not print {what}:\n{Printed}");
            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        Hub.Dispose();
        Dps.Dispose();
        _process.Dispose();
    }

    private static Process Launch(IEnumerable<string> arguments)
    {
        RequireBuild();
        return ExternalProgram.Start("dotnet", [Assembly, .. arguments], null);
    }

    private static void RequireBuild()
    {
        if (!File.Exists(Assembly))
            throw new InvalidOperationException($"the server is not built: {Assembly}");
    }

    private static string Metadata(string key) =>
        Path.GetFullPath(typeof(ServerProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!);
}
