using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>Groups of devices: a program with curl on one side, an operator in Chromium on the other.</summary>
public sealed class GroupTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>
{
    private ServerProcess Server => console.Server;

    [Fact]
    public async Task A_group_is_made_in_the_console_read_by_REST_and_used_in_the_list_of_devices()
    {
        await using var window = await console.SignedInAsync();
        var curl = await window.TokenAsync(Server, "groups");
        foreach (var (id, city) in ((string, string)[])[("oslo-1", "Oslo"), ("oslo-2", "Oslo"), ("bergen-1", "Bergen")])
        {
            await Server.Hub.CreateDeviceAsync(id);
            var tags = new JsonObject { ["tags"] = new JsonObject { ["cloud"] = new JsonObject { ["city"] = city } } };
            (await Server.Hub.SendAsync(HttpMethod.Patch, "twins/" + id, tags)).Status.ShouldBe(200);
        }

        await window.GoAsync("/console/groups", "Device groups");
        await window.CheckAsync("groups, empty");
        await window.ButtonAsync("New group");
        await window.FillAsync("device-group-id", "in-oslo");
        await window.FillAsync("device-group-name", "In Oslo");
        await window.FillAsync("device-group-filter", "SELECT * FROM devices WHERE city = ");
        await window.InDialogAsync("Save");
        await window.Page.Locator("dialog").GetByText("found the end of the query").WaitForAsync();
        await window.FillAsync("device-group-filter", "SELECT * FROM devices WHERE city = 'Oslo'");
        await window.InDialogAsync("Who is in it?");
        await window.Page.GetByText("In it: oslo-1, oslo-2").WaitForAsync();
        await window.PictureAsync("group-new");
        await window.CheckAsync("group, dialog");
        await window.InDialogAsync("Save");
        await window.Page.GetByText("The group In Oslo is saved.").WaitForAsync();
        await window.CheckAsync("groups");
        await window.PictureAsync("groups");

        var shown = (await curl.SendAsync("GET", "/api/deviceGroups/in-oslo")).Json;
        ((string?)shown["displayName"], (string?)shown["filter"]).ShouldBe(("In Oslo", "SELECT * FROM devices WHERE city = 'Oslo'"));
        var devices = (await curl.SendAsync("GET", "/api/deviceGroups/in-oslo/devices", query: "&$top=1")).Json;
        ((string?)devices["value"]![0]!["id"]).ShouldBe("oslo-1");
        var next = new Uri((string)devices["nextLink"]!);
        ((string?)(await curl.SendAsync("GET", next.AbsolutePath, query: next.Query.Replace('?', '&'))).Json["value"]![0]!["id"]).ShouldBe("oslo-2");
        var stale = await curl.SendAsync("PATCH", "/api/deviceGroups/in-oslo", """{"displayName":"Other","etag":"77"}""");
        (stale.Status, (string?)stale.Json["error"]!["code"]).ShouldBe((412, "PreconditionFailed"));
        var wrong = await curl.SendAsync("PUT", "/api/deviceGroups/wrong", """{"filter":"SELECT * FROM devices WHERE $colour = 1"}""");
        (wrong.Status, wrong.Header("x-ms-error-code")).ShouldBe((400, "InvalidFilter"));

        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "In Oslo" }).ClickAsync();
        await window.Headline("Devices").WaitForAsync();
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "oslo-2" }).WaitForAsync();
        (await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "bergen-1" }).CountAsync()).ShouldBe(0);
        await window.Page.GetByLabel("Select all on this page").CheckAsync();
        await window.ButtonAsync("Block");
        await window.InDialogAsync("Block");
        await window.Page.GetByText("2 devices blocked.").WaitForAsync();
        await window.Page.GetByLabel("Show", new PageGetByLabelOptions { Exact = true }).SelectOptionAsync("provisioned");
        await window.Page.GetByText("No device matches").WaitForAsync();
        ((string?)(await curl.SendAsync("GET", "/api/devices/bergen-1")).Json["enabled"]?.ToJsonString()).ShouldBe("true");
        (await curl.SendAsync("DELETE", "/api/deviceGroups/in-oslo")).Status.ShouldBe(204);
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Jobs_of_a_program_and_of_an_operator_reach_the_devices_of_a_group()
    {
        const string Template = "dtmi:modelDefinition:com:example:JobPump;1", Model = "dtmi:com:example:JobPump;1";
        await using var window = await console.SignedInAsync();
        var curl = await window.TokenAsync(Server, "jobs");
        var made = await curl.SendAsync("PUT", "/api/deviceTemplates/" + Template, $$"""
            { "@context": "dtmi:dtdl:context;2", "@id": "{{Model}}", "@type": "Interface", "displayName": "Pump for jobs", "contents": [
              { "@type": "Property", "name": "speed", "schema": "double", "writable": true }, { "@type": "Property", "name": "serial", "schema": "string" },
              { "@type": "Command", "name": "start", "request": { "name": "percent", "schema": "integer" } } ] }
            """);
        made.Status.ShouldBe(200, made.Body);
        var (here, away) = (await Server.Hub.CreateDeviceAsync("job-here"), await Server.Hub.CreateDeviceAsync("job-away"));
        await using var running = new NodeClient(Server.Ready.CaFile).Start("template-device.mjs", new { connectionString = $"HostName={Server.Ready.Hub.HostName};DeviceId={here.Id};SharedAccessKey={here.PrimaryKey}", modelId = Model, seconds = 120 });
        await running.WaitForEventAsync("connected");
        (await curl.SendAsync("PATCH", "/api/devices/" + away.Id, $$"""{"template":"{{Template}}"}""")).Status.ShouldBe(200);
        (await curl.SendAsync("PUT", "/api/deviceGroups/job-pumps", $$"""{"displayName":"Pumps for jobs","filter":"SELECT * FROM devices WHERE $template = \"{{Template}}\""}""")).Status.ShouldBe(200);

        var missing = await curl.SendAsync("PUT", "/api/jobs/move", $$"""{"group":"job-pumps","data":[{"type":"command","target":"{{Template}}","path":"migration.DeviceMove"}]}""");
        (missing.Status, missing.Header("x-ms-error-code")).ShouldBe((422, "JobTargetMissing"), missing.Body);
        var job = await curl.SendAsync("PUT", "/api/jobs/faster", $$"""{"displayName":"Faster","group":"job-pumps","batch":{"type":"number","value":1},"data":[{"type":"property","target":"{{Template}}","path":"speed","value":42.5}]}""");
        (job.Status, (string?)job.Json["group"]).ShouldBe((200, "job-pumps"), job.Body);
        await running.WaitForLineAsync("\"speed\":42.5");
        var done = await DoneAsync(curl, "faster");
        ((string?)done["status"], (int)done["progress"]!["completed"]!).ShouldBe(("complete", 2));

        await window.GoAsync("/console/jobs", "Jobs");
        await window.ButtonAsync("New job on a group");
        await window.FillAsync("group-job-id", "start-all");
        await window.Page.Locator("#group-job-group").SelectOptionAsync("job-pumps");
        await window.Page.Locator("#group-job-type").SelectOptionAsync("Command");
        await window.Page.Locator("#group-job-template").SelectOptionAsync(Template);
        await window.Page.Locator("#group-job-path").SelectOptionAsync("start");
        await window.FillAsync("group-job-value", "70");
        await window.PictureAsync("group-job-new");
        await window.CheckAsync("group job, dialog");
        await window.InDialogAsync("Start");
        await window.Page.GetByText("start-all is under way.").WaitForAsync();
        await running.WaitForLineAsync("\"name\":\"start\",\"payload\":70");
        var row = window.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = "start-all" });
        await row.GetByText("1 of 2, 1 failed").WaitForAsync();
        await row.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Devices" }).ClickAsync();
        var failed = window.Page.Locator("dialog").GetByRole(AriaRole.Row, new LocatorGetByRoleOptions { Name = "job-away" });
        (await failed.InnerTextAsync()).ShouldContain("Failed");
        await window.PictureAsync("group-job-devices");
        await window.InDialogAsync("Close");
        await window.CheckAsync("jobs");
        await window.PictureAsync("group-jobs");
        var devices = (await curl.SendAsync("GET", "/api/jobs/start-all/devices")).Json["value"]!.AsArray();
        devices.Select(d => ((string?)d!["id"], (string?)d["status"])).ShouldBe([("job-away", "failed"), ("job-here", "completed")]);
        ((string?)devices[1]!["response"]).ShouldNotBeNull().ShouldContain("\"ran\":\"start\"");

        (await curl.SendAsync("PUT", "/api/jobs/start-all/rerun/start-again")).Status.ShouldBe(200);
        var again = await DoneAsync(curl, "start-again");
        ((int)again["progress"]!["total"]!, (int)again["progress"]!["failed"]!).ShouldBe((1, 1));
        (await curl.SendAsync("POST", "/api/jobs/start-again/stop")).Status.ShouldBe(409, "it is over");
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Programs_relate_devices_and_see_twins_and_queues_as_the_Azure_command_line_does()
    {
        await using var window = await console.SignedInAsync();
        var curl = await window.TokenAsync(Server, "relations");
        foreach (var id in (string[])["rel-gateway", "rel-sensor"])
            await Server.Hub.CreateDeviceAsync(id);
        const string One = "/api/devices/rel-gateway/relationships/r1";
        var made = await curl.SendAsync("PUT", One, """{"name":"sensors","source":"rel-gateway","target":"rel-sensor"}""");
        (made.Status, (string?)made.Json["target"]).ShouldBe((200, "rel-sensor"), made.Body);
        ((string?)(await curl.SendAsync("GET", "/api/devices/rel-sensor/relationships")).Json["value"]![0]!["source"]).ShouldBe("rel-gateway");
        (await curl.SendAsync("PATCH", One, """{"target":"nobody"}""")).Status.ShouldBe(422);
        (await curl.SendAsync("DELETE", One)).Status.ShouldBe(204);

        const string System = "/api/system/iothub/devices/rel-sensor";
        var twin = (await curl.SendAsync("GET", System + "/get-twin", query: "&extendedInfo=true")).Json;
        ((string?)twin["deviceId"], (int)twin["properties"]!["reported"]!["$version"]!).ShouldBe(("rel-sensor", 1));
        (await Server.Hub.SendAsync(HttpMethod.Post, "devices/rel-sensor/messages/devicebound", new JsonObject())).Status.ShouldBe(204);
        ((int)(await curl.SendAsync("DELETE", System + "/c2d")).Json["totalMessagesPurged"]!).ShouldBe(1);
    }

    private static async Task<JsonNode> DoneAsync(OperatorCurl curl, string job)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        while (true)
        {
            var shown = (await curl.SendAsync("GET", "/api/jobs/" + job)).Json;
            if ((string?)shown["status"] is "complete" or "cancelled" or "failed")
                return shown;
            await Task.Delay(100, limit.Token);
        }
    }
}
