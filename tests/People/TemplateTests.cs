using System.Text.Json.Nodes;
using Homeport.Hub.Registry;
using Homeport.People.Access;
using Homeport.Templates;

namespace Homeport.Tests.People;

/// <summary>Device templates over the API: drafts, publishing, versions, the model repository, and which device follows which.</summary>
public sealed class TemplateTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private static int _last;

    [Fact]
    public async Task A_template_is_put_listed_read_and_deleted()
    {
        var (name, token) = (NewName(), await fixture.TokenAsync(Role.Builder));
        var (status, made) = await fixture.SendAsync("PUT", $"/api/deviceTemplates/dtmi:modelDefinition:{name};1", token, Template(name));
        status.ShouldBe(200, made?.ToJsonString());
        ((string?)made!["@id"], (string?)made["displayName"], (string?)made["capabilityModel"]!["@id"]).ShouldBe(($"dtmi:modelDefinition:{name};1", "Pump", $"dtmi:com:example:{name};1"));
        var etag = ((string?)made["etag"]).ShouldNotBeNull();
        var (_, read) = await fixture.SendAsync("GET", $"/api/deviceTemplates/dtmi:modelDefinition:{name};1", await fixture.TokenAsync(Role.Auditor));
        read!.ToJsonString().ShouldBe(made.ToJsonString());
        var (_, list) = await fixture.SendAsync("GET", $"/api/deviceTemplates?api-version=2022-07-31&$filter=id eq 'dtmi:modelDefinition:{name};1'", token);
        list!["value"]!.AsArray().ShouldHaveSingleItem()!["etag"]!.GetValue<string>().ShouldBe(etag);
        (await fixture.SendAsync("DELETE", $"/api/deviceTemplates/dtmi:modelDefinition:{name};1", token)).Status.ShouldBe(204);
        (await fixture.SendAsync("GET", $"/api/deviceTemplates/dtmi:modelDefinition:{name};1", token)).Status.ShouldBe(404);
    }

    [Fact]
    public async Task Pages_follow_each_other_in_the_order_that_is_asked_for()
    {
        var (name, token) = (NewName(), await fixture.TokenAsync(Role.Builder));
        for (var i = 0; i < 5; i++)
            await PutAsync($"{name}{i}", Template($"{name}{i}", displayName: $"{name} {9 - i}"));
        var names = new List<string>();
        var path = $"/api/deviceTemplates?api-version=2022-07-31&$top=2&$orderby=displayName&$filter=indexof(displayName, '{name}') ge 0";
        while (path is not null)
        {
            var (status, page) = await fixture.SendAsync("GET", path, token);
            status.ShouldBe(200, page?.ToJsonString());
            names.AddRange(page!["value"]!.AsArray().Select(t => (string)t!["displayName"]!));
            path = (string?)page["nextLink"] is { } next ? new Uri(next).PathAndQuery : null!;
        }
        names.ShouldBe([$"{name} 5", $"{name} 6", $"{name} 7", $"{name} 8", $"{name} 9"]);
        (await fixture.SendAsync("GET", "/api/deviceTemplates?api-version=2022-07-31&$filter=color eq 'red'", token)).Status.ShouldBe(400);
        (await fixture.SendAsync("GET", "/api/deviceTemplates?api-version=2022-07-31&$top=101", token)).Status.ShouldBe(400);
    }

    [Theory]
    [InlineData("{}", "@context' is missing")]
    [InlineData("[", "line 1, column 2")]
    [InlineData("null", "no interface")]
    [InlineData("""{ "@id": "dtmi:modelDefinition:other;1", "capabilityModel": { "@id": "dtmi:a:b;1", "@type": "Interface" } }""", "not that of the address")]
    [InlineData("""{ "@type": "Elephant", "capabilityModel": { "@id": "dtmi:a:b;1", "@type": "Interface" } }""", "no device template")]
    [InlineData("{ \"capabilityModel\": { \"@id\": \"dtmi:a:b;1\", \"@type\": \"Interface\",\n \"contents\": [ { \"@type\": \"Telemetry\", \"name\": \"t\" } ] } }", "line 2, column 16")]
    [InlineData("""{ "capabilityModel": { "@id": "dtmi:a:b;1", "@type": "Interface", "extends": "dtmi:nowhere;1" } }""", "not in the model repository")]
    public async Task A_bad_template_is_refused_with_the_place_of_the_mistake(string text, string words)
    {
        var (status, body) = await fixture.SendAsync("PUT", "/api/deviceTemplates/dtmi:modelDefinition:bad;1", await fixture.TokenAsync(Role.Builder), text);
        status.ShouldBe(400);
        ((string)body!["error"]!["message"]!).ShouldContain(words);
    }

    [Fact]
    public async Task What_is_published_changes_for_people_only_and_for_devices_in_a_new_version()
    {
        var (name, token) = (NewName(), await fixture.TokenAsync(Role.Builder));
        var path = $"/api/deviceTemplates/dtmi:modelDefinition:{name};1";
        var etag = (string)(await PutAsync(name, Template(name)))["etag"]!;
        var (status, refused) = await fixture.SendAsync("PUT", path, token, Template(name, more: """, { "@type": "Telemetry", "name": "flow", "schema": "double" }"""));
        status.ShouldBe(409);
        ((string)refused!["error"]!["message"]!).ShouldContain("flow Telemetry is new");
        ((string)refused["error"]!["message"]!).ShouldContain($"dtmi:modelDefinition:{name};2");
        (status, var patched) = await fixture.SendAsync("PATCH", path, token, $$"""{ "displayName": "Pump of the yard", "etag": "{{etag}}" }""");
        status.ShouldBe(200, patched?.ToJsonString());
        (await fixture.SendAsync("PATCH", path, token, $$"""{ "displayName": "Again", "etag": "{{etag}}" }""")).Status.ShouldBe(412);
        (await fixture.SendAsync("GET", path, token)).Body!["displayName"]!.GetValue<string>().ShouldBe("Pump of the yard");

        (status, var version) = await fixture.SendAsync("POST", $"/api/x/deviceTemplates/dtmi:modelDefinition:{name};1/versions", token);
        status.ShouldBe(200, version?.ToJsonString());
        ((string?)version!["@id"], (string?)version["capabilityModel"]!["@id"]).ShouldBe(($"dtmi:modelDefinition:{name};2", $"dtmi:com:example:{name};2"));
        (await fixture.SendAsync("GET", $"/api/deviceTemplates/dtmi:modelDefinition:{name};2", token)).Status.ShouldBe(404, "a draft is not published");
        var draft = Template(name, version: 2, more: """, { "@type": "Telemetry", "name": "flow", "schema": "double" }""");
        (status, _) = await fixture.SendAsync("PUT", $"/api/x/deviceTemplates/dtmi:modelDefinition:{name};2/draft", token, draft);
        status.ShouldBe(200);
        (await fixture.SendAsync("POST", $"/api/x/deviceTemplates/dtmi:modelDefinition:{name};2/publish", token)).Status.ShouldBe(200);
        (await fixture.SendAsync("GET", $"/api/deviceTemplates/dtmi:modelDefinition:{name};2", token)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Models_of_the_own_repository_go_into_templates_and_stay_there()
    {
        var (name, token) = (NewName(), await fixture.TokenAsync(Role.Builder));
        var (status, added) = await fixture.SendAsync("POST", "/api/x/models", token, $$"""
            [ { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:com:example:{{name}}Part;1", "@type": "Interface", "contents": { "@type": "Telemetry", "name": "t", "schema": "double" } },
              { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:com:example:{{name}};1", "@type": "Interface", "displayName": "Machine",
                "contents": [ { "@type": "Component", "name": "left", "schema": "dtmi:com:example:{{name}}Part;1" }, { "@type": "Component", "name": "right", "schema": "dtmi:com:example:{{name}}Part;1" } ] } ]
            """);
        (status, (int?)added?["added"]).ShouldBe((200, 2), added?.ToJsonString());
        var template = (await fixture.Templates.Templates.ImportAsync($"dtmi:com:example:{name};1", default)).Value!;
        (template.Id, template.DisplayName, template.IsPublished).ShouldBe(($"dtmi:modelDefinition:com:example:{name};1", "Machine", true));
        (await fixture.SendAsync("DELETE", $"/api/x/models/dtmi:com:example:{name}Part;1", token)).Status.ShouldBe(204);
        (await fixture.SendAsync("GET", $"/api/x/models/dtmi:com:example:{name}Part;1", token)).Status.ShouldBe(404);
        var content = (await fixture.Templates.Templates.ContentAsync(template, draft: false, default)).ShouldNotBeNull();
        content.Model.ContentsOf("right").Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_device_that_names_its_model_gets_a_published_template_first_then_one_of_the_repository_then_none()
    {
        var name = NewName();
        await PutAsync(name, Template(name));
        await AssignedAsync(name + "-a", $"dtmi:com:example:{name};1", $"dtmi:modelDefinition:{name};1", AssignedBy.Model);
        await AssignedAsync(name + "-b", $"dtmi:modelDefinition:{name};1", $"dtmi:modelDefinition:{name};1", AssignedBy.Model);
        await AssignedAsync(name + "-c", $"dtmi:modelDefinition:{name}/1", $"dtmi:modelDefinition:{name};1", AssignedBy.Model);
        await AssignedAsync(name + "-d", $"dtmi:com:Example:{name};1", null, AssignedBy.Nobody);

        var file = Path.Combine(fixture.Models, "dtmi", "com", "public", $"{name.ToLowerInvariant()}-3.json");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await File.WriteAllTextAsync(file, $$"""{ "@context": "dtmi:dtdl:context;2", "@id": "dtmi:com:public:{{name}};3", "@type": "Interface", "contents": [] }""");
        await AssignedAsync(name + "-e", $"dtmi:com:public:{name};3", $"dtmi:modelDefinition:com:public:{name};3", AssignedBy.Repository);
        await AssignedAsync(name + "-f", $"dtmi:com:public:{name.ToUpperInvariant()};3", null, AssignedBy.Nobody);

        // A device keeps its template; the other model is noted.
        await fixture.Templates.Association.NoteModelAsync(name + "-a", $"dtmi:com:public:{name};3", default);
        var kept = (await fixture.Templates.Association.FindAsync(name + "-a", default)).ShouldNotBeNull();
        (kept.TemplateId, kept.ModelId).ShouldBe(($"dtmi:modelDefinition:{name};1", $"dtmi:com:public:{name};3"));
    }

    [Fact]
    public async Task A_draft_that_somebody_edits_is_not_overwritten_by_a_device()
    {
        var (name, token) = (NewName(), await fixture.TokenAsync(Role.Builder));
        var model = $$"""{ "@context": "dtmi:dtdl:context;2", "@id": "dtmi:com:example:{{name}};1", "@type": "Interface" }""";
        (await fixture.SendAsync("POST", "/api/x/models", token, model)).Status.ShouldBe(200);
        var path = $"/api/x/deviceTemplates/dtmi:modelDefinition:com:example:{name};1/draft";
        (await fixture.SendAsync("PUT", path, token, "\uFEFF" + model.Replace("\"Interface\"", "\"Interface\", \"displayName\": \"Mine\"", StringComparison.Ordinal))).Status.ShouldBe(200);
        await AssignedAsync(name, $"dtmi:com:example:{name};1", null, AssignedBy.Nobody);
        (await fixture.SendAsync("GET", path, token)).Body!["displayName"]!.GetValue<string>().ShouldBe("Mine");
    }

    [Theory]
    [InlineData("""{ "@id": "dtmi:com:example:Odd;1", "@type": "Interface" }""")]
    [InlineData("""{ "@id": 7, "@type": "Interface" }""")]
    [InlineData("""{ "@id": "dtmi:x;1", "@type": [ 1, "Interface" ], "extends": 7, "contents": [ { "@type": 3, "schema": 4 } ] }""")]
    public async Task What_nobody_reads_in_a_template_does_no_harm(string odd)
    {
        var name = NewName();
        var text = $$"""{ "views": [ {{odd}} ], "capabilityModel": { "@id": "dtmi:com:example:{{name}};1", "@type": "Interface", "contents": [ { "@type": "Telemetry", "name": "t", "schema": "double", "extra": {{odd}} } ] } }""";
        await PutAsync(name, text);
    }

    [Fact]
    public async Task Devices_that_waited_for_their_template_are_adopted_and_hold_it()
    {
        var (name, token) = (NewName(), await fixture.TokenAsync(Role.Builder));
        await AssignedAsync(name + "-1", $"dtmi:com:example:{name};1", null, AssignedBy.Nobody);
        await AssignedAsync(name + "-2", $"dtmi:com:example:{name};1", null, AssignedBy.Nobody);
        await PutAsync(name, Template(name));
        var (status, adopted) = await fixture.SendAsync("POST", $"/api/x/deviceTemplates/dtmi:modelDefinition:{name};1/adopt", token);
        (status, (int?)adopted?["devices"]).ShouldBe((200, 2));
        (status, var held) = await fixture.SendAsync("DELETE", $"/api/deviceTemplates/dtmi:modelDefinition:{name};1", token);
        status.ShouldBe(409);
        ((string)held!["error"]!["message"]!).ShouldContain($"{name}-1");
    }

    [Fact]
    public async Task A_migration_is_shown_before_it_is_made()
    {
        var (name, token) = (NewName(), await fixture.TokenAsync(Role.Operator));
        await PutAsync(name, Template(name));
        await PutAsync(name, Template(name, version: 2, speed: "string", more: """, { "@type": "Command", "name": "stop" }"""), 2);
        await DeviceAsync(name);
        await fixture.Twins.ReportAsync(name, null, """{ "speed": { "value": 4, "ac": 200, "av": 1 }, "note": "x" }"""u8.ToArray(), default);
        (await fixture.SendAsync("PUT", $"/api/x/devices/{name}/template", token, $$"""{ "template": "dtmi:modelDefinition:{{name}};1" }""")).Status.ShouldBe(200);
        var (status, preview) = await fixture.SendAsync("GET", $"/api/x/devices/{name}/template/preview?template={Uri.EscapeDataString($"dtmi:modelDefinition:{name};2")}", token);
        status.ShouldBe(200, preview?.ToJsonString());
        preview!["changes"]!.AsArray().Select(c => $"{c!["kind"]} {c["path"]} {c["text"]}").ShouldBe(["breaking speed is string, not double", "addition stop Command is new"]);
        preview["values"]!.AsArray().Select(v => (string)v!).ShouldBe(["reported.speed: The value is 4, not a text", "reported.note is not in the new template"]);
        (await fixture.SendAsync("PUT", $"/api/x/devices/{name}/template", token, $$"""{ "template": "dtmi:modelDefinition:{{name}};2" }""")).Status.ShouldBe(200);
        var (_, now) = await fixture.SendAsync("GET", $"/api/x/devices/{name}/template", token);
        ((string?)now!["template"], (string?)now["assignedBy"]).ShouldBe(($"dtmi:modelDefinition:{name};2", "operator"));
        (await fixture.SendAsync("PUT", $"/api/x/devices/{name}/template", token, """{ "template": "dtmi:nowhere;1" }""")).Status.ShouldBe(404);
        (await fixture.SendAsync("PUT", $"/api/x/devices/{name}/template", token, "{}")).Status.ShouldBe(400);
        (await fixture.Registry.DeleteAsync(name, null, IfMatch.Absent, default)).ShouldBeNull();
        (await fixture.Templates.Association.FindAsync(name, default)).ShouldBeNull("the device is gone");
    }

    [Fact]
    public async Task The_description_of_the_API_has_the_parts_of_every_path()
    {
        var (_, document) = await fixture.SendAsync("GET", "/api/x/openapi.json", await fixture.TokenAsync(Role.Builder));
        var run = document!["paths"]!["/api/devices/{id}/components/{component}/commands/{command}"]!["post"]!;
        run["parameters"]!.AsArray().Select(p => (string)p!["name"]!).ShouldBe(["id", "component", "command", "api-version"]);
        run["responses"]!.AsObject().ContainsKey("201").ShouldBeTrue();
    }

    internal static string NewName() => $"Pump{Interlocked.Increment(ref _last)}x{Guid.NewGuid():N}"[..14];

    internal static string Template(string name, int version = 1, string displayName = "Pump", string speed = "double", string more = "") => $$"""
        { "@id": "dtmi:modelDefinition:{{name}};{{version}}", "@type": [ "ModelDefinition", "DeviceModel" ], "@context": [ "dtmi:iotcentral:context;2", "dtmi:dtdl:context;2" ],
          "displayName": "{{displayName}}",
          "capabilityModel": { "@id": "dtmi:com:example:{{name}};{{version}}", "@type": "Interface", "contents": [
            { "@type": [ "Telemetry", "Pressure" ], "name": "pressure", "schema": "double", "unit": "bar", "minValue": 0, "maxValue": 10 },
            { "@type": "Property", "name": "speed", "schema": "{{speed}}", "writable": true },
            { "@type": "Property", "name": "serial", "schema": "string" },
            { "@type": [ "Property", "Cloud" ], "name": "owner", "schema": "string" },
            { "@type": "Command", "name": "start", "request": { "name": "percent", "schema": "integer" } },
            { "@type": "Command", "name": "note", "durable": true, "request": { "name": "text", "schema": "string" } },
            { "@type": "Component", "name": "motor", "schema": { "@id": "dtmi:com:example:{{name}}Motor;{{version}}", "@type": "Interface", "contents": [
                { "@type": "Telemetry", "name": "heat", "schema": "double" }, { "@type": "Property", "name": "limit", "schema": "double", "writable": true }, { "@type": "Command", "name": "brake" } ] } }
            {{more}} ] } }
        """;

    private async Task<JsonNode> PutAsync(string name, string text, int version = 1)
    {
        var (status, body) = await fixture.SendAsync("PUT", $"/api/deviceTemplates/dtmi:modelDefinition:{name};{version}", await fixture.TokenAsync(Role.Builder), text);
        status.ShouldBe(200, body?.ToJsonString());
        return body!;
    }

    private async Task DeviceAsync(string id)
        => (await fixture.Registry.PutAsync(new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) }, IfMatch.Absent, default)).Refusal.ShouldBeNull();

    private async Task AssignedAsync(string device, string model, string? template, AssignedBy by)
    {
        await fixture.Templates.Association.NoteModelAsync(device, model, default);
        var found = (await fixture.Templates.Association.FindAsync(device, default)).ShouldNotBeNull();
        (found.TemplateId, found.ModelId, found.By).ShouldBe((template, model, by), device);
    }
}
