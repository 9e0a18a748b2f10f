using System.Text.Json;
using System.Text.Json.Nodes;

namespace Homeport.Tests.Interop.Harness;

/// <summary>Runs conversation.mjs: devices and services of the Node SDKs that talk to each other.</summary>
public static class Conversation
{
    /// <summary>Runs all steps; each may fail without ending the conversation.</summary>
    public static async Task<IReadOnlyList<StepResult>> TalkAsync(this SharedServer shared, object devices, object[] steps, string transport = "mqtt", TimeSpan? timeout = null)
        => Read(await shared.Node.RunAsync("conversation.mjs", Arguments(shared.Server, devices, steps, transport), timeout, asFile: true));

    public static object Arguments(ServerProcess server, object devices, object[] steps, string transport = "mqtt")
        => new { service = server.Ready.Hub.ServiceConnectionString, transport, devices, steps };

    public static IReadOnlyList<StepResult> Read(JsonNode result) => [.. result.AsArray().Select(s => new StepResult((bool)s!["ok"]!, s["value"], s["error"]))];

    public static void AllSucceeded(this IReadOnlyList<StepResult> results)
    {
        for (var i = 0; i < results.Count; i++)
            results[i].Ok.ShouldBeTrue($"step {i}: {results[i].Error?.ToJsonString()}");
    }

    public static string ConnectionString(this SharedServer shared, TestDevice device, string? moduleId = null)
        => $"HostName={shared.Server.Ready.Hub.HostName};DeviceId={device.Id};{(moduleId is null ? "" : $"ModuleId={moduleId};")}SharedAccessKey={device.PrimaryKey}";

    /// <summary>A module of the device, with a key of its own.</summary>
    public static async Task<TestDevice> CreateModuleAsync(this HubService hub, string deviceId, string moduleId)
    {
        var answer = await hub.SendAsync(HttpMethod.Put, $"devices/{deviceId}/modules/{moduleId}", new JsonObject { ["deviceId"] = deviceId, ["moduleId"] = moduleId });
        answer.Status.ShouldBeOneOf(200, 201);
        var keys = answer.Json["authentication"]!["symmetricKey"]!;
        return new TestDevice(deviceId, (string)keys["primaryKey"]!, (string)keys["secondaryKey"]!);
    }

    /// <summary>Starts raw.py, and waits until its subscriptions are there.</summary>
    public static async Task<RunningScenario> StartPahoAsync(this SharedServer shared, TestDevice device, Dictionary<string, object> what)
    {
        var host = shared.Server.Ready.Hub.HostName;
        foreach (var (name, value) in new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["host"] = host,
            ["port"] = SharedServer.MqttPort,
            ["ca"] = shared.Server.Ready.CaFile,
            ["clientId"] = device.Id,
            ["username"] = MqttWire.UserName(host, device.Id),
            ["password"] = SasToken.ForDevice(host, device.Id, device.PrimaryKey),
        })
        {
            what[name] = value;
        }
        var python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        var running = new RunningScenario("raw.py", ExternalProgram.Start(python, [Path.Combine(ServerProcess.Clients, "raw.py"), JsonSerializer.Serialize(what)], null));
        await running.WaitForEventAsync("ready");
        return running;
    }

    public static async Task<JsonNode> PahoAsync(this SharedServer shared, TestDevice device, Dictionary<string, object> what)
    {
        await using var running = await shared.StartPahoAsync(device, what);
        return await running.ResultAsync(TimeSpan.FromSeconds(40));
    }

    /// <summary>The arguments of a mosquitto client that connects as the device.</summary>
    public static async Task<ProgramResult> MosquittoAsync(this SharedServer shared, string program, TestDevice device, params string[] more)
    {
        var host = shared.Server.Ready.Hub.HostName;
        return await ExternalProgram.RunAsync("timeout",
        [
            "20", program, "-h", host, "-p", $"{SharedServer.MqttPort}", "--cafile", shared.Server.Ready.CaFile, "-V", "mqttv311", "-i", device.Id,
            "-u", MqttWire.UserName(host, device.Id), "-P", SasToken.ForDevice(host, device.Id, device.PrimaryKey), .. more,
        ]);
    }
}
