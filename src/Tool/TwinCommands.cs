using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;

namespace Homeport.Tool;

/// <summary><c>homeport twin</c>: the twin of a device or module.</summary>
internal static class TwinCommands
{
    public static Command Create(CommandHost host) => new("twin", "Twins of devices and modules")
    {
        Show(host),
        Merge(host, "set", "Merges desired properties; the value null deletes one", changes => new JsonObject { ["properties"] = new JsonObject { ["desired"] = changes } }),
        Merge(host, "tag", "Merges tags; the value null deletes one", changes => new JsonObject { ["tags"] = changes }),
        Replace(host),
    };

    private static Command Show(CommandHost host)
    {
        var identity = IdentityPath.Argument();
        return host.Run(new Command("show", "Shows a twin: tags, desired and reported properties") { identity }, async call =>
            Write(call, await call.Hub.GetAsync(IdentityPath.Parse(call.Get(identity)).Under("twins"), call.Token)));
    }

    private static Command Merge(CommandHost host, string name, string description, Func<JsonObject, JsonObject> patch)
    {
        var (identity, condition) = (IdentityPath.Argument(), DeviceCommands.ConditionOption());
        var changes = new Argument<string[]>("change") { Description = "path=value such as fan.speed=3, several times, or one JSON object" + Inputs.Sources, Arity = ArgumentArity.OneOrMore };
        return host.Run(new Command(name, description) { identity, changes, condition }, async call =>
        {
            var path = IdentityPath.Parse(call.Get(identity));
            await SendAsync(call, HttpMethod.Patch, path, patch(await Inputs.ChangesAsync(call.Get(changes), call.Token)), call.Get(condition));
        });
    }

    private static Command Replace(CommandHost host)
    {
        var (identity, condition) = (IdentityPath.Argument(), DeviceCommands.ConditionOption());
        var twin = new Argument<string>("twin") { Description = "JSON with tags and properties.desired; what it leaves out is empty afterwards" + Inputs.Sources };
        return host.Run(new Command("replace", "Replaces tags and desired properties") { identity, twin, condition }, async call =>
        {
            var path = IdentityPath.Parse(call.Get(identity));
            await SendAsync(call, HttpMethod.Put, path, await Inputs.ObjectAsync(call.Get(twin), "The twin", call.Token), call.Get(condition));
        });
    }

    private static async Task SendAsync(Call call, HttpMethod method, IdentityPath path, JsonObject body, string? condition)
    {
        var request = new HubRequest(method, path.Under("twins"), Encoding.UTF8.GetBytes(body.ToJsonString())) { IfMatch = condition };
        Write(call, await call.Hub.SendAsync(request, call.Token));
    }

    private static void Write(Call call, HubAnswer answer)
    {
        var twin = answer.Node();
        if (call.Json)
        {
            Display.Json(twin);
            return;
        }
        Display.Details(
            ("twin of", twin?["moduleId"] is { } module ? $"{twin["deviceId"]}/{module}" : $"{twin?["deviceId"]}"),
            ("etag", $"{twin?["etag"]}"),
            ("version", $"{twin?["version"]}"),
            ("connection", $"{twin?["connectionState"]}"),
            ("model", $"{twin?["modelId"]}"));
        Section("tags", twin?["tags"]);
        Section("desired", twin?["properties"]?["desired"]);
        Section("reported", twin?["properties"]?["reported"]);
    }

    private static void Section(string name, JsonNode? section)
    {
        var members = section?.DeepClone() as JsonObject ?? [];
        var version = members["$version"];
        members.Remove("$metadata");
        members.Remove("$version");
        Console.WriteLine($"{Environment.NewLine}{name}{(version is null ? "" : $", version {version}")}:");
        Console.WriteLine(Display.ReadableJson(members));
    }
}
