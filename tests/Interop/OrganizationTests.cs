using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>Organizations: made in a browser, and kept apart in the console and for programs.</summary>
public sealed class OrganizationTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>
{
    [Fact]
    public async Task Whoever_has_a_role_in_an_organization_works_with_its_devices_and_sees_no_others()
    {
        await using var administrator = await console.SignedInAsync();
        await administrator.GoAsync("/console/people", "People");
        await administrator.TabAsync("Organizations");
        await AddAsync(administrator, "Plant North", "plant-north", null);
        await AddAsync(administrator, "Hall 3", "north-hall-3", "Plant North");
        await administrator.PictureAsync("organizations");
        await administrator.CheckAsync("organizations");
        await MoveAsync(administrator, "pump-1", "Hall 3");
        var password = await AccountAsync(administrator, "nora@example.com", "nora", "Plant North");
        var token = await TokenAsync(administrator, "north-sync", "Plant North");

        await using var nora = await console.OpenAsync();
        await nora.SignInAsync("nora@example.com", password);
        await nora.ReplacePasswordAsync(password, "quite another four words");
        await nora.Headline("Overview").WaitForAsync();
        await nora.Page.GetByText("of plant-north and its parts").WaitForAsync();
        (await nora.Page.Locator("[data-figure=devices]").InnerTextAsync()).ShouldBe("1");
        await nora.PictureAsync("overview-organization");
        await nora.CheckAsync("overview of an organization");
        (await nora.Page.Locator("nav a").AllInnerTextsAsync()).ShouldBe(["Overview", "Devices", "Templates"]);
        await nora.GoAsync("/console/devices", "Devices");
        (await nora.Page.Locator("tbody a.long").AllInnerTextsAsync()).ShouldBe(["pump-1"]);
        foreach (var page in new[] { "/console/messages", "/console/people", "/console/refusals", "/console/bulk", "/console/connection" })
        {
            await nora.Page.GotoAsync(page);
            await nora.Page.GetByText("This page is not for your role").WaitForAsync();
        }
        await nora.Page.GotoAsync("/console/devices/a-device-with-a-name-that-is-as-long-as-names-get-in-a-fleet-of-many-buildings-and-floors-0123456789");
        await nora.Page.GetByText("This device is not registered").WaitForAsync();

        await nora.GoAsync("/console/devices?new=true", "Devices");
        await nora.Page.Locator("#new-device-id").FillAsync("valve-of-nora");
        await nora.ButtonAsync("Create");
        await nora.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Open the device" }).ClickAsync();
        await nora.Headline("valve-of-nora").WaitForAsync();
        (await nora.Page.Locator("#device-organization").InputValueAsync()).ShouldBe("plant-north");
        nora.Errors.ShouldBeEmpty();

        var program = new OperatorCurl(console.Server, token);
        var devices = await program.SendAsync("GET", "/api/devices");
        devices.Json["value"]!.AsArray().Select(d => (string)d!["id"]!).ShouldBe(["pump-1", "valve-of-nora"]);
        (await program.SendAsync("PATCH", "/api/devices/valve-of-nora", """{"organizations":["north-hall-3"]}""")).Status.ShouldBe(200);
        (await program.SendAsync("PATCH", "/api/devices/valve-of-nora", """{"organizations":[]}""")).Status.ShouldBe(403);
        (await program.SendAsync("GET", "/api/devices/a-device-with-a-name-that-is-as-long-as-names-get-in-a-fleet-of-many-buildings-and-floors-0123456789")).Status.ShouldBe(404);
        (await program.SendAsync("GET", "/api/users")).Status.ShouldBe(403);

        await administrator.GoAsync("/console/people", "People");
        await administrator.TabAsync("Organizations");
        await administrator.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = "Hall 3" }).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Delete" }).ClickAsync();
        await administrator.Page.GetByText("2 devices").WaitForAsync();
        administrator.Errors.ShouldBeEmpty();
    }

    private static async Task AddAsync(ConsoleWindow window, string name, string id, string? parent)
    {
        await window.ButtonAsync("New organization");
        await window.Page.Locator("#organization-name").FillAsync(name);
        await window.Page.Locator("#organization-id").FillAsync(id);
        if (parent is not null)
            await window.Page.Locator("#organization-parent").SelectOptionAsync(new SelectOptionValue { Label = parent });
        await window.ButtonAsync("Create");
        await window.Page.GetByText($"{name} is made.").WaitForAsync();
    }

    private static async Task MoveAsync(ConsoleWindow window, string device, string organization)
    {
        await window.GoAsync($"/console/devices/{device}", device);
        await window.Page.Locator("#device-organization").SelectOptionAsync(new SelectOptionValue { Label = organization });
        await window.Page.GetByText("The device is moved.").WaitForAsync();
    }

    private static async Task<string> AccountAsync(ConsoleWindow window, string name, string id, string organization)
    {
        await window.GoAsync("/console/people", "People");
        await window.ButtonAsync("New account");
        await window.Page.Locator("#user-name").FillAsync(name);
        await FillAsync(window, id, organization);
        return await SecretAsync(window);
    }

    private static async Task<string> TokenAsync(ConsoleWindow window, string id, string organization)
    {
        await window.TabAsync("API tokens");
        await window.ButtonAsync("New API token");
        await FillAsync(window, id, organization);
        return await SecretAsync(window);
    }

    private static async Task FillAsync(ConsoleWindow window, string id, string organization)
    {
        await window.Page.Locator("#person-id").FillAsync(id);
        await window.Page.Locator("#person-organization").SelectOptionAsync(new SelectOptionValue { Label = organization });
        await window.ButtonAsync("Create");
    }

    private static async Task<string> SecretAsync(ConsoleWindow window)
    {
        var secret = await window.SecretAsync();
        await window.ButtonAsync("Done");
        return secret;
    }
}
