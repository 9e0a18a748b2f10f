using System.Globalization;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>Twins between the SDKs of devices and services, and by hand.</summary>
[Collection(SharedServerTests.Name)]
public sealed class TwinTests(SharedServer shared)
{
    private HubService Hub => shared.Server.Hub;

    [Theory]
    [InlineData("mqtt", null)]
    [InlineData("mqttws", null)]
    [InlineData("mqtt", "camera")]
    [InlineData("mqttws", "camera")]
    public async Task A_device_and_a_service_meet_in_the_twin(string transport, string? module)
    {
        var id = SharedServer.NewId("twin");
        var device = await Hub.CreateDeviceAsync(id);
        if (module is not null)
            device = await Hub.CreateModuleAsync(id, module);
        object[] of = module is null ? [id] : [id, module];
        var results = await shared.TalkAsync(
            new { d = new { connectionString = shared.ConnectionString(device, module), module = module is not null } },
            [
                new { d = "d", @do = "open" },
                new { d = "d", @do = "watch" },
                new { d = "d", report = new { firmware = "1.0", net = new { wifi = "on", lan = "off" }, list = new object[] { 1, "a" } } },
                new { twin = "get", of },
                new { twin = "update", of, args = new[] { new { tags = new { floor = 1 }, properties = new { desired = new { interval = 10, net = new { wifi = "off" } } } } } },
                new { d = "d", changes = 1 },
                new { d = "d", report = JsonNode.Parse("""{"net":{"lan":null},"firmware":"1.1"}""") },
                new { twin = "update", of, args = new[] { JsonNode.Parse("""{"tags":{"floor":2},"properties":{"desired":{"interval":null}}}""") } },
                new { twin = "update", of, args = new[] { JsonNode.Parse("""{"tags":{"floor":3}}""") } },
                new { twin = "update", of, args = new[] { JsonNode.Parse("""{"properties":{"desired":{"last":true}}}""") } },
                new { d = "d", changes = 3 },
                new { registry = module is null ? "getTwin" : "getModuleTwin", args = of },
                new { d = "d", @do = "twin" },
            ],
            transport);
        results.AllSucceeded();
        var first = results[3].Success;
        ((string?)first["deviceId"], (string?)first["moduleId"]).ShouldBe((id, module));
        first["properties"]!["reported"]!["net"].ShouldBeJson("""{"wifi":"on","lan":"off"}""");
        ((int?)first["properties"]!["reported"]!["$version"]).ShouldBe(2);
        results[5].Success.ShouldBeJson("""[{"interval":10,"net":{"wifi":"off"},"$version":2}]""");
        results[10].Success.ShouldBeJson("""[{"interval":10,"net":{"wifi":"off"},"$version":2},{"interval":null,"$version":3},{"last":true,"$version":4}]""");
        var last = results[11].Success;
        last["tags"].ShouldBeJson("""{"floor":3}""");
        ((string?)last["etag"]).ShouldBe("AAAAAAAAAAU=");
        ((string?)last["connectionState"]).ShouldBe("Connected");
        var own = results[12].Success;
        own["desired"].ShouldBeJson("""{"net":{"wifi":"off"},"last":true,"$version":4}""");
        own["reported"].ShouldBeJson("""{"firmware":"1.1","net":{"wifi":"on"},"list":[1,"a"],"$version":3}""");
        // The metadata is for services only, at every level, with the documented form of time.
        var metadata = last["properties"]!["reported"]!["$metadata"]!;
        foreach (var level in new[] { metadata, metadata["net"]!, metadata["net"]!["wifi"]! })
            DateTimeOffset.TryParseExact((string?)level["$lastUpdated"], "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _).ShouldBeTrue(level.ToJsonString());
        metadata["net"]!["lan"].ShouldBeNull();
        ((long?)last["properties"]!["desired"]!["$metadata"]!["last"]!["$lastUpdatedVersion"]).ShouldBe(4);
    }

    [Fact]
    public async Task The_registry_writes_twins_by_id_and_etag()
    {
        var id = SharedServer.NewId("registry");
        await Hub.CreateDeviceAsync(id);
        await Hub.CreateModuleAsync(id, "camera");
        var steps = await shared.Node.StepsAsync(
            "registry", shared.Server.Ready.Hub.ServiceConnectionString,
            ["getTwin", id],
            ["updateTwin", id, new { tags = new { a = 1 } }, From(0, "etag")],
            ["updateTwin", id, new { tags = new { a = 2 } }, From(0, "etag")],
            ["updateTwin", id, new { tags = new { b = 3 } }, "*"],
            ["getTwin", id],
            ["getModuleTwin", id, "camera"],
            ["updateModuleTwin", id, "camera", new { properties = new { desired = new { m = 1 } } }, From(5, "etag")],
            ["updateModuleTwin", id, "camera", new { properties = new { desired = new { m = 2 } } }, From(5, "etag")],
            ["getModuleTwin", id, "camera"],
            ["getTwin", "nobody"],
            ["getModuleTwin", id, "nothing"],
            ["updateTwin", "nobody", new { tags = new { a = 1 } }, "*"],
            ["updateTwin", id, "{\"tags\":{\"a b\":1}}", "*"]);
        ((string?)steps[0].Success["etag"]).ShouldBe("AAAAAAAAAAE=");
        ((int?)steps[0].Success["version"]).ShouldBe(2);
        ((string?)steps[1].Success["etag"]).ShouldBe("AAAAAAAAAAI=");
        steps[2].ErrorName.ShouldBe("InvalidEtagError");
        steps[4].Success["tags"].ShouldBeJson("""{"a":1,"b":3}""");
        ((string?)steps[5].Success["moduleId"]).ShouldBe("camera");
        _ = steps[6].Success;
        steps[7].ErrorName.ShouldBe("InvalidEtagError");
        ((int?)steps[8].Success["properties"]!["desired"]!["m"]).ShouldBe(1);
        steps[9].ErrorName.ShouldBe("DeviceNotFoundError");
        steps[10].Ok.ShouldBeFalse();
        steps[11].ErrorName.ShouldBe("DeviceNotFoundError");
        steps[12].ErrorName.ShouldBe("ArgumentError");
    }

    [Fact]
    public async Task What_a_device_may_not_report_is_an_error_in_its_SDK()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("refused"));
        var large = Enumerable.Range(0, 9).ToDictionary(i => $"t{i}", _ => new string('x', 4000));
        var results = await shared.TalkAsync(
            new { d = new { connectionString = shared.ConnectionString(device) } },
            [
                new { d = "d", @do = "open" },
                new { d = "d", @do = "twin" },
                new { d = "d", report = JsonNode.Parse("""{"a.b":1}""") },
                new { d = "d", report = large },
                new { d = "d", report = new { fine = 1 } },
                new { d = "d", @do = "twin" },
            ]);
        // The SDK looks at errorCode and hands on the message, whatever the status.
        results[2].ErrorMessage.ShouldContain("a.b");
        results[3].ErrorMessage.ShouldContain($"{32 * 1024}");
        results[4].Ok.ShouldBeTrue();
        results[5].Success["reported"].ShouldBeJson("""{"fine":1,"$version":2}""");
    }

    [Theory]
    [InlineData(null, 200)]
    [InlineData("*", 200)]
    [InlineData("\"*\"", 200)]
    [InlineData("\"{etag}\"", 200)]
    [InlineData("{etag}", 200)]
    [InlineData("\"AAAAAAAAAAE=\"", 412)]
    [InlineData("AAAAAAAAAAE=", 412)]
    [InlineData("\"\"x\"\"", 412)]
    public async Task If_Match_is_read_in_every_spelling(string? header, int status)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("match"));
        foreach (var method in (string[])["PATCH", "PUT"])
        {
            var etag = (await CurlAsync("PATCH", $"/twins/{device.Id}", """{"tags":{"a":1}}""")).ETag;
            var answer = await CurlAsync(method, $"/twins/{device.Id}", """{"tags":{"a":2}}""", header?.Replace("{etag}", etag.Trim('"'), StringComparison.Ordinal));
            answer.Status.ShouldBe(status, answer.Body);
            if (status == 200)
                answer.ETag.ShouldBe($"\"{answer.Json["etag"]}\"");
            else
                (answer.Header("iothub-errorcode"), (string?)answer.Json["Message"]).Item1.ShouldBe("PreconditionFailed");
            ((int?)(await CurlAsync("GET", $"/twins/{device.Id}")).Json["tags"]!["a"]).ShouldBe(status == 200 ? 2 : 1);
        }
    }

    [Fact]
    public async Task The_REST_form_of_a_twin_is_complete()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("form"));
        var answer = await CurlAsync("GET", $"/Twins/{device.Id}/");
        answer.Status.ShouldBe(200);
        answer.Header("Content-Type").ShouldStartWith("application/json; charset=utf-8", Case.Insensitive);
        var twin = answer.Json.AsObject();
        ((string?)twin["deviceId"], (string?)twin["etag"], (int?)twin["version"], (string?)twin["status"]).ShouldBe((device.Id, "AAAAAAAAAAE=", 2, "enabled"));
        ((string?)twin["connectionState"], (string?)twin["authenticationType"], (int?)twin["cloudToDeviceMessageCount"]).ShouldBe(("Disconnected", "sas", 0));
        ((string?)twin["deviceEtag"]).ShouldNotBeNullOrEmpty();
        ((string?)twin["lastActivityTime"]).ShouldBe("0001-01-01T00:00:00Z");
        ((string?)twin["statusUpdateTime"]).ShouldNotBeNullOrEmpty();
        twin["capabilities"].ShouldBeJson("""{"iotEdge":false}""");
        twin["x509Thumbprint"].ShouldBeJson("""{"primaryThumbprint":null,"secondaryThumbprint":null}""");
        twin["tags"].ShouldBeJson("{}");
        twin["properties"].ShouldBeJson("""{"desired":{"$metadata":{"$lastUpdated":"0001-01-01T00:00:00Z"},"$version":1},"reported":{"$metadata":{"$lastUpdated":"0001-01-01T00:00:00Z"},"$version":1}}""");
    }

    [Fact]
    public async Task A_replacement_empties_what_it_leaves_out_and_tells_the_device_all()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("replace"));
        await CurlAsync("PATCH", $"/twins/{device.Id}", """{"tags":{"t":1},"properties":{"desired":{"old":1}}}""");
        await using var paho = await shared.StartPahoAsync(device, new(StringComparer.Ordinal) { ["subscribe"] = Filters("$iothub/twin/PATCH/properties/desired/#"), ["count"] = 1 });
        var answer = await CurlAsync("PUT", $"/twins/{device.Id}", """{"properties":{"desired":{"new":{"a":[1]}},"reported":{"not":"mine"}}}""");
        answer.Status.ShouldBe(200, answer.Body);
        answer.Json["tags"].ShouldBeJson("{}");
        answer.Json["properties"]!["reported"]!["not"].ShouldBeNull();
        var message = (await paho.ResultAsync(TimeSpan.FromSeconds(30)))["messages"]!.AsArray().ShouldHaveSingleItem()!;
        ((string?)message["topic"]).ShouldBe("$iothub/twin/PATCH/properties/desired/?$version=3");
        JsonNode.Parse((string)message["payload"]!).ShouldBeJson("""{"new":{"a":[1]},"$version":3}""");
        ((int?)message["qos"], (bool?)message["retain"]).ShouldBe((0, false));
    }

    [Theory]
    [InlineData("PATCH", "{ no json", 400)]
    [InlineData("PUT", "[]", 400)]
    [InlineData("PATCH", "", 400)]
    [InlineData("PATCH", """{"tags":{"a.b":1}}""", 400)]
    [InlineData("PATCH", """{"properties":{"desired":{"a":4503599627370497}}}""", 400)]
    [InlineData("PATCH", """{"deviceId":"another","tags":{"a":1}}""", 400)]
    public async Task A_bad_request_has_the_form_of_every_error(string method, string body, int status)
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("bad"));
        var answer = await CurlAsync(method, $"/twins/{device.Id}", body);
        answer.Status.ShouldBe(status, answer.Body);
        ((string?)answer.Json["Message"]).ShouldStartWith($"ErrorCode:{answer.Header("iothub-errorcode")};");
        ((int?)(await CurlAsync("GET", $"/twins/{device.Id}")).Json["version"]).ShouldBe(2);
    }

    [Fact]
    public async Task A_service_that_writes_too_much_is_told_that_its_argument_is_bad()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("large"));
        var desired = new JsonObject();
        for (var i = 0; i < 9; i++)
            desired[$"t{i}"] = new string('x', 4000);
        (await Hub.SendAsync(HttpMethod.Patch, $"twins/{device.Id}", new JsonObject { ["properties"] = new JsonObject { ["desired"] = desired } })).Status.ShouldBe(400);
        var huge = await CurlAsync("PATCH", $"/twins/{device.Id}", $$$"""{"tags":{"t":"{{{new string('x', 5_000_000)}}}"} }""");
        (huge.Status, huge.Header("iothub-errorcode")).ShouldBe((413, "MessageTooLarge"));
        ((int?)(await Hub.SendAsync(HttpMethod.Get, $"twins/{device.Id}")).Json["version"]).ShouldBe(2);
    }

    [Fact]
    public async Task The_key_of_a_device_does_not_open_twins_over_REST()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("curious"));
        var token = SasToken.ForDevice(shared.Server.Ready.Hub.HostName, device.Id, device.PrimaryKey);
        (await Hub.SendAsync(HttpMethod.Get, $"twins/{device.Id}", token: token)).Status.ShouldBe(401);
        (await Hub.SendAsync(HttpMethod.Patch, $"twins/{device.Id}", new JsonObject { ["tags"] = new JsonObject() }, token: token)).Status.ShouldBe(401);
    }

    [Fact]
    public async Task Requests_made_by_hand_are_answered_letter_by_letter_and_acknowledged()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("paho"));
        const string Patch = "$iothub/twin/PATCH/properties/reported/";
        var result = await shared.PahoAsync(device, new(StringComparer.Ordinal)
        {
            ["subscribe"] = Filters("$iothub/twin/res/#"),
            ["publish"] = new object[][] { ["$iothub/twin/GET/?$rid=a%2Fb", 1, " "], [Patch + "?$rid=2", 1, "{\"r\":1}"], [Patch + "?$rid=3", 1, "{"], ["$iothub/twin/GET/?$rid=4", 1, ""] },
            ["count"] = 4,
        });
        result["granted"].ShouldBeJson("[1]");
        result["acknowledged"].ShouldBeJson("[true,true,true,true]");
        var messages = result["messages"]!.AsArray().ToDictionary(m => (string)m!["topic"]!, m => (string)m!["payload"]!);
        JsonNode.Parse(messages["$iothub/twin/res/200/?$rid=a%2Fb"]).ShouldBeJson("""{"desired":{"$version":1},"reported":{"$version":1}}""");
        messages["$iothub/twin/res/204/?$rid=2&$version=2"].ShouldBe("");
        var error = JsonNode.Parse(messages["$iothub/twin/res/400/?$rid=3"])!;
        ((int)error["errorCode"]! / 1000).ShouldBe(400);
        ((string?)error["message"]).ShouldNotBeNullOrEmpty();
        ((string?)error["trackingId"]).ShouldNotBeNullOrEmpty();
        ((string?)error["timestampUtc"]).ShouldEndWith("Z");
        messages.ShouldContainKey("$iothub/twin/res/200/?$rid=4");
    }

    [Fact]
    public async Task Mosquitto_reports_and_hears_of_changes()
    {
        var device = await Hub.CreateDeviceAsync(SharedServer.NewId("mosquitto"));
        var published = await shared.MosquittoAsync("mosquitto_pub", device, "-q", "1", "-t", "$iothub/twin/PATCH/properties/reported/?$rid=1", "-m", """{"by":"mosquitto"}""");
        published.ExitCode.ShouldBe(0, published.ToString());
        var twin = (await CurlAsync("GET", $"/twins/{device.Id}")).Json;
        ((string?)twin["properties"]!["reported"]!["by"]).ShouldBe("mosquitto", "the acknowledgement came after the change");

        // Methods are in the same SUBSCRIBE, and the hub says when it has them.
        var hearing = shared.MosquittoAsync("mosquitto_sub", device, "-q", "0", "-t", "$iothub/twin/PATCH/properties/desired/#", "-t", "$iothub/methods/POST/#", "-C", "2", "-F", "%t %p");
        while ((bool?)(await CurlAsync("GET", $"/homeport/v1/devices/{device.Id}/diagnosis")).Json["device"]!["takesMethods"] != true)
            hearing.IsCompleted.ShouldBeFalse("it should listen");
        await CurlAsync("PATCH", $"/twins/{device.Id}", """{"properties":{"desired":{"a":"ä"}}}""");
        await CurlAsync("PATCH", $"/twins/{device.Id}", """{"properties":{"desired":{"a":null}}}""");
        var heard = await hearing;
        heard.ExitCode.ShouldBe(0, heard.ToString());
        heard.Output.ReplaceLineEndings("\n").ShouldBe(
            """
            $iothub/twin/PATCH/properties/desired/?$version=2 {"a":"ä","$version":2}
            $iothub/twin/PATCH/properties/desired/?$version=3 {"a":null,"$version":3}

            """.ReplaceLineEndings("\n"));
    }

    private static object[][] Filters(params string[] filters) => [.. filters.Select(f => new object[] { f, 1 })];

    private static Dictionary<string, object> From(int step, string path) => new(StringComparer.Ordinal) { ["$from"] = step, ["path"] = path };

    private async Task<RestCurl> CurlAsync(string method, string path, string? body = null, string? ifMatch = null) => await RestCurl.SendAsync(shared.Server, method, path, body, ifMatch);
}
