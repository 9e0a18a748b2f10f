using System.Globalization;
using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>Device templates from the editor to the device that names the model: Chromium on the one side, the Node SDKs on the other, curl beside.</summary>
public sealed class TemplateTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>
{
    private const string Id = "dtmi:modelDefinition:com:example:Pump;1";
    private const string Model = "dtmi:com:example:Pump;1";

    private static string Text(int version = 1, string more = "") => $$"""
        { "@context": "dtmi:dtdl:context;2", "@id": "dtmi:com:example:Pump;{{version}}", "@type": "Interface", "displayName": "Pump of the yard", "contents": [
          { "@type": [ "Telemetry", "Pressure" ], "name": "pressure", "displayName": "Pressure at the outlet", "schema": "double", "unit": "bar" },
          { "@type": "Property", "name": "speed", "displayName": "Speed", "schema": "double", "writable": true },
          { "@type": "Property", "name": "serial", "schema": "string" },
          { "@type": "Command", "name": "start", "displayName": "Start", "request": { "name": "percent", "schema": "integer" } },
          { "@type": "Component", "name": "motor", "schema": { "@id": "dtmi:com:example:Motor;{{version}}", "@type": "Interface", "displayName": "Motor", "contents": [
            { "@type": "Telemetry", "name": "heat", "schema": "double" }, { "@type": "Property", "name": "limit", "schema": "double", "writable": true }, { "@type": "Command", "name": "brake", "displayName": "Brake" } ] } }
          {{more}} ] }
        """;

    [Fact]
    public async Task A_template_is_written_published_and_followed_by_a_device_that_names_its_model()
    {
        await using var window = await console.SignedInAsync();
        await WriteAsync(window);
        var device = await console.Server.Hub.CreateDeviceAsync("pump-yard-1");
        var node = new NodeClient(console.Server.Ready.CaFile);
        await using var running = node.Start("template-device.mjs", new { connectionString = $"HostName={console.Server.Ready.Hub.HostName};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}", modelId = Model, seconds = 120 });
        await running.WaitForEventAsync("connected");
        await window.GoAsync($"/console/devices/{device.Id}", device.Id);
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Pump of the yard" }).WaitForAsync();

        await window.TabAsync("Data");
        await window.Page.Locator("[data-value=pressure]").Filter(new LocatorFilterOptions { HasText = "bar" }).WaitForAsync();
        await window.Page.Locator("[data-value='motor:heat']").WaitForAsync();
        await window.Page.Locator("figure svg[aria-label^='Pressure at the outlet']").WaitForAsync();
        await window.PictureAsync("template-data");
        await PropertiesAsync(window, running);
        await CommandsAsync(window, running);
        await MigrateAsync(window, device.Id);
        await RestAsync(window, device.Id);
        window.Errors.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("http", "modelId")]
    [InlineData("mqtt", "iotcModelId")]
    public async Task A_device_that_registers_with_its_model_follows_the_template(string transport, string member)
    {
        await using var window = await console.SignedInAsync();
        var token = await TokenAsync(window);
        var name = SharedServer.NewId("reg").Replace("-", "", StringComparison.Ordinal);
        var put = await CurlAsync(token, "PUT", $"/api/deviceTemplates/dtmi:modelDefinition:{name};1", $$"""{ "@context": "dtmi:dtdl:context;2", "@id": "dtmi:com:example:{{name}};1", "@type": "Interface" }""");
        put.Status.ShouldBe(200, put.Body);
        var key = SasToken.NewKey();
        var enrolled = await console.Server.Dps.SendAsync(HttpMethod.Put, $"enrollments/{name}?api-version=2021-10-01",
            new JsonObject { ["registrationId"] = name, ["attestation"] = new JsonObject { ["type"] = "symmetricKey", ["symmetricKey"] = new JsonObject { ["primaryKey"] = key, ["secondaryKey"] = key } } });
        enrolled.Status.ShouldBe(200, enrolled.Body);
        var outcome = await new NodeClient(console.Server.Ready.CaFile).RunAsync("provision.mjs", new
        {
            host = console.Server.Ready.Host,
            idScope = console.Server.Ready.Dps.IdScope,
            transport,
            attestation = "symmetricKey",
            registrationId = name,
            key,
            payload = new Dictionary<string, string>(StringComparer.Ordinal) { [member] = $"dtmi:com:example:{name};1" },
        });
        ((bool?)outcome["registered"]).ShouldBe(true, outcome.ToJsonString());
        var assigned = await CurlAsync(token, "GET", $"/api/x/devices/{name}/template");
        ((string?)assigned.Json["template"], (string?)assigned.Json["assignedBy"]).ShouldBe(($"dtmi:modelDefinition:{name};1", "model"), assigned.Body);
    }

    [Fact]
    public async Task Devices_are_simulated_by_a_button_and_by_the_command_line()
    {
        await using var window = await console.SignedInAsync();
        var token = await TokenAsync(window);
        var name = SharedServer.NewId("sim").Replace("-", "", StringComparison.Ordinal);
        var put = await CurlAsync(token, "PUT", $"/api/deviceTemplates/dtmi:modelDefinition:{name};1", Text().Replace("com:example", $"com:{name}", StringComparison.Ordinal));
        put.Status.ShouldBe(200, put.Body);
        await window.GoAsync($"/console/templates/{Uri.EscapeDataString($"dtmi:modelDefinition:{name};1")}", "Pump of the yard");
        await window.TabAsync("Devices");
        await window.ButtonAsync("Simulate a device");
        await window.Page.Locator("[data-figure=simulated]").Filter(new LocatorFilterOptions { HasNotText = "0" }).First.WaitForAsync();
        await window.PictureAsync("template-simulated");
        var device = await window.Page.Locator("tr", new PageLocatorOptions { HasText = "Works" }).GetByRole(AriaRole.Link).InnerTextAsync();
        (await CurlAsync(token, "POST", $"/api/devices/{device}/components/motor/commands/brake", "{}")).Status.ShouldBe(201);
        await window.ButtonAsync("Stop");
        await window.Page.GetByText("The device ended").WaitForAsync();

        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("pump.json"), put.Body);
        var result = await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, "simulate", folder.File("pump.json"), "--device", name, "--count", "2", "--interval", "0.2", "--duration", "5", "--mqtt-port", $"{console.Server.Ready.Ports.Mqtt}", "--ready-file", console.Server.ReadyPath]);
        result.Output.ShouldContain("2 devices send");
        result.Output.ShouldMatch(@"[1-9]\d* messages");
        var assigned = await CurlAsync(token, "GET", $"/api/x/devices/{name}-2/template");
        ((string?)assigned.Json["template"]).ShouldBe($"dtmi:modelDefinition:{name};1", assigned.Body);
        ((double?)(await CurlAsync(token, "GET", $"/api/devices/{name}-1/telemetry/pressure")).Json["value"]).ShouldNotBeNull();
    }

    [Fact]
    public async Task The_pages_of_a_template_with_long_names_fit_a_phone_and_axe_finds_nothing()
    {
        const string LongName = "Temperature of the outer wall of the second heat exchanger in the northern machine hall of the old building";
        await using var window = await console.SignedInAsync();
        var token = await TokenAsync(window);
        var put = await CurlAsync(token, "PUT", "/api/deviceTemplates/dtmi:modelDefinition:com:example:everything;1", $$"""
            { "@context": "dtmi:dtdl:context;3", "@id": "dtmi:com:example:everything;1", "@type": "Interface", "displayName": "{{LongName}}", "contents": [
              { "@type": "Telemetry", "name": "temperatureOfTheOuterWallOfTheSecondHeatExchangerInTheNorthernHall", "displayName": "{{LongName}}", "schema": "double" },
              { "@type": "Property", "name": "mode", "writable": true, "schema": { "@type": "Enum", "valueSchema": "string", "enumValues": [{ "name": "a", "displayName": "{{LongName}}", "enumValue": "a" }, { "name": "b", "enumValue": "b" }] } },
              { "@type": "Property", "name": "limits", "writable": true, "schema": { "@type": "Object", "fields": [{ "name": "low", "schema": "double" }, { "name": "high", "schema": "double" }] } },
              { "@type": "Property", "name": "places", "writable": true, "schema": { "@type": "Array", "elementSchema": "point" } },
              { "@type": "Property", "name": "active", "writable": true, "schema": "boolean", "description": "{{LongName}}" },
              { "@type": "Property", "name": "since", "writable": true, "schema": "dateTime" },
              { "@type": "Command", "name": "calibrate", "displayName": "{{LongName}}", "request": { "name": "at", "schema": "dateTime" } } ] }
            """);
        put.Status.ShouldBe(200, put.Body);
        const string LongId = "a-device-with-a-name-that-is-as-long-as-names-get-in-a-fleet-of-many-buildings-and-floors-0123456789";
        (await CurlAsync(token, "PUT", $"/api/x/devices/{LongId}/template", """{ "template": "dtmi:modelDefinition:com:example:everything;1" }""")).Status.ShouldBe(200);
        var written = await CurlAsync(token, "PATCH", $"/api/devices/{LongId}/properties", """{ "mode": "a", "limits": { "low": -20, "high": 80 }, "active": true }""");
        written.Status.ShouldBe(202, written.Body);
        foreach (var (width, theme) in ((int, string)[])[(1280, "dark"), (390, "light")])
        {
            await using var other = await console.SignedInAsync(width, 844, theme);
            await other.GoAsync("/console/templates", "Templates");
            await LookAsync(other, $"templates-{width}");
            await other.GoAsync($"/console/templates/{Uri.EscapeDataString("dtmi:modelDefinition:com:example:everything;1")}", LongName);
            foreach (var tab in (string[])["JSON", "Capabilities", "Devices"])
            {
                await other.TabAsync(tab);
                await LookAsync(other, $"template-{tab}-{width}");
            }
            await other.GoAsync($"/console/devices/{LongId}", LongId);
            foreach (var tab in (string[])["State", "Data", "Properties", "Commands"])
            {
                await other.TabAsync(tab);
                await LookAsync(other, $"device-{tab}-{width}");
            }
            other.Errors.ShouldBeEmpty();
        }
    }

    private static async Task LookAsync(ConsoleWindow window, string what)
    {
        await window.PictureAsync(what);
        await window.CheckAsync(what);
    }

    private static async Task WriteAsync(ConsoleWindow window)
    {
        await window.GoAsync("/console/templates", "Templates");
        await window.PictureAsync("templates-empty");
        await window.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "New template" }).First.ClickAsync();
        await window.Page.Locator("#new-template").FillAsync(Text());
        await window.ButtonAsync("Create");
        await window.Headline("Pump of the yard").WaitForAsync();

        // A mistake is named with its place while it is typed, and cannot be saved.
        var editor = window.Page.Locator("#template-text");
        var text = await editor.InputValueAsync();
        await editor.FillAsync(text.Replace("\"schema\": \"double\"", "\"schema\": \"duble\"", StringComparison.Ordinal));
        var mistake = window.Page.Locator("[data-figure=mistakes] li").First;
        await mistake.GetByText("There is no schema 'duble'").WaitForAsync();
        var place = await mistake.Locator("button").InnerTextAsync();
        place.ShouldMatch(@"^line \d+, column \d+$");
        (await window.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Save the draft" }).IsDisabledAsync()).ShouldBeTrue();
        await mistake.Locator("button").ClickAsync();
        var line = int.Parse(place.Split(' ')[1].TrimEnd(','), CultureInfo.InvariantCulture);
        await window.Page.WaitForFunctionAsync("line => { const e = document.getElementById('template-text'); return e.value.slice(0, e.selectionStart).split('\\n').length === line; }", line);
        await window.PictureAsync("template-mistake");

        await editor.FillAsync(text);
        await window.Page.GetByText("No mistake.").WaitForAsync();
        await window.TabAsync("Capabilities");
        await window.Page.GetByText("Pressure at the outlet").WaitForAsync();
        await window.PictureAsync("template-capabilities");
        await window.TabAsync("JSON");
        await window.ButtonAsync("Publish");
        await window.Page.GetByText("The template is published.").WaitForAsync();
    }

    private static async Task PropertiesAsync(ConsoleWindow window, RunningScenario running)
    {
        await window.TabAsync("Properties");
        await window.Page.GetByText("s-4711").WaitForAsync();
        await window.Page.Locator("#p-speed").FillAsync("12.5");
        await window.Page.Locator("#p-speed").BlurAsync();
        await window.Page.GetByText("speed: none → 12.5").WaitForAsync();
        await window.ButtonAsync("Write the properties");
        await window.Page.GetByText("The properties are written").WaitForAsync();
        await running.WaitForEventAsync("desired");
        var synced = window.Page.Locator("tr", new PageLocatorOptions { HasText = "Speed" }).GetByText("Synced");
        for (var i = 0; i < 60 && await synced.CountAsync() == 0; i++)
        {
            await window.ButtonAsync("Read them again");
            await window.Page.WaitForTimeoutAsync(250);
        }
        await synced.WaitForAsync();
        await window.PictureAsync("template-properties");
    }

    private static async Task CommandsAsync(ConsoleWindow window, RunningScenario running)
    {
        await window.TabAsync("Commands");
        await window.Page.Locator("#c-start").FillAsync("40");
        await window.Page.Locator("#c-start").BlurAsync();
        await window.ButtonAsync("Run Start");
        await window.Page.Locator("[data-figure=response]").Filter(new LocatorFilterOptions { HasText = """{"ran":"start","got":40}""" }).WaitForAsync();
        await window.ButtonAsync("Run Brake");
        await window.Page.Locator("[data-figure=response]").Filter(new LocatorFilterOptions { HasText = "motor*brake" }).WaitForAsync();
        await running.WaitForEventAsync("command");
        await window.PictureAsync("template-commands");
    }

    private static async Task MigrateAsync(ConsoleWindow window, string device)
    {
        await window.GoAsync($"/console/templates/{Uri.EscapeDataString(Id)}", "Pump of the yard");
        await window.ButtonAsync("New version");
        await window.Page.GetByText("dtmi:modelDefinition:com:example:Pump;2, 0 devices").WaitForAsync();
        await window.Page.Locator("#template-text").FillAsync(Text(2, """, { "@type": "Command", "name": "flush" }"""));
        await window.ButtonAsync("Save the draft");
        await window.Page.GetByText("The draft is saved").WaitForAsync();
        await window.ButtonAsync("Publish");
        await window.Page.GetByText("The template is published.").WaitForAsync();
        await window.GoAsync($"/console/devices/{device}", device);
        await window.ButtonAsync("Migrate");
        await window.Page.Locator("#migrate-to").SelectOptionAsync("dtmi:modelDefinition:com:example:Pump;2");
        await window.Page.Locator("[data-figure=migration]").GetByText("Command is new").WaitForAsync();
        await window.PictureAsync("template-migration");
        await window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Migrate", Exact = true }).ClickAsync();
        await window.Page.GetByText("The device follows the template.").WaitForAsync();
    }

    private async Task RestAsync(ConsoleWindow window, string device)
    {
        var token = await TokenAsync(window);
        var template = await CurlAsync(token, "GET", "/api/deviceTemplates/dtmi:modelDefinition:com:example:Pump;2");
        ((string?)template.Json["capabilityModel"]!["@id"]).ShouldBe("dtmi:com:example:Pump;2", template.Body);
        ((double?)(await CurlAsync(token, "GET", $"/api/devices/{device}/telemetry/pressure")).Json["value"])!.Value.ShouldBeInRange(1, 3);
        ((double?)(await CurlAsync(token, "GET", $"/api/devices/{device}/components/motor/telemetry/heat")).Json["value"])!.Value.ShouldBeGreaterThan(59);
        var patched = await CurlAsync(token, "PATCH", $"/api/devices/{device}/components/motor/properties", """{ "limit": 75 }""");
        patched.Status.ShouldBe(202, patched.Body);
        var run = await CurlAsync(token, "POST", $"/api/devices/{device}/commands/start", """{ "request": 7 }""");
        (run.Status, (int?)run.Json["response"]!["got"]).ShouldBe((201, 7), run.Body);
        var refused = await CurlAsync(token, "PATCH", $"/api/devices/{device}/properties", """{ "speed": "fast" }""");
        (refused.Status, (string?)refused.Json["error"]!["code"]).ShouldBe((422, "ValueNotAllowed"), refused.Body);
    }

    private static async Task<string> TokenAsync(ConsoleWindow window)
    {
        await window.GoAsync("/console/people", "People");
        await window.TabAsync("API tokens");
        await window.ButtonAsync("New API token");
        await window.Page.Locator("#person-id").FillAsync(SharedServer.NewId("t"));
        await window.Page.Locator("dialog select").First.SelectOptionAsync("Administrator");
        await window.ButtonAsync("Create");
        var token = await window.SecretAsync();
        await window.ButtonAsync("Done");
        return token;
    }

    private async Task<RestAnswer> CurlAsync(string token, string method, string path, string? body = null)
    {
        List<string> arguments =
        [
            "-sS", "--max-time", "40", "--cacert", console.Server.Ready.CaFile, "-X", method, "-w", "\n%{http_code}", "-H", "Authorization: " + token,
            $"https://{console.Server.Ready.Hub.HostName}:{console.Server.Ready.Ports.Https}{path}?api-version=2022-07-31",
        ];
        if (body is not null)
            arguments.AddRange(["-H", "Content-Type: application/json", "--data-binary", "@-"]);
        var result = await ExternalProgram.RunAsync("curl", arguments, input: body);
        var output = result.Output.TrimEnd();
        var end = output.LastIndexOf('\n');
        end.ShouldBeGreaterThanOrEqualTo(0, result.ToString());
        return new RestAnswer(int.Parse(output[(end + 1)..], CultureInfo.InvariantCulture), output[..end], null!);
    }
}
