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
}
