using System.CommandLine;
using System.Text.Json;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport messages</c>: reads a hub's messages by partition and offset, and follows them.</summary>
internal static class MessagesCommand
{
    public static Command Create(CommandHost host)
    {
        var partition = new Option<int?>("--partition") { Description = "Read this partition only; without it all of them" };
        var from = new Option<string>("--from") { Description = "Offset to start at: a number, or latest", DefaultValueFactory = _ => "0" };
        var follow = new Option<bool>("--follow") { Description = "Go on with messages that arrive, until Ctrl+C" };
        return host.Run(new Command("messages", "Reads a hub's messages by partition and offset, one a line") { partition, from, follow }, call =>
        {
            var wanted = new MessageSelection(call.Get(partition), call.Get(from)!, call.Get(follow));
            return new MessageFollower(call.Hub, wanted, call.Json ? WriteJson : WriteLine).RunAsync(call.Token);
        });
    }

    /// <summary>Everything that is stored of a message, in one line.</summary>
    internal static void WriteJson(StoredMessage message) => Console.WriteLine(JsonSerializer.Serialize(message, Json.Default.StoredMessage));

    /// <summary>Who sent it.</summary>
    internal static string Sender(StoredMessage message) => Display.Clean(message.ModuleId is null ? message.DeviceId : $"{message.DeviceId}/{message.ModuleId}");

    private static void WriteLine(StoredMessage message)
    {
        var properties = Display.Properties(message.SystemProperties.Concat(message.Properties));
        Console.WriteLine($"{message.Partition}:{message.Offset}  {message.EnqueuedTime}  {Sender(message)}  {Display.Body(message.Body)}  {properties}");
    }
}
