using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport queue</c>: messages to devices, and what became of them.</summary>
internal static class QueueCommands
{
    private const string Feedback = "messages/serviceBound/feedback";

    public static Command Create(CommandHost host) => new("queue", "Messages to a device or module, and what became of them")
    {
        Show(host),
        QueueSend.Create(host),
        Purge(host),
        ShowFeedback(host),
    };

    private static Command Show(CommandHost host)
    {
        var identity = IdentityPath.Argument();
        return host.Run(new Command("show", "Lists the messages that wait, without their bodies") { identity }, async call =>
        {
            var answer = await call.Hub.GetAsync("homeport/v1/" + IdentityPath.Parse(call.Get(identity)).Under("devices") + "/commands", call.Token);
            if (call.Json)
            {
                Display.Json(answer.Node());
                return;
            }
            var table = new Table("NUMBER", "STATE", "SENT", "EXPIRES", "DELIVERIES", "ACK", "BYTES", "MESSAGE ID", "PROPERTIES");
            foreach (var m in answer.As(Json.Default.IReadOnlyListWaitingMessage))
            {
                table.Add($"{m.SequenceNumber}", m.State, Display.Time(m.EnqueuedTime), Display.Time(m.ExpiryTime), $"{m.DeliveryCount}", m.Ack, $"{m.BodyBytes}",
                    m.SystemProperties.GetValueOrDefault("message-id"), Display.Properties(m.Properties));
            }
            table.Write();
        });
    }

    private static Command Purge(CommandHost host)
    {
        var identity = IdentityPath.Argument();
        return host.Run(new Command("purge", "Takes out all messages that wait") { identity }, async call =>
        {
            var path = IdentityPath.Parse(call.Get(identity));
            var answer = await call.Hub.SendAsync(new HubRequest(HttpMethod.Delete, path.Under("devices") + "/commands"), call.Token);
            if (call.Json)
                Display.Json(answer.Node());
            else
                Console.WriteLine($"Took {answer.As(Json.Default.PurgeResult).TotalMessagesPurged} messages out of the queue of {path}.");
        });
    }

    private static Command ShowFeedback(CommandHost host)
    {
        var device = new Argument<string?>("device") { Description = "Show what concerns this device only", Arity = ArgumentArity.ZeroOrOne };
        var take = new Option<bool>("--take") { Description = "Take all feedback out of its queue; without it, it stays" };
        return host.Run(new Command("feedback", "Shows what became of messages whose sender asked for it (--ack)") { device, take }, async call =>
        {
            var only = call.Get(device) is { } text ? IdentityPath.ParseDevice(text).DeviceId : null;
            if (only is not null && call.Get(take))
                throw ToolException.BadUsage("--take takes the feedback of all devices. Leave the device out, or leave --take out.");
            var records = await ReceiveAsync(call, call.Get(take));
            records.RemoveAll(r => only is not null && r.DeviceId != only);
            if (call.Json)
            {
                Display.Json(new JsonArray([.. records.Select(r => JsonSerializer.SerializeToNode(r, Json.Default.FeedbackRecord))]));
                return;
            }
            var table = new Table("TIME", "DEVICE", "OUTCOME", "MESSAGE ID");
            foreach (var r in records)
                table.Add(Display.Time(r.EnqueuedTimeUtc), r.DeviceId, r.StatusCode, r.OriginalMessageId);
            table.Write();
            if (!call.Get(take) && records.Count > 0)
                await Console.Error.WriteLineAsync("It stays in its queue. Looking counts as a delivery, of which there are ten.");
        });
    }

    private static async Task<List<FeedbackRecord>> ReceiveAsync(Call call, bool take)
    {
        var (records, locks) = (new List<FeedbackRecord>(), new List<string>());
        try
        {
            while (await call.Hub.GetAsync(Feedback, call.Token) is { Body.Length: > 0 } batch)
            {
                locks.Add((batch.Header("ETag") ?? throw new ToolException("The server's answer has no lock token.")).Trim('"'));
                foreach (var record in batch.Node() as JsonArray ?? [])
                    records.Add(record.Deserialize(Json.Default.FeedbackRecord)!);
            }
        }
        finally
        {
            // What is not given back now would be locked for a minute.
            foreach (var token in locks)
                await call.Hub.SendAsync(new HubRequest(take ? HttpMethod.Delete : HttpMethod.Post, $"{Feedback}/{token}{(take ? "" : "/abandon")}"), CancellationToken.None);
        }
        return records;
    }
}
