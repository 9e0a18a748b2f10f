using System.CommandLine;
using Homeport.Tests.Benchmarks.Bare;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

/// <summary>The command line.</summary>
internal static class Verbs
{
    private static readonly Option<string?> Ready = new("--homeport")
    {
        Description = "Ready file of a running Homeport server. Prefer --start-homeport for memory: a server that has worked before reuses what it holds.",
    };

    private static readonly Option<bool> Start = new("--start-homeport")
    {
        Description = "Build src/Server in Release and start it with an empty data directory.",
    };

    private static readonly Option<string?> ServerDll = new("--server-dll")
    {
        Description = "Start this homeport-server.dll instead of building one.",
    };

    private static readonly Option<string> Mosquitto = new("--mosquitto")
    {
        DefaultValueFactory = _ => "/usr/sbin/mosquitto",
        Description = "The mosquitto executable; '' leaves it out.",
    };

    private static readonly Option<string> Key = new Option<string>("--key")
    {
        DefaultValueFactory = _ => TestCertificate.P256,
        Description = "Key of the references' certificate; choose Homeport's kind.",
    }.AcceptOnlyFromAmong(TestCertificate.P256, TestCertificate.Rsa2048);

    private static readonly Option<int> RoundCount = new("--rounds")
    {
        DefaultValueFactory = _ => 1,
        Description = "Rounds over all targets; the median is shown.",
    };

    private static readonly Option<int> Seconds = new("--seconds") { DefaultValueFactory = _ => 10, Description = "Length of the measured window." };
    private static readonly Option<bool> Inline = new("--inline-scheduling") { Description = "Bare server: UnsafePreferInlineScheduling." };
    private static readonly Option<bool> AskCertificate = new("--request-client-certificate")
    {
        Description = "Bare server: request a client certificate without requiring it.",
    };

    private static readonly Option<bool> NoResume = new("--no-resume") { Description = "Bare server: no TLS session tickets." };
    private static readonly Option<int> IoQueues = new("--io-queues") { Description = "Bare server: IOQueueCount; 0 is Kestrel's default." };

    public static Command Telemetry(string[] args)
    {
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 100 };
        var window = new Option<int>("--window") { DefaultValueFactory = _ => 16, Description = "Publishes in flight per connection." };
        var body = new Option<int>("--body") { DefaultValueFactory = _ => 256, Description = "Bytes per message." };
        var properties = new Option<int>("--properties") { Description = "Application properties per message." };
        var warmUp = new Option<int>("--warm-up") { DefaultValueFactory = _ => 2, Description = "Seconds before the window opens." };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 1, Description = "Threads of the load generator." };
        var command = new Command("telemetry", "QoS 1 publishes per second, latency and CPU per message.")
        {
            connections, window, body, properties, warmUp, threads, Seconds, RoundCount,
        };
        AddTargets(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            GeneratorSockets.Configure(parsed.GetValue(threads));
            using var targets = await TargetSet.CreateAsync(Targets(parsed), cancellationToken);
            var options = new TelemetryOptions(
                parsed.GetValue(connections), parsed.GetValue(window), parsed.GetValue(body), parsed.GetValue(properties),
                TimeSpan.FromSeconds(parsed.GetValue(Seconds)), TimeSpan.FromSeconds(parsed.GetValue(warmUp)), parsed.GetValue(RoundCount));
            await PrintAsync(args, await TelemetryBenchmark.RunAsync(targets, options, cancellationToken));
        });
        return command;
    }

    public static Command Connect(string[] args)
    {
        var concurrency = new Option<int>("--concurrency") { DefaultValueFactory = _ => 4, Description = "Connections being opened at once." };
        var warmUp = new Option<int>("--warm-up") { DefaultValueFactory = _ => 3, Description = "Seconds before the window opens." };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2, Description = "Threads of the load generator." };
        var command = new Command("connect", "TLS handshake + CONNECT + DISCONNECT per second and CPU per connect.")
        {
            concurrency, warmUp, threads, Seconds, RoundCount,
        };
        AddTargets(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            GeneratorSockets.Configure(parsed.GetValue(threads));
            using var targets = await TargetSet.CreateAsync(Targets(parsed), cancellationToken);
            var options = new ConnectOptions(
                parsed.GetValue(concurrency), TimeSpan.FromSeconds(parsed.GetValue(Seconds)), TimeSpan.FromSeconds(parsed.GetValue(warmUp)), parsed.GetValue(RoundCount));
            await PrintAsync(args, await ConnectBenchmark.RunAsync(targets, options, cancellationToken));
        });
        return command;
    }

    public static Command Idle(string[] args)
    {
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 2000 };
        var settle = new Option<int>("--settle") { DefaultValueFactory = _ => 3, Description = "Seconds between a change and a reading." };
        var trim = new Option<int>("--trim") { DefaultValueFactory = _ => 20, Description = "Seconds to the second reading." };
        var command = new Command("idle", "Resident memory per idle connection.") { connections, settle, trim };
        AddTargets(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            GeneratorSockets.Configure(threads: 1);
            using var targets = await TargetSet.CreateAsync(Targets(parsed), cancellationToken);
            var options = new IdleOptions(
                parsed.GetValue(connections), TimeSpan.FromSeconds(parsed.GetValue(settle)), TimeSpan.FromSeconds(parsed.GetValue(trim)));
            await PrintAsync(args, await IdleBenchmark.RunAsync(targets, options, cancellationToken));
        });
        return command;
    }

    public static Command Startup(string[] args)
    {
        var runs = new Option<int>("--runs") { DefaultValueFactory = _ => 5 };
        var command = new Command("startup", "Time from process start to the first accepted CONNECT.") { runs, ServerDll };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var serverDll = parsed.GetValue(ServerDll) ?? await HomeportServer.BuildAsync(cancellationToken);
            await PrintAsync(args, await StartupBenchmark.RunAsync(serverDll, parsed.GetValue(runs), cancellationToken));
        });
        return command;
    }

    public static Command Agent(string[] args)
    {
        var agent = new Option<string>("--agent") { Required = true, Description = "homeport-agent.dll, or the agent as one file." };
        var idle = new Option<int>("--idle") { DefaultValueFactory = _ => 15, Description = "Seconds without a request." };
        var command = new Command("agent", "The device agent: time to the first connection, tokens, memory and CPU.") { agent, idle, ServerDll };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var serverDll = parsed.GetValue(ServerDll) ?? await HomeportServer.BuildAsync(cancellationToken);
            await PrintAsync(args, await AgentBenchmark.RunAsync(serverDll, parsed.GetRequiredValue(agent), TimeSpan.FromSeconds(parsed.GetValue(idle)), cancellationToken));
        });
        return command;
    }

    public static Command BareServer()
    {
        var port = new Option<int>("--port");
        var certificate = new Option<string>("--certificate-file") { Required = true };
        var key = new Option<string>("--key-file") { Required = true };
        var command = new Command("bare-server", "The bare Kestrel loop that the other verbs start as a process of its own.")
        {
            port, certificate, key, Inline, AskCertificate, NoResume, IoQueues,
        };
        command.SetAction((parsed, cancellationToken) => Bare.BareServer.RunAsync(
            parsed.GetValue(port), parsed.GetRequiredValue(certificate), parsed.GetRequiredValue(key),
            new BareTuning(parsed.GetValue(Inline), parsed.GetValue(AskCertificate), !parsed.GetValue(NoResume), parsed.GetValue(IoQueues)), cancellationToken));
        return command;
    }

    internal static void AddTargets(Command command)
    {
        foreach (Option option in new Option[] { Ready, Start, ServerDll, Mosquitto, Key, Inline, AskCertificate, NoResume, IoQueues })
            command.Add(option);
    }

    internal static TargetOptions Targets(ParseResult parsed)
    {
        var tuning = new List<string> { "--io-queues", $"{parsed.GetValue(IoQueues)}" };
        foreach (var flag in new[] { Inline, AskCertificate, NoResume }.Where(parsed.GetValue))
            tuning.Add(flag.Name);

        return new TargetOptions(parsed.GetValue(Ready), parsed.GetValue(Start), parsed.GetValue(ServerDll), parsed.GetValue(Mosquitto)!, parsed.GetValue(Key)!, tuning);
    }

    internal static Task PrintAsync(string[] args, string report)
    {
        var words = args.Select(static word => word.Length == 0 || word.Contains(' ', StringComparison.Ordinal) ? $"'{word}'" : word);
        return Console.Out.WriteLineAsync($"`dotnet run -c Release --project tests/Benchmarks -- {string.Join(' ', words)}`\n\n{report}");
    }
}
