using System.Diagnostics;
using System.Text.RegularExpressions;
using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>The tour of docs/tour.md as somebody takes it: its model and its program are read from the page, its steps are done in Chromium.</summary>
public sealed class TourTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>
{
    private const string Device = "tour-1";

    private ServerProcess Server => console.Server;

    [Fact]
    public async Task The_tour_ends_with_the_screens_that_it_tells_of()
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("pump.js"), Block("js"));
        await using var window = await console.SignedInAsync();

        await window.GoAsync("/console/templates", "Templates");
        await window.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "New template" }).First.ClickAsync();
        await window.Page.Locator("#new-template").FillAsync(Block("json"));
        await window.ButtonAsync("Create");
        await window.Headline("Pump").WaitForAsync();
        await window.ButtonAsync("Publish");
        await window.Page.GetByText("The template is published.").WaitForAsync();

        var groupKey = await LineAsync(window);
        var derived = await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, "keygen", "--group-key", groupKey, "--device-id", Device]);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["NODE_EXTRA_CA_CERTS"] = Server.Ready.CaFile,
            ["NODE_PATH"] = Path.Combine(ServerProcess.Clients, "node_modules"),
            ["NODE_NO_WARNINGS"] = "1",
            ["HOST"] = Server.Ready.Dps.Endpoint,
            ["ID_SCOPE"] = Server.Ready.Dps.IdScope,
            ["DEVICE_KEY"] = derived.Output.Trim(),
        };
        await ShouldBeRefusedAsync(folder, environment);
        await window.GoAsync("/console/approvals", "Approvals");
        await window.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = Device }).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Approve" }).ClickAsync();
        await window.Page.GetByText($"{Device} is approved.").WaitForAsync();

        await using (var running = new RunningScenario("pump.js", Start(folder, environment)))
        {
            await running.WaitForLineAsync("assigned to");
            await LookAsync(window);
            await KeepOutAsync(window);
        }
        await ShouldBeRefusedAsync(folder, environment);
        await window.TabAsync("Connections");
        await window.Page.GetByText("it was disabled, deleted or got other credentials").WaitForAsync();
        await window.PictureAsync("tour-connections");
        await window.ButtonAsync("Unblock");
        await window.Page.GetByText("The device is again what it was.").WaitForAsync();

        await window.GoAsync("/console/audit", "Audit log");
        await window.ButtonAsync("Check the chain");
        await window.Page.GetByText("entries are as they were written").WaitForAsync();
        window.Errors.ShouldBeEmpty();
    }

    /// <summary>The first block of a language in the page.</summary>
    private static string Block(string language)
    {
        var page = File.ReadAllText(Path.Combine(ServerProcess.Clients, "..", "..", "..", "docs", "tour.md"));
        return Regex.Match(page, $"```{language}\n(.*?)```", RegexOptions.Singleline, TimeSpan.FromSeconds(5)).Groups[1].Value;
    }

    private static Process Start(TempFolder folder, Dictionary<string, string> environment) => ExternalProgram.Start("node", [folder.File("pump.js")], environment);

    private static async Task ShouldBeRefusedAsync(TempFolder folder, Dictionary<string, string> environment)
    {
        var refused = await ExternalProgram.RunAsync("node", [folder.File("pump.js")], environment: environment);
        (refused.ExitCode, refused.Error.Contains("400209", StringComparison.Ordinal)).ShouldBe((1, true), refused.ToString());
    }

    /// <summary>Makes the group whose new devices wait, and gives its key.</summary>
    private static async Task<string> LineAsync(ConsoleWindow window)
    {
        await window.GoAsync("/console/connection", "Device connection");
        await window.ButtonAsync("New group");
        await window.Page.Locator("#group-id").FillAsync("line-1");
        await window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Create" }).ClickAsync();
        await window.Page.GetByLabel("New devices of line-1").SelectOptionAsync(new SelectOptionValue { Label = "wait for approval" });
        await window.Page.GetByText("New devices of line-1: manual.").WaitForAsync();
        await window.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = "line-1" }).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Keys" }).ClickAsync();
        await window.ButtonAsync("Show the keys");
        await window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Show", Exact = true }).First.ClickAsync();
        return await window.Page.Locator("dialog .secret code", new PageLocatorOptions { HasTextRegex = new Regex("^[A-Za-z0-9+/]+=*$", RegexOptions.None, TimeSpan.FromSeconds(60)) }).First.InnerTextAsync();
    }

    private static async Task LookAsync(ConsoleWindow window)
    {
        await window.GoAsync("/console/devices", "Devices");
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = Device, Exact = true }).ClickAsync();
        await window.Headline(Device).WaitForAsync();
        foreach (var state in (string[])["Provisioned", "Connected"])
            await window.Page.GetByText(state, new PageGetByTextOptions { Exact = true }).First.WaitForAsync();
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Pump", Exact = true }).WaitForAsync();
        await window.TabAsync("Data");
        await window.Page.Locator("figure svg[aria-label^='Pressure']").WaitForAsync();
        await window.PictureAsync("tour-data");

        await window.TabAsync("Properties");
        await window.Page.Locator("#p-interval").FillAsync("5");
        await window.Page.Locator("#p-interval").BlurAsync();
        await window.ButtonAsync("Write the properties");
        await window.Page.GetByText("The properties are written").WaitForAsync();
        var synced = window.Page.Locator("tr", new PageLocatorOptions { HasText = "interval" }).GetByText("Synced");
        for (var i = 0; i < 60 && await synced.CountAsync() == 0; i++)
        {
            await window.ButtonAsync("Read them again");
            await window.Page.WaitForTimeoutAsync(250);
        }
        await synced.WaitForAsync();
        await window.TabAsync("Commands");
        await window.ButtonAsync("Run Flush");
        await window.Page.Locator("[data-figure=response]").Filter(new LocatorFilterOptions { HasText = "flushed" }).WaitForAsync();
    }

    private static async Task KeepOutAsync(ConsoleWindow window)
    {
        await window.ButtonAsync("Block");
        await window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Block" }).ClickAsync();
        await window.Page.GetByText("The device is blocked; its connection ended.").WaitForAsync();
        await window.Page.GetByText("Offline", new PageGetByTextOptions { Exact = true }).WaitForAsync();
    }
}
