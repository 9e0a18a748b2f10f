using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport monitor</c>: messages as they arrive.</summary>
internal static class MonitorCommand
{
    private const string Telemetry = "Telemetry";

    public static Command Create(CommandHost host)
    {
        var device = new Argument<string?>("device") { Description = "Of this device and its modules only", Arity = ArgumentArity.ZeroOrOne };
        var count = new Option<int?>("--count") { Description = "End after so many messages; without it at Ctrl+C" };
        return host.Run(new Command("monitor", "Shows messages of all partitions as they arrive") { device, count }, call =>
        {
            var wanted = new MessageSelection(null, "latest", Follow: true)
            {
                DeviceId = call.Get(device) is { } text ? IdentityPath.ParseDevice(text).DeviceId : null,
                Count = call.Get(count),
            };
            var follower = new MessageFollower(call.Hub, wanted, call.Json ? MessagesCommand.WriteJson : Write)
            {
                Started = partitions => Console.Error.WriteLine($"Waiting for messages in {partitions} partitions; Ctrl+C ends."),
            };
            return follower.RunAsync(call.Token);
        });
    }

    private static void Write(StoredMessage message)
    {
        var source = message.Source == Telemetry ? "" : $"  {Display.Clean(message.Source)}";
        Console.WriteLine($"{Display.Time(message.EnqueuedTime)}  {MessagesCommand.Sender(message)}{source}  ({message.Partition}:{message.Offset})");
        foreach (var line in Body(message.Body).ReplaceLineEndings("\n").Split('\n'))
            Console.WriteLine("  " + line);
        var properties = message.SystemProperties.Concat(message.Properties).ToList();
        if (properties.Count > 0)
            Console.WriteLine("  # " + Display.Properties(properties));
    }

    private static string Body(byte[] body)
    {
        if (body.Length == 0)
            return "(empty)";
        if (body[0] is not ((byte)'{' or (byte)'['))
            return Display.Body(body);
        try
        {
            return Display.ReadableJson(JsonNode.Parse(body));
        }
        catch (JsonException)
        {
            return Display.Body(body);
        }
    }
}
