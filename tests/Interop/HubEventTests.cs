using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The service's own message sources, beside telemetry in the log, of a device that the Node SDK drives and the Event Hubs SDK reads.</summary>
public sealed class HubEventTests
{
    private const string Sources = "twinChangeEvents,digitalTwinChangeEvents,deviceLifecycleEvents,deviceConnectionStateEvents";

    [Fact]
    public async Task A_device_with_a_model_is_told_of_by_every_source_that_is_on()
    {
        using var folder = new TempFolder();
        await using var server = await ServerProcess.StartAsync(
            new ServerSettings(folder.Path, SharedServer.HttpsPort, SharedServer.MqttPort, SharedServer.CrlPort, SharedServer.AmqpPort), "--events", Sources, "--partitions", "1");
        var node = new NodeClient(server.Ready.CaFile);
        var device = await server.Hub.CreateDeviceAsync("d1");
        var connectionString = $"HostName={server.Ready.Hub.HostName};DeviceId=d1;SharedAccessKey={device.PrimaryKey}";
        await using var running = node.Start("digital-twin.mjs", new { service = server.Ready.Hub.ServiceConnectionString, device = connectionString, id = "d1", modelId = "dtmi:com:example:Thermostat;1", onLine = true });
        await running.WaitForEventAsync("driven");
        // A connection that is over within a second is told to nobody.
        await UntilAsync(server, "deviceConnected");
        await running.TellAsync("go on");
        var driven = await running.ResultAsync(TimeSpan.FromSeconds(60));
        driven["patched"]!["status"].ShouldNotBeNull(driven.ToJsonString());
        (await server.Hub.SendAsync(HttpMethod.Put, "twins/d1", JsonNode.Parse("""{"tags":{"floor":1}}"""))).Status.ShouldBe(200);
        await UntilOfflineAsync(server);
        (await server.Hub.SendAsync(HttpMethod.Delete, "devices/d1", ifMatch: "*")).Status.ShouldBe(204);
        await UntilAsync(server, "deleteDeviceIdentity");

        var read = (await node.RunAsync("events.mjs", new { connectionString = server.Ready.Hub.EventHubConnectionString, actions = new[] { new { read = new { count = 10, device = "d1", partition = "0" } } } }))[0]!["events"]!.AsArray();
        var events = read.Select(e => e!).ToList();
        List<JsonNode> Of(string source) => [.. events.Where(e => (string?)e["system"]!["iothub-message-source"] == source)];
        events.ShouldAllBe(e => (string?)e["properties"]!["hubName"] == "hub1" && (string?)e["properties"]!["deviceId"] == "d1" && e["properties"]!["operationTimestamp"] != null);
        Of("deviceLifecycleEvents").Select(e => (string?)e["properties"]!["opType"]).ShouldBe(["createDeviceIdentity", "deleteDeviceIdentity"]);
        Of("deviceConnectionStateEvents").Select(e => (string?)e["properties"]!["opType"]).ShouldBe(["deviceConnected", "deviceDisconnected"]);
        // Reported by the device, desired by the digital twin's patch, replaced by the service.
        Of("twinChangeEvents").Select(e => (string?)e["properties"]!["opType"]).ShouldBe(["updateTwin", "updateTwin", "replaceTwin"]);
        Of("twinChangeEvents").ShouldAllBe(e => (string?)e["contentType"] == "application/json" && (string?)e["properties"]!["iothub-message-schema"] == "twinChangeNotification");

        var twins = Of("digitalTwinChangeEvents");
        twins.ShouldAllBe(e => (string?)e["contentType"] == "application/json-patch+json" && (string?)e["properties"]!["iothub-message-schema"] == "digitalTwinChangeNotification" && (string?)e["properties"]!["opType"] == "updateTwin");
        var reported = Patch(twins[0]);
        reported.ShouldContain(o => (string?)o["op"] == "add" && (string?)o["path"] == "/serialNumber" && (string?)o["value"] == "s1");
        reported.ShouldContain(o => (string?)o["path"] == "/thermostat1" && (double)o["value"]!["maxTemp"]! == 25.3);
        var desired = Patch(twins[1]);
        desired.ShouldContain(o => ((string)o["path"]!).StartsWith("/$metadata/targetTemperature", StringComparison.Ordinal));
        desired.ShouldContain(o => (string?)o["op"] == "add" && (string?)o["path"] == "/thermostat1/$metadata/targetTemperature/desiredValue" && (double)o["value"]! == 22.5);
        // A replacement without desired properties takes away what was wanted.
        Patch(twins[2]).ShouldContain(o => (string?)o["op"] == "remove");
    }

    private static List<JsonNode> Patch(JsonNode @event)
    {
        var body = @event["body"]!.GetValue<string>();
        return [.. JsonNode.Parse(body)!.AsArray().Select(o => o!)];
    }

    private static async Task UntilOfflineAsync(ServerProcess server) => await UntilAsync(server, "deviceDisconnected");

    private static async Task UntilAsync(ServerProcess server, string operation)
    {
        for (var i = 0; ; i++)
        {
            if ((await server.Reader.ReadAsync("d1")).Any(m => m.Properties.GetValueOrDefault("opType") == operation))
                return;
            i.ShouldBeLessThan(600, $"there is no {operation}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }
}
