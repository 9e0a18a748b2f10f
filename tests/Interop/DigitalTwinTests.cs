using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Digital twins as the DigitalTwinClient of npm azure-iothub uses them, with a device of npm azure-iot-device that announces a model.</summary>
[Collection(SharedServerTests.Name)]
public sealed class DigitalTwinTests(SharedServer shared)
{
    [Fact]
    public async Task The_service_reads_and_writes_a_digital_twin_and_invokes_its_commands()
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("dtwin"));
        var result = await shared.Node.RunAsync("digital-twin.mjs", new
        {
            service = shared.Server.Ready.Hub.ServiceConnectionString,
            device = shared.ConnectionString(device),
            id = device.Id,
            modelId = "dtmi:com:example:TemperatureController;1",
        });
        var (before, after) = (result["before"]!, result["after"]!);
        ((string?)before["$dtId"], (string?)before["$metadata"]!["$model"], (string?)before["serialNumber"]).ShouldBe((device.Id, "dtmi:com:example:TemperatureController;1", "s1"));
        ((double)before["thermostat1"]!["targetTemperature"]!, (int)before["thermostat1"]!["$metadata"]!["targetTemperature"]!["ackCode"]!).ShouldBe((20.4, 200));
        ((double)before["thermostat1"]!["maxTemp"]!).ShouldBe(25.3);
        ((string?)before["thermostat1"]!["$metadata"]!["maxTemp"]!["lastUpdateTime"]).ShouldEndWith("Z");
        before["thermostat1"]!["__t"].ShouldBeNull();

        ((int?)result["patched"]!["status"]).ShouldBe(202);
        ((string)result["patched"]!["location"]!).ShouldContain($"/digitaltwins/{device.Id}");
        ((int?)result["stale"]!["status"]).ShouldBe(412, result["stale"]!.ToJsonString());
        ((double)after["$metadata"]!["targetTemperature"]!["desiredValue"]!).ShouldBe(21);
        ((double)after["thermostat1"]!["$metadata"]!["targetTemperature"]!["desiredValue"]!).ShouldBe(22.5);
        ((int)after["thermostat1"]!["$metadata"]!["targetTemperature"]!["desiredVersion"]!).ShouldBe(2);
        var desired = (await shared.Server.Hub.SendAsync(HttpMethod.Get, $"twins/{device.Id}")).Json["properties"]!["desired"]!;
        ((string?)desired["thermostat1"]!["__t"], (double)desired["targetTemperature"]!).ShouldBe(("c", 21d));

        ((string?)result["root"]!["status"], (string?)result["component"]!["status"]).ShouldBe(("200", "203"));
        result["root"]!["body"]!.ToJsonString().ShouldContain("\"delay\":5");
        result["component"]!["body"]!.ToJsonString().ShouldContain("2026-01-01");
        ((int?)result["unknown"]!["status"]).ShouldBe(404);
    }

    [Theory]
    [InlineData("{}", "IotHubFormatError")]
    [InlineData("[", "IotHubFormatError")]
    [InlineData("[]", "ArgumentInvalid")]
    [InlineData("""[{"op":"move","path":"/a","from":"/b"}]""", "ArgumentInvalid")]
    [InlineData("""[{"op":"add","path":"/a"}]""", "ArgumentInvalid")]
    [InlineData("""[{"op":"add","path":"a","value":1}]""", "ArgumentInvalid")]
    [InlineData("""[{"op":"add","path":"/$metadata","value":1}]""", "ArgumentInvalid")]
    public async Task A_patch_that_cannot_be_read_is_refused(string patch, string error)
    {
        var device = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("dtbad"));
        var answer = await RestCurl.SendAsync(shared.Server, "PATCH", $"/digitaltwins/{device.Id}", patch);
        (answer.Status, answer.Header("iothub-errorcode")).ShouldBe((400, error), answer.Body);
    }
}
