using System.CommandLine;
using System.Text.Json.Nodes;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport consumer-group</c>: who may read the hub's events beside each other.</summary>
internal static class ConsumerGroupCommands
{
    private const string Path = "homeport/v1/consumerGroups";

    public static Command Create(CommandHost host) => new("consumer-group", "Consumer groups of the Event Hubs endpoint") { List(host), CreateGroup(host), Delete(host) };

    private static Command List(CommandHost host) => host.Run(new Command("list", "Lists the consumer groups"), async call =>
    {
        var answer = await call.Hub.GetAsync(Path, call.Token);
        if (call.Json)
        {
            Display.Json(answer.Node()?["value"] ?? new JsonArray());
            return;
        }
        var table = new Table("CONSUMER GROUP", "CREATED");
        foreach (var group in answer.As(Json.Default.ConsumerGroupList).Value)
            table.Add(group.Name, Display.Time(group.Properties.Created));
        table.Write();
    });

    private static Command CreateGroup(CommandHost host)
    {
        var name = Name();
        return host.Run(new Command("create", "Makes a consumer group; one that is there stays as it is") { name }, async call =>
        {
            var answer = await call.Hub.SendAsync(new HubRequest(HttpMethod.Put, $"{Path}/{Uri.EscapeDataString(call.Get(name))}"), call.Token);
            if (call.Json)
                Display.Json(answer.Node());
            else
                await Console.Error.WriteLineAsync($"Consumer group {answer.As(Json.Default.ConsumerGroupDescription).Name} is there.");
        });
    }

    private static Command Delete(CommandHost host)
    {
        var name = Name();
        return host.Run(new Command("delete", "Deletes a consumer group and ends its readers") { name }, async call =>
        {
            await call.Hub.SendAsync(new HubRequest(HttpMethod.Delete, $"{Path}/{Uri.EscapeDataString(call.Get(name))}"), call.Token);
            await Console.Error.WriteLineAsync($"Deleted consumer group {call.Get(name)}.");
        });
    }

    private static Argument<string> Name() => new("name") { Description = "Name of the consumer group" };
}
