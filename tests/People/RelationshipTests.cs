using System.Text.Json.Nodes;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.People.Audit;

namespace Homeport.Tests.People;

/// <summary>Relationships between devices, and what the Azure command line asks of devices beside the documented data plane.</summary>
public sealed class RelationshipTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private const string Gateway = "/api/devices/gw/relationships";

    [Fact]
    public async Task A_relationship_is_made_listed_at_both_ends_changed_and_deleted()
    {
        var token = await DevicesAsync("gw", "leaf-1", "leaf-2");
        var made = await SendAsync(token, "PUT", Gateway + "/r1", """{"name":"sensors","source":"gw","target":"leaf-1"}""");
        (Text(made, "id"), Text(made, "name"), Text(made, "source"), Text(made, "target")).ShouldBe(("r1", "sensors", "gw", "leaf-1"));
        await SendAsync(token, "PUT", Gateway + "/r2", """{"name":"sensors","target":"leaf-2"}""");
        (await ListAsync(token, "gw")).ShouldBe(["r1", "r2"]);
        (await ListAsync(token, "leaf-2")).ShouldBe(["r2"], "at its target too");
        var page = await SendAsync(token, "GET", Gateway + "?api-version=2022-07-31&$top=1");
        var next = await SendAsync(token, "GET", new Uri(Text(page, "nextLink")!).PathAndQuery);
        (Text(next["value"]![0]!, "id"), next["nextLink"]).ShouldBe(("r2", null));

        Text(await SendAsync(token, "PATCH", Gateway + "/r1", """{"target":"leaf-2"}"""), "name").ShouldBe("sensors");
        (await fixture.SendAsync("PATCH", Gateway + "/r1", token, new JsonObject { ["name"] = "x", ["etag"] = Text(made, "etag") }.ToJsonString())).Status.ShouldBe(412);
        (await fixture.SendAsync("DELETE", Gateway + "/r1", token)).Status.ShouldBe(204);
        (await fixture.SendAsync("GET", Gateway + "/r1", token)).Status.ShouldBe(404);
        (await fixture.SendAsync("DELETE", "/api/devices/leaf-2", token)).Status.ShouldBe(204);
        (await ListAsync(token, "gw")).ShouldBeEmpty("those of a deleted device go with it");
        (await fixture.Audit.SearchAsync(new AuditFilter { Action = "putRelationship" }, 10, default)).ShouldContain(e => e.EntityId == "gw" && e.Detail == "r1: sensors to leaf-1");
    }

    [Theory]
    [InlineData("""{"name":"sensors","target":"nobody"}""", 422, "nobody")]
    [InlineData("""{"name":"sensors","target":"self"}""", 400, "same device")]
    [InlineData("""{"name":"","target":"other"}""", 400, "name")]
    [InlineData("""{"target":"other"}""", 400, "name or target is missing")]
    [InlineData("""{"name":"sensors","source":"other","target":"other"}""", 400, "source")]
    [InlineData("""{"name":7,"target":"other"}""", 400, "name is no text")]
    public async Task A_relationship_with_a_mistake_is_refused(string body, int status, string says)
    {
        var token = await DevicesAsync("self", "other");
        var answer = await fixture.SendAsync("PUT", "/api/devices/self/relationships/wrong", token, body);
        answer.Status.ShouldBe(status, answer.Body?.ToJsonString());
        Text(answer.Body!["error"]!, "message")!.ShouldContain(says);
        (await ListAsync(token, "self")).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_template_of_the_source_says_which_relationships_there_are()
    {
        const string Template = "dtmi:modelDefinition:relations:gateway;1";
        var token = await DevicesAsync("modeled", "below");
        var body = """
            {"@context":"dtmi:dtdl:context;2","@id":"dtmi:relations:gateway;1","@type":"Interface","contents":[{"@type":"Relationship","name":"meters"}]}
            """;
        await SendAsync(token, "PUT", "/api/deviceTemplates/" + Template, body);
        await SendAsync(token, "PATCH", "/api/devices/modeled", $$"""{"template":"{{Template}}"}""");
        var refused = await fixture.SendAsync("PUT", "/api/devices/modeled/relationships/r", token, """{"name":"sensors","target":"below"}""");
        refused.Status.ShouldBe(422);
        Text(refused.Body!["error"]!, "message")!.ShouldContain("It has meters");
        await SendAsync(token, "PUT", "/api/devices/modeled/relationships/r", """{"name":"meters","target":"below"}""");
    }

    [Fact]
    public async Task The_twin_is_shown_and_the_queue_is_emptied()
    {
        var token = await DevicesAsync("cli");
        await fixture.Messages.SendAsync("cli", null, new CloudToDeviceMessage([], "hello"u8.ToArray()), default);
        var twin = await SendAsync(token, "GET", "/api/system/iothub/devices/cli/get-twin?api-version=2022-07-31&extendedInfo=true");
        (Text(twin, "deviceId"), (int)twin["cloudToDeviceMessageCount"]!, (int)twin["properties"]!["desired"]!["$version"]!).ShouldBe(("cli", 1, 1));
        var purged = await SendAsync(token, "DELETE", "/api/system/iothub/devices/cli/c2d");
        ((int)purged["totalMessagesPurged"]!).ShouldBe(1);
        ((int)(await SendAsync(token, "GET", "/api/system/iothub/devices/cli/get-twin"))["cloudToDeviceMessageCount"]!).ShouldBe(0);
        (await fixture.SendAsync("GET", "/api/system/iothub/devices/nobody/get-twin", token)).Status.ShouldBe(404);
        (await fixture.SendAsync("DELETE", "/api/system/iothub/devices/cli/c2d", await fixture.TokenAsync(Role.Auditor))).Status.ShouldBe(403);
        (await fixture.Audit.SearchAsync(new AuditFilter { Action = "purgeDeviceQueue" }, 10, default)).ShouldContain(e => e.EntityId == "cli" && e.Detail == "1 messages");
    }

    private async Task<string> DevicesAsync(params string[] ids)
    {
        foreach (var id in ids)
            await fixture.Registry.PutAsync(new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) }, IfMatch.Absent, default);
        return await fixture.TokenAsync(Role.Builder);
    }

    private async Task<IReadOnlyList<string?>> ListAsync(string token, string device)
        => [.. (await SendAsync(token, "GET", $"/api/devices/{device}/relationships"))["value"]!.AsArray().Select(r => Text(r!, "id"))];

    private async Task<JsonNode> SendAsync(string token, string method, string path, string? body = null)
    {
        var (status, answer) = await fixture.SendAsync(method, path, token, body);
        status.ShouldBe(200, answer?.ToJsonString());
        return answer!;
    }

    private static string? Text(JsonNode node, string member) => (string?)node[member];
}
