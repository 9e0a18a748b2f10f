using System.CommandLine;
using Homeport.Simulation;
using Model = Homeport.Models.Elements.Model;

namespace Homeport.Tool;

/// <summary><c>homeport simulate</c>: devices that do what a model says, through the real protocol.</summary>
internal static class SimulateCommand
{
    private const int MaxDevices = 1000;
    private const int AtOnce = 20;

    public static Command Create(CommandHost host)
    {
        var file = new Argument<FileInfo>("model") { Description = "File with a model in DTDL, or a device template" };
        var prefix = new Option<string>("--device") { Description = "Id of the device; of several, what is in front of their numbers", DefaultValueFactory = _ => "simulated" };
        var count = new Option<int>("--count") { Description = $"Devices, 1 to {MaxDevices}", DefaultValueFactory = _ => 1 };
        var interval = new Option<double>("--interval") { Description = "Seconds from one round of messages to the next, 0.01 to 86400", DefaultValueFactory = _ => 5 };
        var duration = new Option<double>("--duration") { Description = "Seconds after which it ends; 0: when it is stopped", DefaultValueFactory = _ => 0 };
        var mqttPort = new Option<int>("--mqtt-port") { Description = "Port of MQTT", DefaultValueFactory = _ => 8883 };
        var delete = new Option<bool>("--delete") { Description = "Deletes the devices at the end" };
        var command = new Command("simulate", "Simulates devices of a model: registers them, connects them by MQTT, sends telemetry, answers commands and wanted properties")
        {
            file, prefix, count, interval, duration, mqttPort, delete,
        };
        return host.Run(command, async call =>
        {
            var model = Read(call.Get(file));
            var (devices, seconds) = (call.Get(count), call.Get(interval));
            if (devices is < 1 or > MaxDevices || seconds is < 0.01 or > 86400)
                throw ToolException.BadUsage($"--count is 1 to {MaxDevices}, --interval 0.01 to 86400 seconds.");
            var name = call.Get(prefix)!;
            var ids = devices == 1 ? [name] : Enumerable.Range(1, devices).Select(i => $"{name}-{i}").ToList();
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(call.Token);
            var fleet = new SimulatedFleet(call.Hub, model, TimeSpan.FromSeconds(seconds), call.Get(mqttPort));
            await fleet.ConnectAsync(ids, AtOnce, stop.Token);
            Console.WriteLine($"{ids.Count} {(ids.Count == 1 ? "device sends" : "devices send")} as {model.Root.Id}. Ctrl+C ends.");
            if (call.Get(duration) is > 0 and var limit)
                stop.CancelAfter(TimeSpan.FromSeconds(limit));
            await fleet.RunAsync(stop.Token);
            Console.WriteLine($"{fleet.Sent} messages, {fleet.Commands} commands, {fleet.Changes} changes of properties");
            if (call.Get(delete))
                await fleet.DeleteAsync(ids, CancellationToken.None);
        });
    }

    private static Model Read(FileInfo file)
    {
        try
        {
            var parsed = ModelFile.Read(File.ReadAllBytes(file.FullName));
            return parsed.Model ?? throw new ToolException($"{file.Name} cannot be used:\n  {string.Join("\n  ", parsed.Errors.Take(10))}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The model cannot be read: {e.Message}", e);
        }
    }
}
