using System.Text;
using System.Text.Json.Nodes;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.Tests.Hub;

namespace Homeport.Tests.People;

/// <summary>Modules of devices over REST in the form of IoT Central.</summary>
public sealed class ModuleTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    [Fact]
    public async Task Modules_are_listed_and_their_properties_read_and_written()
    {
        var token = await ModulesAsync("edge", "camera", "logger");
        var listed = (await SendAsync(200, token, "GET", "/api/devices/edge/modules"))["value"]!.AsArray();
        listed.Select(m => (string?)m!["name"]).ShouldBe(["camera", "logger"]);
        await fixture.Twins.ReportAsync("edge", "camera", """{"frames":25,"lens":{"__t":"c","zoom":3}}"""u8.ToArray(), default);

        const string Camera = "/api/devices/edge/modules/camera";
        await SendAsync(202, token, "PATCH", Camera + "/properties", """{"interval":10,"night":true}""");
        await SendAsync(202, token, "PATCH", Camera + "/components/lens/properties", """{"zoom":4}""");
        (await DesiredAsync("edge", "camera")).ShouldBe("""{"interval":10,"night":true,"lens":{"__t":"c","zoom":4}}""");
        await SendAsync(202, token, "PUT", Camera + "/properties", """{"interval":20}""");
        (await DesiredAsync("edge", "camera")).ShouldBe("""{"interval":20,"lens":{"__t":"c","zoom":4}}""", "a PUT takes away what it does not name, and leaves components");
        var all = await SendAsync(200, token, "GET", Camera + "/properties");
        ((int)all["frames"]!, (int)all["lens"]!["zoom"]!, (int)all["$metadata"]!["interval"]!["desiredValue"]!).ShouldBe((25, 3, 20));
        var lens = await SendAsync(200, token, "GET", Camera + "/components/lens/properties");
        ((int)lens["zoom"]!, (int)lens["$metadata"]!["zoom"]!["desiredValue"]!).ShouldBe((3, 4));
        (await SendAsync(200, token, "GET", Camera + "/components"))["value"]!.AsArray().Select(c => (string?)c!["name"]).ShouldBe(["lens"]);
        JsonNode.Parse((await fixture.Twins.GetAsync("edge", null, default)).Value!.Desired.Properties.Span)!.ToJsonString().ShouldBe("{}", "the device itself is another");
        foreach (var path in (string[])["/api/devices/nobody/modules", "/api/devices/edge/modules/nobody/properties", Camera + "/components/nobody/properties", "/api/devices/edge/modules/nobody/components"])
            await SendAsync(404, token, "GET", path);
        await SendAsync(403, await fixture.TokenAsync(Role.Auditor), "PATCH", Camera + "/properties", "{}");
    }

    [Theory]
    [InlineData("commands/shoot", "shoot")]
    [InlineData("components/lens/commands/focus", "lens*focus")]
    public async Task A_command_is_a_method_of_the_module(string path, string method)
    {
        var id = "edge-" + method.Replace("*", "", StringComparison.Ordinal);
        var token = await ModulesAsync(id, "camera");
        var link = new FakeLink(Identity.KeyOf(id, "camera")) { TakesMethods = true };
        fixture.Live.Open(link);
        var run = fixture.SendAsync("POST", $"/api/devices/{id}/modules/camera/{path}", token, """{"request":{"exposure":2},"responseTimeout":30}""");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!Asked(link))
            await Task.Delay(10, limit.Token);
        var request = link.Requests[0];
        (request.Name, Encoding.UTF8.GetString(request.Payload.Span)).ShouldBe((method, """{"exposure":2}"""));
        fixture.Methods.Answer(link, request.Id, 200, "{\"ok\":true}"u8);
        var (status, answer) = await run;
        (status, (int?)answer!["responseCode"], (bool?)answer["response"]!["ok"]).ShouldBe((201, 200, true));
        var runs = (await SendAsync(200, token, "GET", $"/api/devices/{id}/modules/camera/{path}"))["value"]!.AsArray();
        ((string?)runs.ShouldHaveSingleItem()!["id"], (int?)runs[0]!["request"]!["exposure"], (int?)runs[0]!["responseCode"]).ShouldBe(((string?)answer["id"], 2, 200));
        (await SendAsync(200, token, "GET", $"/api/devices/{id}/modules/camera/commands/other"))["value"]!.AsArray().ShouldBeEmpty();
        await SendAsync(404, token, "GET", $"/api/devices/{id}/modules/nobody/{path}");
        (await fixture.Audit.SearchAsync(new AuditFilter { EntityType = "device" }, 100, default)).ShouldContain(e => e.EntityId == id && e.Detail!.StartsWith("camera, ", StringComparison.Ordinal));
        await SendAsync(404, token, "POST", $"/api/devices/{id}/modules/nobody/{path}", "{}");
        await SendAsync(400, token, "POST", $"/api/devices/{id}/modules/camera/{path}", """{"responseTimeout":"long"}""");
    }

    private static bool Asked(FakeLink link)
    {
        lock (link.Requests)
            return link.Requests.Count > 0;
    }

    private async Task<string> DesiredAsync(string device, string module) => JsonNode.Parse((await fixture.Twins.GetAsync(device, module, default)).Value!.Desired.Properties.Span)!.ToJsonString();

    private async Task<string> ModulesAsync(string device, params string[] modules)
    {
        foreach (var module in (string?[])[null, .. modules])
            (await fixture.Registry.PutAsync(new Identity { DeviceId = device, ModuleId = module, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) }, IfMatch.Absent, default)).Refusal.ShouldBeNull();
        return await fixture.TokenAsync(Role.Operator);
    }

    private async Task<JsonNode> SendAsync(int status, string token, string method, string path, string? body = null)
    {
        var answer = await fixture.SendAsync(method, path, token, body);
        answer.Status.ShouldBe(status, answer.Body?.ToJsonString());
        return answer.Body!;
    }
}
