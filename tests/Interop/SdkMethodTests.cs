using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Every method of the Node SDKs' clients, called once against one hub. The SDKs say themselves which methods they have.</summary>
[Collection(SharedServerTests.Name)]
public sealed class SdkMethodTests(SharedServer shared)
{
    /// <summary>What does not work, and why: the SDK does not have it in this transport, or the hub does not offer it.</summary>
    private static readonly Dictionary<string, string> NotThere = new(StringComparer.Ordinal)
    {
        // Needs identities of Azure Active Directory.
        ["Registry.importDevicesFromBlobByIdentity"] = "ArgumentInvalid",
        ["Registry.exportDevicesToBlobByIdentity"] = "ArgumentInvalid",
        // MQTT 3.1.1 can only acknowledge.
        ["Client over mqtt.abandon"] = "NotImplementedError",
        ["Client over mqtt.reject"] = "NotImplementedError",
        ["Client over mqttws.abandon"] = "NotImplementedError",
        ["Client over mqttws.reject"] = "NotImplementedError",
        ["ModuleClient over mqtt.abandon"] = "NotImplementedError",
        ["ModuleClient over mqtt.reject"] = "NotImplementedError",
        ["ModuleClient over mqttws.abandon"] = "NotImplementedError",
        ["ModuleClient over mqttws.reject"] = "NotImplementedError",
        // HTTPS has neither twins nor methods.
        ["Client over http.getTwin"] = "NotImplementedError",
        ["Client over http.onDeviceMethod"] = "NotImplementedError",
        // The SDK asks an edge gateway only, and says that it knows the name of none.
        ["ModuleClient over mqtt.invokeMethod"] = "ArgumentError",
        ["ModuleClient over mqttws.invokeMethod"] = "ArgumentError",
        // MQTT has no batches.
        ["Client over mqtt.sendEventBatch"] = "NotImplementedError",
        ["Client over mqttws.sendEventBatch"] = "NotImplementedError",
        ["ModuleClient over mqtt.sendEventBatch"] = "NotImplementedError",
        ["ModuleClient over mqttws.sendEventBatch"] = "NotImplementedError",
        ["ModuleClient over mqtt.sendOutputEventBatch"] = "NotImplementedError",
        ["ModuleClient over mqttws.sendOutputEventBatch"] = "NotImplementedError",
    };

    [Fact]
    public async Task Every_method_of_the_service_and_device_clients_is_called_and_works_or_is_known_not_to()
    {
        var id = SharedServer.NewId("every");
        var devices = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var transport in (string[])["mqtt", "mqttws", "http"])
        {
            var device = await shared.Server.Hub.CreateDeviceAsync($"{id}-{transport}");
            devices[transport] = new { id = device.Id, key = device.PrimaryKey };
        }
        var container = (await RegistryFiles.OpenAsync(shared.Server)).Uri;
        var hub = shared.Server.Ready.Hub;
        var result = await shared.Node.RunAsync("every-method.mjs", new { service = hub.ServiceConnectionString, host = hub.HostName, id, devices, container }, TimeSpan.FromMinutes(4));
        result["missing"]!.AsArray().Select(m => (string?)m).ShouldBeEmpty("methods that nobody called");
        var failed = result["outcomes"]!.AsObject().Where(o => (string?)o.Value != "ok").ToDictionary(o => o.Key, o => (string)o.Value!, StringComparer.Ordinal);
        failed.OrderBy(f => f.Key, StringComparer.Ordinal).ShouldBe(NotThere.OrderBy(f => f.Key, StringComparer.Ordinal), result["outcomes"]!.ToJsonString());
    }
}
