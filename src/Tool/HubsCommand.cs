using System.CommandLine;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport hubs</c>: the hubs to which the provisioning service assigns devices.</summary>
internal static class HubsCommand
{
    private const string Root = "homeport/v1/linkedHubs";

    public static Command Create(CommandHost host) => new("hubs", "The hubs to which devices are assigned")
    {
        List(host),
        Link(host),
        Set(host),
        Unlink(host),
    };

    private static Command List(CommandHost host) => host.RunProvisioning(new Command("list", "Lists the linked hubs"), async call =>
    {
        var answer = await call.Hub.GetAsync(Root, call.Token);
        if (call.Json)
        {
            Display.Json(answer.Node());
            return;
        }
        var table = new Table("HUB", "LOCATION", "WEIGHT", "BY POLICY", "KEY OF");
        foreach (var hub in answer.As(ProvisioningJson.Received.IReadOnlyListLinkedHubDescription))
            table.Add(hub.Name, hub.Location, $"{hub.AllocationWeight}", hub.ApplyAllocationPolicy == true ? "yes" : "only when named", hub.IsOwn == true ? "(this server)" : hub.SharedAccessKeyName);
        table.Write();
    });

    private static Command Link(CommandHost host)
    {
        var connection = new Argument<string>("connection-string") { Description = "Service connection string of the hub: @file reads a file, - the standard input, since others see a command line" };
        var (weight, location, named) = Options();
        var trust = new Option<FileInfo>("--trust") { Description = "PEM file of the CA of that hub, when this server does not trust it anyway" };
        return host.RunProvisioning(new Command("link", "Links a hub of another server, or a real one in Azure") { connection, weight, location, named, trust }, async call =>
        {
            var text = Encoding.UTF8.GetString(await Inputs.BytesAsync(call.Get(connection), call.Token)).Trim();
            if (!ConnectionString.TryParse(text, out var parsed, out var reason))
                throw ToolException.BadUsage($"The connection string cannot be used: {reason}.");
            var body = Body(call.Get(weight), call.Get(location), call.Get(named));
            body["connectionString"] = text;
            if (call.Get(trust) is { } file)
                body["certificateAuthority"] = Encoding.UTF8.GetString(await Inputs.BytesAsync("@" + file.FullName, call.Token));
            await PutAsync(call, parsed.HostName.Split(':')[0], body);
        });
    }

    private static Command Set(CommandHost host)
    {
        var name = NameArgument();
        var (weight, location, named) = Options();
        return host.RunProvisioning(new Command("set", "Changes how a linked hub is used, also that of this server") { name, weight, location, named }, call =>
            PutAsync(call, call.Get(name), Body(call.Get(weight), call.Get(location), call.Get(named))));
    }

    private static Command Unlink(CommandHost host)
    {
        var name = NameArgument();
        return host.RunProvisioning(new Command("unlink", "Unlinks a hub; its devices stay in it") { name }, async call =>
        {
            await call.Hub.SendAsync(new HubRequest(HttpMethod.Delete, $"{Root}/{Uri.EscapeDataString(call.Get(name))}"), call.Token);
            Console.WriteLine($"Unlinked {call.Get(name)}. Its devices get another hub when they register again.");
        });
    }

    private static Argument<string> NameArgument() => new("hub") { Description = "Host name" };

    private static (Option<int?> Weight, Option<string> Location, Option<bool?> Named) Options() => (
        new Option<int?>("--weight") { Description = "Share of the devices, 1 to 1000" },
        new Option<string>("--location") { Description = "Where it is, for the policy geoLatency" },
        new Option<bool?>("--only-named") { Description = "true: it takes only devices whose enrollment names it" });

    private static JsonObject Body(int? weight, string? location, bool? onlyNamed)
    {
        var body = new JsonObject();
        if (weight is not null)
            body["allocationWeight"] = weight;
        if (location is not null)
            body["location"] = location;
        if (onlyNamed is not null)
            body["applyAllocationPolicy"] = !onlyNamed;
        return body;
    }

    private static async Task PutAsync(Call call, string name, JsonObject body)
    {
        var answer = await call.Hub.SendAsync(new HubRequest(HttpMethod.Put, $"{Root}/{Uri.EscapeDataString(name)}", JsonSerializer.SerializeToUtf8Bytes(body)), call.Token);
        if (call.Json)
            Display.Json(answer.Node());
        else
            Console.WriteLine($"{name} is linked.");
    }
}
