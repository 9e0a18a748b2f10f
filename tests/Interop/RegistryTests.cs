using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>The identity registry as the npm package azure-iothub uses it.</summary>
[Collection(SharedServerTests.Name)]
public sealed class RegistryTests(SharedServer shared)
{
    [Fact]
    public async Task A_device_with_given_keys_keeps_them()
    {
        var id = SharedServer.NewId("given");
        var (primary, secondary) = (SasToken.NewKey(), SasToken.NewKey());
        var device = new { deviceId = id, authentication = new { symmetricKey = new { primaryKey = primary, secondaryKey = secondary } } };
        var steps = await RegistryAsync(["create", device], ["get", id]);
        foreach (var step in steps)
        {
            ((string?)step.Success["deviceId"]).ShouldBe(id);
            ((string?)step.Success["authentication"]!["type"]).ShouldBe("sas");
            ((string?)step.Success["authentication"]!["symmetricKey"]!["primaryKey"]).ShouldBe(primary);
            ((string?)step.Success["authentication"]!["symmetricKey"]!["secondaryKey"]).ShouldBe(secondary);
        }
    }

    [Fact]
    public async Task A_device_without_keys_gets_two_of_32_bytes_and_the_documented_defaults()
    {
        var id = SharedServer.NewId("made");
        var device = (await RegistryAsync(["create", new { deviceId = id }]))[0].Success;
        var keys = device["authentication"]!["symmetricKey"]!;
        Convert.FromBase64String((string)keys["primaryKey"]!).Length.ShouldBe(32);
        Convert.FromBase64String((string)keys["secondaryKey"]!).Length.ShouldBe(32);
        ((string)keys["primaryKey"]!).ShouldNotBe((string)keys["secondaryKey"]!);
        ((string?)device["status"]).ShouldBe("enabled");
        ((string?)device["connectionState"]).ShouldBe("Disconnected");
        ((string?)device["lastActivityTime"]).ShouldStartWith("0001-01-01T00:00:00");
        ((int?)device["cloudToDeviceMessageCount"]).ShouldBe(0);
        ((bool?)device["capabilities"]!["iotEdge"]).ShouldBe(false);
        ((string?)device["generationId"]).ShouldNotBeNullOrEmpty();
        ((string?)device["etag"]).ShouldNotBeNullOrEmpty();
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("with.dots-and_dashes")]
    [InlineData("odd:+%#*?!(),=@;$'")]
    public async Task Every_legal_id_can_be_created_read_and_deleted(string prefix)
    {
        var id = prefix + SharedServer.NewId("x");
        var steps = await RegistryAsync(["create", new { deviceId = id }], ["get", id], ["delete", id], ["get", id]);
        ((string?)steps[0].Success["deviceId"]).ShouldBe(id);
        ((string?)steps[1].Success["deviceId"]).ShouldBe(id);
        _ = steps[2].Success;
        steps[3].ErrorName.ShouldBe("DeviceNotFoundError");
    }

    [Fact]
    public async Task Creating_a_device_twice_is_a_conflict_and_changes_nothing()
    {
        var id = SharedServer.NewId("twice");
        var steps = await RegistryAsync(["create", new { deviceId = id }], ["create", new { deviceId = id, status = "disabled" }], ["get", id]);
        var first = steps[0].Success;
        steps[1].ErrorName.ShouldBe("DeviceAlreadyExistsError");
        ((string?)steps[2].Success["status"]).ShouldBe("enabled");
        ((string?)steps[2].Success["etag"]).ShouldBe((string?)first["etag"]);
    }

    [Fact]
    public async Task An_update_changes_the_device_and_its_etag_but_not_its_generation()
    {
        var id = SharedServer.NewId("update");
        var steps = await RegistryAsync(["create", new { deviceId = id }], ["update", new { deviceId = id, status = "disabled", statusReason = "lost" }], ["get", id]);
        var (before, updated, after) = (steps[0].Success, steps[1].Success, steps[2].Success);
        ((string?)updated["status"]).ShouldBe("disabled");
        ((string?)after["status"]).ShouldBe("disabled");
        ((string?)after["statusReason"]).ShouldBe("lost");
        ((string?)after["etag"]).ShouldNotBe((string?)before["etag"]);
        ((string?)after["generationId"]).ShouldBe((string?)before["generationId"]);
    }

    [Fact]
    public async Task A_device_that_is_made_again_has_another_generation()
    {
        var id = SharedServer.NewId("again");
        var steps = await RegistryAsync(["create", new { deviceId = id }], ["delete", id], ["create", new { deviceId = id }]);
        ((string?)steps[2].Success["generationId"]).ShouldNotBe((string?)steps[0].Success["generationId"]);
    }

    [Fact]
    public async Task An_update_with_a_stale_etag_is_refused()
    {
        var hub = shared.Server.Hub;
        var id = SharedServer.NewId("etag");
        await hub.CreateDeviceAsync(id);
        var read = await hub.SendAsync(HttpMethod.Get, $"devices/{id}");
        var etag = read.Headers.ETag.ShouldNotBeNull("the ETag header").Tag;
        etag.ShouldBe($"\"{read.Json["etag"]}\"");

        var changed = read.Json;
        changed["statusReason"] = "first";
        (await hub.SendAsync(HttpMethod.Put, $"devices/{id}", changed, etag)).Status.ShouldBe(200);
        changed["statusReason"] = "second";
        var refused = await hub.SendAsync(HttpMethod.Put, $"devices/{id}", changed, etag);
        refused.Status.ShouldBe(412);
        refused.Header("iothub-errorcode").ShouldBe("PreconditionFailed");
        ((string?)(await hub.SendAsync(HttpMethod.Get, $"devices/{id}")).Json["statusReason"]).ShouldBe("first");
        (await hub.SendAsync(HttpMethod.Delete, $"devices/{id}", null, etag)).Status.ShouldBe(412);
        (await hub.SendAsync(HttpMethod.Delete, $"devices/{id}", null, "*")).Status.ShouldBe(204);
    }

    [Fact]
    public async Task Unknown_devices_are_not_found()
    {
        var steps = await RegistryAsync(["get", "nobody"], ["update", new { deviceId = "nobody" }], ["delete", "nobody"], ["getModule", "nobody", "m"]);
        steps[0].ErrorName.ShouldBe("DeviceNotFoundError");
        steps[1].ErrorName.ShouldBeOneOf("DeviceNotFoundError", "InvalidEtagError");
        steps[2].ErrorName.ShouldBe("DeviceNotFoundError");
        steps[3].Ok.ShouldBeFalse();
    }

    [Fact]
    public async Task The_list_and_the_statistics_count_the_devices()
    {
        var (first, second) = (SharedServer.NewId("list"), SharedServer.NewId("list"));
        var steps = await RegistryAsync(
            ["getRegistryStatistics"],
            ["create", new { deviceId = first }],
            ["create", new { deviceId = second, status = "disabled" }],
            ["list"],
            ["getRegistryStatistics"]);
        var ids = steps[3].Success.AsArray().Select(d => (string?)d!["deviceId"]).ToList();
        ids.ShouldContain(first);
        ids.ShouldContain(second);
        var (before, after) = (steps[0].Success, steps[4].Success);
        ((int)after["totalDeviceCount"]!).ShouldBe((int)before["totalDeviceCount"]! + 2);
        ((int)after["enabledDeviceCount"]!).ShouldBe((int)before["enabledDeviceCount"]! + 1);
        ((int)after["disabledDeviceCount"]!).ShouldBe((int)before["disabledDeviceCount"]! + 1);
    }

    [Fact]
    public async Task Many_devices_are_added_and_removed_at_once()
    {
        var ids = Enumerable.Range(0, 20).Select(_ => SharedServer.NewId("bulk")).ToList();
        var devices = ids.Select(id => new { deviceId = id }).ToList();
        var steps = await RegistryAsync(["addDevices", devices], ["get", ids[19]], ["addDevices", devices.Take(1)], ["removeDevices", devices, true], ["get", ids[0]]);
        ((bool?)steps[0].Success["isSuccessful"]).ShouldBe(true);
        ((string?)steps[1].Success["deviceId"]).ShouldBe(ids[19]);
        (steps[2].Ok && (bool?)steps[2].Value!["isSuccessful"] == true).ShouldBeFalse("the device is there already");
        ((bool?)steps[3].Success["isSuccessful"]).ShouldBe(true);
        steps[4].ErrorName.ShouldBe("DeviceNotFoundError");
    }

    [Fact]
    public async Task Modules_live_and_die_with_their_device()
    {
        var id = SharedServer.NewId("modules");
        var steps = await RegistryAsync(
            ["create", new { deviceId = id }],
            ["addModule", new { deviceId = id, moduleId = "camera" }],
            ["addModule", new { deviceId = id, moduleId = "camera" }],
            ["getModule", id, "camera"],
            ["getModulesOnDevice", id],
            ["updateModule", From(3, ""), false],
            ["updateModule", From(3, ""), false],
            ["removeModule", id, "camera"],
            ["getModule", id, "camera"],
            ["addModule", new { deviceId = id, moduleId = "camera" }],
            ["delete", id],
            ["getModule", id, "camera"]);
        ((string?)steps[1].Success["moduleId"]).ShouldBe("camera");
        Convert.FromBase64String((string)steps[1].Success["authentication"]!["symmetricKey"]!["primaryKey"]!).Length.ShouldBe(32);
        steps[2].ErrorName.ShouldBe("DeviceAlreadyExistsError", "the SDK's name for every 409");
        ((string?)steps[3].Success["deviceId"]).ShouldBe(id);
        steps[4].Success.AsArray().Count.ShouldBe(1);
        _ = steps[5].Success;
        steps[6].ErrorName.ShouldBe("InvalidEtagError", "the etag is that of before the first update");
        steps[7].Ok.ShouldBeTrue(steps[7].Error?.ToJsonString());
        steps[8].Ok.ShouldBeFalse();
        _ = steps[9].Success;
        steps[11].Ok.ShouldBeFalse("the module went with its device");
    }

    [Fact]
    public async Task A_wrong_key_of_the_policy_is_unauthorized()
    {
        var credential = shared.Server.Hub.Credential;
        var wrong = $"HostName={credential.HostName};SharedAccessKeyName={credential.Policy};SharedAccessKey={SasToken.NewKey()}";
        var steps = await shared.Node.StepsAsync("registry", wrong, ["get", "any"], ["create", new { deviceId = "any" }]);
        steps[0].ErrorName.ShouldBe("UnauthorizedError");
        steps[1].ErrorName.ShouldBe("UnauthorizedError");
    }

    [Theory]
    [InlineData("""{"deviceId":"sp ace"}""", "ArgumentError")]
    [InlineData("""{"deviceId":"bad","status":"asleep"}""", "ArgumentError")]
    [InlineData("""{"deviceId":"bad","authentication":{"symmetricKey":{"primaryKey":"not base64!","secondaryKey":"AA=="}}}""", "ArgumentError")]
    [InlineData("""{"deviceId":"bad","authentication":{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"xyz","secondaryThumbprint":null}}}""", "ArgumentError")]
    public async Task A_malformed_device_is_refused(string device, string error) =>
        (await RegistryAsync(["create", JsonNode.Parse(device)!]))[0].ErrorName.ShouldBe(error);

    [Fact]
    public async Task An_id_of_129_characters_is_one_too_long()
    {
        var steps = await RegistryAsync(["create", new { deviceId = "a" + new string('b', 127) }], ["create", new { deviceId = "a" + new string('b', 128) }], ["delete", "a" + new string('b', 127)]);
        _ = steps[0].Success;
        steps[1].ErrorName.ShouldBe("ArgumentError");
        _ = steps[2].Success;
    }

    private static Dictionary<string, object> From(int step, string path) => new(StringComparer.Ordinal) { ["$from"] = step, ["path"] = path };

    private Task<IReadOnlyList<StepResult>> RegistryAsync(params object[][] steps) =>
        shared.Node.StepsAsync("registry", shared.Server.Ready.Hub.ServiceConnectionString, steps);
}
