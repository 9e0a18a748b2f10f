using System.CommandLine;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport messages</c>: reads a hub's messages by partition and offset, and follows them.</summary>
internal static class MessagesCommand
{
    private const int WaitSeconds = 30;

    public static Command Create(ConnectionOptions connection)
    {
        var partition = new Option<int?>("--partition") { Description = "Read this partition only; without it all of them" };
        var from = new Option<string>("--from") { Description = "Offset to start at: a number, or latest", DefaultValueFactory = _ => "0" };
        var follow = new Option<bool>("--follow") { Description = "Go on with messages that arrive, until Ctrl+C" };
        var json = new Option<bool>("--json") { Description = "One JSON object a line, with everything that is stored" };
        var command = new Command("messages", "Reads a hub's messages by partition and offset") { partition, from, follow, json };
        command.SetAction((parsed, token) => ToolException.GuardAsync(async () =>
        {
            using var client = connection.Open(parsed);
            var reader = new MessageFollower(client, parsed.GetValue(follow), parsed.GetValue(json) ? WriteJson : WriteLine);
            await reader.RunAsync(parsed.GetValue(partition), parsed.GetValue(from)!, token);
        }, token));
        return command;
    }

    private static void WriteJson(StoredMessage message) => Console.WriteLine(JsonSerializer.Serialize(message, Json.Default.StoredMessage));

    private static void WriteLine(StoredMessage message)
    {
        var sender = message.ModuleId is null ? message.DeviceId : $"{message.DeviceId}/{message.ModuleId}";
        var properties = string.Join(", ", message.SystemProperties.Concat(message.Properties).Select(p => $"{p.Key}={p.Value}"));
        Console.WriteLine($"{message.Partition}:{message.Offset}  {message.EnqueuedTime}  {sender}  {Printable(message.Body)}  {properties}");
    }

    // A device's bytes must not steer the terminal.
    private static string Printable(byte[] body)
        => string.Concat(Encoding.UTF8.GetString(body).Select(c => char.IsControl(c) ? '.' : c));

    private sealed class MessageFollower(HubClient client, bool follow, Action<StoredMessage> write)
    {
        private readonly Lock _lock = new();

        public async Task RunAsync(int? partition, string from, CancellationToken token)
        {
            if (partition is { } one)
            {
                await FollowAsync(one, from, token);
                return;
            }
            var count = (await client.ReadMessagesAsync(0, "latest", 0, token)).PartitionCount;
            await Task.WhenAll(Enumerable.Range(0, count).Select(p => FollowAsync(p, from, token)));
        }

        private async Task FollowAsync(int partition, string from, CancellationToken token)
        {
            while (true)
            {
                var page = await client.ReadMessagesAsync(partition, from, follow ? WaitSeconds : 0, token);
                lock (_lock)
                {
                    foreach (var message in page.Messages)
                        write(message);
                }
                if (page.Messages.Count == 0 && !follow)
                    return;
                from = page.NextOffset.ToString(System.Globalization.CultureInfo.InvariantCulture);
            }
        }
    }
}
