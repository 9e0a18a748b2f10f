using System.CommandLine;
using Homeport.Tests.Benchmarks.Load;
using Homeport.Tests.Benchmarks.Measure;
using Homeport.Tests.Benchmarks.Targets;

namespace Homeport.Tests.Benchmarks;

/// <summary>The command line of what a hub does beside telemetry.</summary>
internal static class HubVerbs
{
    private static readonly Option<int> Seconds = new("--seconds") { DefaultValueFactory = _ => 10, Description = "Length of the measured window." };
    private static readonly Option<int> WarmUp = new("--warm-up") { DefaultValueFactory = _ => 8, Description = "Seconds before the window opens." };
    private static readonly Option<int> RoundCount = new("--rounds") { DefaultValueFactory = _ => 1, Description = "Rounds; the median is shown." };

    public static Command Twins(string[] args)
    {
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 200 };
        var window = new Option<int>("--window") { DefaultValueFactory = _ => 4, Description = "Patches in flight per connection." };
        return Make(args, "twins", "Reported patches per second.", [connections, window], (targets, parsed, token) =>
            TwinBenchmark.RunAsync(targets, new TwinOptions(parsed.GetValue(connections), parsed.GetValue(window), Time(parsed)), token));
    }

    public static Command Methods(string[] args)
    {
        var devices = new Option<int>("--devices") { DefaultValueFactory = _ => 200 };
        var callers = new Option<int>("--callers") { DefaultValueFactory = _ => 32, Description = "HTTPS connections." };
        var rate = new Option<int>("--rate") { Description = "Calls per second; 0 is as fast as answers come." };
        return Make(args, "methods", "Direct methods per second, REST to MQTT device and back.", [devices, callers, rate], (targets, parsed, token) =>
            MethodBenchmark.RunAsync(targets, new MethodOptions(parsed.GetValue(devices), parsed.GetValue(callers), parsed.GetValue(rate), Time(parsed)), token));
    }

    public static Command Commands(string[] args)
    {
        var devices = new Option<int>("--devices") { DefaultValueFactory = _ => 1000 };
        var callers = new Option<int>("--callers") { DefaultValueFactory = _ => 64, Description = "HTTPS connections." };
        var body = new Option<int>("--body") { DefaultValueFactory = _ => 256, Description = "Bytes per message, 8 at least." };
        return Make(args, "c2d", "Messages to connected devices per second.", [devices, callers, body], (targets, parsed, token) =>
            CommandBenchmark.RunAsync(targets, new CommandOptions(parsed.GetValue(devices), parsed.GetValue(callers), parsed.GetValue(body), Time(parsed)), token));
    }

    public static Command Amqp(string[] args)
    {
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 100 };
        var devices = new Option<int>("--devices") { DefaultValueFactory = _ => 1, Description = "Devices on each connection." };
        var window = new Option<int>("--window") { DefaultValueFactory = _ => 32, Description = "Messages in flight per device." };
        var body = new Option<int>("--body") { DefaultValueFactory = _ => 256, Description = "Bytes per message." };
        var rabbitMq = new Option<string>("--rabbitmq") { DefaultValueFactory = _ => "", Description = "What starts RabbitMQ, to measure it as well: /usr/lib/rabbitmq/bin/rabbitmq-server." };
        var links = new Option<int>("--links") { Description = "Instead: memory of so many silent links on each connection, of a device each." };
        return Make(args, "amqp", "Messages over AMQP per second.", [connections, devices, window, body, rabbitMq, links], (targets, parsed, token) => parsed.GetValue(links) is > 0 and var number
            ? LinksBenchmark.RunAsync(targets, new LinksOptions(number, parsed.GetValue(connections), TimeSpan.FromSeconds(parsed.GetValue(WarmUp))), token)
            : AmqpBenchmark.RunAsync(
                targets,
                new AmqpOptions(parsed.GetValue(connections), parsed.GetValue(devices), parsed.GetValue(window), parsed.GetValue(body), parsed.GetValue(rabbitMq)!, Time(parsed)),
                token));
    }

    public static Command Registry(string[] args)
    {
        var callers = new Option<int>("--callers") { DefaultValueFactory = _ => 8, Description = "HTTPS connections." };
        var elements = new Option<int>("--elements") { DefaultValueFactory = _ => 100, Description = "Devices per call." };
        return Make(args, "registry", "Devices created per second in bulk.", [callers, elements], (targets, parsed, token) =>
            RegistryBenchmark.RunAsync(targets, new RegistryOptions(parsed.GetValue(callers), parsed.GetValue(elements), Time(parsed)), token));
    }

    public static Command Queries(string[] args)
    {
        var devices = new Option<int>("--devices") { DefaultValueFactory = _ => 100_000, Description = "Devices with twins." };
        var repeats = new Option<int>("--repeats") { DefaultValueFactory = _ => 5, Description = "How often each query is asked." };
        return Make(args, "queries", "Queries over many twins, with and without an index.", [devices, repeats], (targets, parsed, token) =>
            QueryBenchmark.RunAsync(targets, new QueryOptions(parsed.GetValue(devices), parsed.GetValue(repeats)), token));
    }

    public static Command Registrations(string[] args)
    {
        var callers = new Option<int>("--callers") { DefaultValueFactory = _ => 8, Description = "Devices that register at once." };
        var chips = new Option<int>("--chips") { DefaultValueFactory = _ => 100, Description = "TPMs; making their keys takes a tenth of a second each." };
        var kind = new Option<string>("--kind") { DefaultValueFactory = _ => "", Description = "Only kinds whose name begins so, for example X.509." };
        return Make(args, "registrations", "Registrations per second over HTTPS with full handshakes.", [callers, chips, kind], (targets, parsed, token) =>
            RegistrationBenchmark.RunAsync(targets, new RegistrationOptions(parsed.GetValue(callers), parsed.GetValue(chips), parsed.GetValue(kind)!, Time(parsed)), token));
    }

    public static Command Enrollments(string[] args)
    {
        var count = new Option<int>("--count") { DefaultValueFactory = _ => 1_000_000, Description = "Enrollments of each kind, and endorsement keys." };
        var lookUps = new Option<int>("--look-ups") { DefaultValueFactory = _ => 20_000 };
        return Make(args, "enrollments", "Look-ups among many enrollments, and the import of endorsement keys.", [count, lookUps], (targets, parsed, token) =>
            EnrollmentBenchmark.RunAsync(targets, new EnrollmentOptions(parsed.GetValue(count), parsed.GetValue(lookUps)), token));
    }

    public static Command Fleet(string[] args)
    {
        var devices = new Option<int>("--devices") { DefaultValueFactory = _ => 1_000_000, Description = "Devices of the fleet." };
        var repeats = new Option<int>("--repeats") { DefaultValueFactory = _ => 20, Description = "How often each list is read." };
        return Make(args, "fleet", "A CSV import, and lists of devices among many.", [devices, repeats], (_, parsed, token) =>
            FleetBenchmark.RunAsync(new FleetOptions(parsed.GetValue(devices), parsed.GetValue(repeats)), token));
    }

    public static Command WebConsole(string[] args)
    {
        var sessions = new Option<int>("--sessions") { DefaultValueFactory = _ => 40, Description = "Open pages, each with a connection of its own." };
        var rate = new Option<int>("--rate") { DefaultValueFactory = _ => 1000, Description = "Messages a second while a page shows them live." };
        var seconds = new Option<int>("--live-seconds") { DefaultValueFactory = _ => 30, Description = "How long they come." };
        return Make(args, "console", "The web console in Chromium: first load, memory of open pages, live messages.", [sessions, rate, seconds], (targets, parsed, token) =>
            ConsoleBenchmark.RunAsync(targets, new ConsoleOptions(parsed.GetValue(sessions), parsed.GetValue(rate), TimeSpan.FromSeconds(parsed.GetValue(seconds))), token));
    }

    public static Command Queue(string[] args)
    {
        var messages = new Option<int>("--messages") { DefaultValueFactory = _ => 1_000_000 };
        var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 100, Description = "Messages per call." };
        var callers = new Option<int>("--callers") { DefaultValueFactory = _ => 4, Description = "Calls at a time." };
        var body = new Option<int>("--body") { DefaultValueFactory = _ => 256, Description = "Bytes per message." };
        return Make(args, "queue", "The device client's durable queue: accept without a hub, then drain.", [messages, batch, callers, body], (targets, parsed, token) =>
            QueueBenchmark.RunAsync(
                targets, new QueueOptions(parsed.GetValue(messages), parsed.GetValue(batch), parsed.GetValue(callers), parsed.GetValue(body)), token));
    }

    public static Command Soak(string[] args)
    {
        var minutes = new Option<double>("--minutes") { DefaultValueFactory = _ => 30 };
        var devices = new Option<int>("--devices") { DefaultValueFactory = _ => 4, Description = "Half of them speak MQTT, the others AMQP." };
        var rate = new Option<int>("--rate") { DefaultValueFactory = _ => 50, Description = "Messages a second of each device." };
        return Make(args, "soak", "Devices with queues behind proxies that cut them off: is anything missing or overtaken?", [minutes, devices, rate], (targets, parsed, token) =>
            SoakBenchmark.RunAsync(targets, new SoakOptions(TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(devices), parsed.GetValue(rate)), token));
    }

    public static Command Events(string[] args)
    {
        var messages = new Option<int>("--messages") { DefaultValueFactory = _ => 1_000_000, Description = "Messages in the log." };
        var body = new Option<int>("--body") { DefaultValueFactory = _ => 256, Description = "Bytes per message." };
        var stalled = new Option<int>("--stalled") { DefaultValueFactory = _ => 4, Description = "Readers that stopped reading, of the second pass." };
        return Make(args, "events", "Events read from a full log per second, over AMQP.", [messages, body, stalled], (targets, parsed, token) =>
            EventsBenchmark.RunAsync(targets, new EventsOptions(parsed.GetValue(messages), parsed.GetValue(body), parsed.GetValue(stalled)), token));
    }

    private static Command Make(
        string[] args, string name, string description, Option[] options, Func<TargetSet, ParseResult, CancellationToken, Task<string>> run)
    {
        var command = new Command(name, description) { WarmUp, Seconds, RoundCount };
        foreach (var option in options)
            command.Add(option);
        Verbs.AddTargets(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            GeneratorSockets.Configure(threads: 1);
            using var targets = await TargetSet.CreateAsync(Verbs.Targets(parsed), cancellationToken);
            await Verbs.PrintAsync(args, await run(targets, parsed, cancellationToken));
        });
        return command;
    }

    private static WindowOptions Time(ParseResult parsed) =>
        new(TimeSpan.FromSeconds(parsed.GetValue(Seconds)), TimeSpan.FromSeconds(parsed.GetValue(WarmUp)), parsed.GetValue(RoundCount));
}
