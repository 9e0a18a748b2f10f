using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;

namespace Homeport.Tool;

/// <summary><c>homeport method</c>: calls a direct method of a device or module.</summary>
internal static class MethodCommand
{
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    public static Command Create(CommandHost host)
    {
        var identity = IdentityPath.Argument();
        var name = new Argument<string>("name") { Description = "Name of the method" };
        var payload = new Argument<string?>("payload") { Description = "JSON value" + Inputs.Sources, Arity = ArgumentArity.ZeroOrOne };
        var timeout = new Option<int>("--timeout") { Description = "Seconds to wait for the device's answer, 5 to 300", DefaultValueFactory = _ => 30 };
        var connectTimeout = new Option<int>("--connect-timeout") { Description = "Seconds to wait for the device to connect, 0 to 300", DefaultValueFactory = _ => 0 };
        var command = new Command("method", "Calls a direct method. Exit code 1 when the call fails or the device's status is not 200 to 299")
        {
            identity, name, payload, timeout, connectTimeout,
        };
        return host.Run(command, async call =>
        {
            var path = IdentityPath.Parse(call.Get(identity));
            var body = new JsonObject
            {
                ["methodName"] = call.Get(name),
                ["responseTimeoutInSeconds"] = call.Get(timeout),
                ["connectTimeoutInSeconds"] = call.Get(connectTimeout),
            };
            if (call.Get(payload) is { } text)
                body["payload"] = await Inputs.JsonAsync(text, "The payload", call.Token);
            var request = new HubRequest(HttpMethod.Post, path.Under("twins") + "/methods", Encoding.UTF8.GetBytes(body.ToJsonString()))
            {
                Patience = TimeSpan.FromSeconds(Math.Max(0, call.Get(timeout))) + TimeSpan.FromSeconds(Math.Max(0, call.Get(connectTimeout))) + Margin,
            };
            var result = (await call.Hub.SendAsync(request, call.Token)).Node();
            if (call.Json)
            {
                Display.Json(result);
            }
            else
            {
                Console.WriteLine($"status {result?["status"]}");
                Console.WriteLine(Display.ReadableJson(result?["payload"]));
            }
            return result?["status"]?.GetValue<int>() is >= 200 and <= 299 ? 0 : ToolException.Failed;
        });
    }
}
