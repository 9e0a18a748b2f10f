using System.Text;
using System.Text.Json.Nodes;
using Homeport.Hub.Registry;
using Homeport.Log;
using Homeport.People.Access;
using Homeport.Tests.Hub;

namespace Homeport.Tests.People;

/// <summary>Properties, commands and telemetry of a device by the names of its template, over the API.</summary>
public sealed class DeviceDataTests(PeopleFixture fixture) : IClassFixture<PeopleFixture>
{
    private readonly string _device = TemplateTests.NewName();

    [Fact]
    public async Task Properties_are_read_and_written_where_the_template_says()
    {
        await DeviceAsync();
        await fixture.Twins.ReportAsync(_device, null, """{ "serial": "s-1", "speed": { "value": 4, "ac": 200, "av": 2, "ad": "done" }, "motor": { "__t": "c", "limit": 90 } }"""u8.ToArray(), default);
        var (status, _) = await SendAsync("PATCH", "properties", """{ "speed": 5.5, "owner": "Ada", "motor": { "limit": 80 } }""");
        status.ShouldBe(202);
        var twin = (await fixture.Twins.GetAsync(_device, null, default)).Value!;
        Text(twin.Desired.Properties).ShouldBe("""{"speed":5.5,"motor":{"__t":"c","limit":80}}""");
        Text(twin.Tags).ShouldBe("""{"cloud":{"owner":"Ada"}}""");

        var (_, all) = await SendAsync("GET", "properties");
        ((string?)all!["serial"], (string?)all["owner"], (double?)all["speed"], (double?)all["motor"]!["limit"]).ShouldBe(("s-1", "Ada", 4, 90));
        ((double?)all["$metadata"]!["speed"]!["desiredValue"], (int?)all["$metadata"]!["speed"]!["ackVersion"]).ShouldBe((5.5, 2));
        var (_, motor) = await SendAsync("GET", "components/motor/properties");
        ((double?)motor!["limit"], (double?)motor["$metadata"]!["limit"]!["desiredValue"]).ShouldBe((90, 80));

        (await SendAsync("PUT", "components/motor/properties", """{ }""")).Status.ShouldBe(202);
        (await SendAsync("PUT", "properties", """{ "speed": 6 }""")).Status.ShouldBe(202);
        twin = (await fixture.Twins.GetAsync(_device, null, default)).Value!;
        Text(twin.Desired.Properties).ShouldBe("""{"speed":6,"motor":{"__t":"c"}}""");
        Text(twin.Tags).ShouldBe("""{"cloud":{}}""");
        var (_, components) = await SendAsync("GET", "components");
        components!["value"]!.AsArray().ShouldHaveSingleItem()!["name"]!.GetValue<string>().ShouldBe("motor");
    }

    [Theory]
    [InlineData("properties", """{ "speed": "fast" }""", 422, "not a number")]
    [InlineData("properties", """{ "serial": "x" }""", 422, "read-only")]
    [InlineData("properties", """{ "sped": 1 }""", 422, "It has speed, serial, owner")]
    [InlineData("properties", """{ "motor": { "limit": true } }""", 422, "not a number")]
    [InlineData("properties", "[]", 400, "no JSON object")]
    [InlineData("properties", """{ "speed": 1, "speed": 2 }""", 400, "twice")]
    [InlineData("components/engine/properties", """{ "limit": 1 }""", 404, "Components are motor")]
    public async Task What_the_template_does_not_allow_is_refused(string path, string body, int status, string words)
    {
        await DeviceAsync();
        var (answered, answer) = await SendAsync("PATCH", path, body);
        answered.ShouldBe(status);
        ((string)answer!["error"]!["message"]!).ShouldContain(words);
        Text((await fixture.Twins.GetAsync(_device, null, default)).Value!.Desired.Properties).ShouldBe("{}");
    }

    [Fact]
    public async Task A_device_without_a_template_has_all_properties_that_somebody_writes()
    {
        await DeviceAsync(template: false);
        (await SendAsync("PATCH", "properties", """{ "anything": [1, 2] }""")).Status.ShouldBe(202);
        (await SendAsync("PATCH", "components/part/properties", """{ "x": 1 }""")).Status.ShouldBe(202);
        Text((await fixture.Twins.GetAsync(_device, null, default)).Value!.Desired.Properties).ShouldBe("""{"anything":[1,2],"part":{"__t":"c","x":1}}""");
        (await SendAsync("GET", "components/other/properties")).Status.ShouldBe(200);
        (await fixture.SendAsync("GET", "/api/devices/nobody/properties", await fixture.TokenAsync(Role.Operator))).Status.ShouldBe(404);
    }

    [Fact]
    public async Task A_command_is_a_method_and_its_runs_are_kept()
    {
        await DeviceAsync();
        var link = new FakeLink(_device) { TakesMethods = true };
        fixture.Live.Open(link);
        var calls = new[] { ("commands/start", """{ "request": 40 }""", "start", "40"), ("components/motor/commands/brake", "{}", "motor*brake", "null") };
        foreach (var (path, body, method, payload) in calls)
        {
            var run = SendAsync("POST", path, body);
            var request = await RequestAsync(link);
            (request.Name, Encoding.UTF8.GetString(request.Payload.Span)).ShouldBe((method, payload));
            fixture.Methods.Answer(link, request.Id, 207, """{"ok":true}"""u8);
            var (status, answer) = await run;
            status.ShouldBe(201);
            ((int?)answer!["responseCode"], (bool?)answer["response"]!["ok"]).ShouldBe((207, true));
            var (_, runs) = await SendAsync("GET", path);
            runs!["value"]!.AsArray().ShouldHaveSingleItem()!["id"]!.GetValue<string>().ShouldBe((string)answer["id"]!);
        }
    }

    [Fact]
    public async Task A_durable_command_waits_for_its_device()
    {
        await DeviceAsync();
        var (status, answer) = await SendAsync("POST", "commands/note", """{ "request": "hello" }""");
        (status, (int?)answer?["responseCode"]).ShouldBe((201, 202), answer?.ToJsonString());
        var (_, runs) = await SendAsync("GET", "commands/note");
        ((string?)runs!["value"]![0]!["request"]).ShouldBe("hello");
    }

    [Theory]
    [InlineData("commands/start", """{ "request": "fast" }""", 422)]
    [InlineData("commands/start", """{ "request": 1 }""", 404)]
    [InlineData("commands/fly", "{}", 404)]
    [InlineData("components/motor/commands/brake", """{ "request": 1 }""", 422)]
    [InlineData("commands/start", """{ "request": 1, "responseTimeout": 1 }""", 400)]
    [InlineData("commands/start", """{ "request": 1, "connectionTimeout": "soon" }""", 400)]
    public async Task A_command_that_cannot_run_is_refused(string path, string body, int status)
    {
        await DeviceAsync();
        (await SendAsync("POST", path, body)).Status.ShouldBe(status);
    }

    [Fact]
    public async Task The_last_value_of_a_name_is_found_behind_others()
    {
        await DeviceAsync();
        await AppendAsync(_device, null, """{ "pressure": 1.5 }""");
        await AppendAsync(_device, "motor", """{ "heat": 60, "pressure": 9 }""");
        await AppendAsync(_device, null, """{ "pressure": 2.5, "other": true }""");
        await AppendAsync(_device, null, "no JSON");
        await AppendAsync(_device, null, """{ "other": false }""");
        for (var i = 0; i < 3000; i++)
            fixture.Log.Append(fixture.Log.WriterFor(new RecordOrigin("neighbour", null, "1", "{}")), MessageSource.Telemetry, [], """{ "pressure": 7 }"""u8);
        await AppendAsync("neighbour", null, """{ "pressure": 7 }""");
        var (status, value) = await SendAsync("GET", "telemetry/pressure");
        status.ShouldBe(200, value?.ToJsonString());
        ((double?)value!["value"]).ShouldBe(2.5);
        ((string?)value["timestamp"]).ShouldNotBeNull().ShouldEndWith("Z");
        ((double?)(await SendAsync("GET", "components/motor/telemetry/heat")).Body!["value"]).ShouldBe(60);
        (await SendAsync("GET", "telemetry/heat")).Status.ShouldBe(404);
        (await SendAsync("GET", "telemetry/nothing")).Status.ShouldBe(404);
        var series = await fixture.Templates.Telemetry.SeriesAsync(_device, fixture.Time.GetUtcNow() - TimeSpan.FromHours(1), 100, default);
        series.Single(s => s is { Component: null, Name: "pressure" }).Points.Select(p => p.Value).ShouldBe([1.5, 2.5]);
    }

    private async Task DeviceAsync(bool template = true)
    {
        (await fixture.Registry.PutAsync(new Identity { DeviceId = _device, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) }, IfMatch.Absent, default)).Refusal.ShouldBeNull();
        if (!template)
            return;
        var id = $"dtmi:modelDefinition:{_device};1";
        (await fixture.Templates.Templates.PutAsync(id, TemplateTests.Template(_device), IfMatch.Absent, default)).Refusal.ShouldBeNull();
        (await fixture.Templates.Migration.MigrateAsync(_device, id, default)).ShouldBeNull();
    }

    private async Task<(int Status, JsonNode? Body)> SendAsync(string method, string path, string? body = null)
        => await fixture.SendAsync(method, $"/api/devices/{_device}/{path}", await fixture.TokenAsync(Role.Operator), body);

    private async Task AppendAsync(string device, string? component, string body)
    {
        var properties = component is null ? [] : RecordProperties.Write([new("$.sub", component)]);
        await fixture.Log.Append(fixture.Log.WriterFor(new RecordOrigin(device, null, "1", "{}")), MessageSource.Telemetry, properties, Encoding.UTF8.GetBytes(body)).WhenDurable();
    }

    private static async Task<Homeport.Hub.Methods.MethodRequest> RequestAsync(FakeLink link)
    {
        for (var i = 0; i < 6000; i++)
        {
            lock (link.Requests)
            {
                if (link.Requests.Count > 0)
                {
                    var request = link.Requests[0];
                    link.Requests.Clear();
                    return request;
                }
            }
            await Task.Delay(10);
        }
        throw new TimeoutException("no call came");
    }

    private static string Text(ReadOnlyMemory<byte> json) => Encoding.UTF8.GetString(json.Span);
}
