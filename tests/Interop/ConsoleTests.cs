using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>The web console, as somebody uses it in Chromium.</summary>
public sealed class ConsoleTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>
{
    private static readonly (string Path, string Headline)[] Pages =
    [
        ("/console", "Overview"), ("/console/devices", "Devices"), ("/console/approvals", "Approvals"), ("/console/connection", "Device connection"), ("/console/templates", "Templates"), ("/console/messages", "Live messages"), ("/console/jobs", "Jobs"), ("/console/enrollments", "Enrollments"), ("/console/hubs", "Hubs"),
        ("/console/certificates", "CA certificates"), ("/console/refusals", "Refusals"), ("/console/people", "People"), ("/console/audit", "Audit log"),
        ("/console/settings", "Settings"), ("/console/account", "Your account"),
    ];

    [Fact]
    public async Task Who_is_not_signed_in_sees_the_sign_in_page_only_and_a_wrong_password_opens_nothing()
    {
        await using var window = await console.OpenAsync();
        foreach (var (path, _) in Pages)
        {
            await window.Page.GotoAsync(path);
            window.Page.Url.ShouldContain("/console/sign-in");
        }
        await window.PictureAsync("sign-in");
        await window.SignInAsync("admin", "not the password");
        await window.Page.GetByRole(AriaRole.Alert).WaitForAsync();
        window.Page.Url.ShouldContain("/console/sign-in");
        (await window.Page.Context.APIRequest.GetAsync("/_blazor/negotiate")).Status.ShouldBe(401);
    }

    [Theory]
    [InlineData(1280, 860, "light")]
    [InlineData(1280, 860, "dark")]
    [InlineData(390, 844, "light")]
    public async Task Every_page_opens_and_axe_finds_nothing(int width, int height, string theme)
    {
        await using var window = await console.SignedInAsync(width, height, theme);
        foreach (var (path, headline) in Pages.Append(("/console/devices/pump-1", "pump-1")))
        {
            await window.GoAsync(path, headline);
            await window.PictureAsync($"{headline.Replace(' ', '-').ToLowerInvariant()}-{width}-{theme}");
            await window.CheckAsync(path);
        }
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_device_is_made_watched_called_and_blocked()
    {
        await using var window = await console.SignedInAsync();
        await window.GoAsync("/console/devices?new=true", "Devices");
        await window.Page.Locator("#new-device-id").FillAsync("valve-7");
        await window.ButtonAsync("Create");
        var connection = await window.SecretAsync();
        connection.ShouldStartWith($"HostName={console.Server.Ready.Hub.HostName};DeviceId=valve-7;SharedAccessKey=");
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Open the device" }).ClickAsync();
        await window.Headline("valve-7").WaitForAsync();
        await WatchAsync(window, connection);

        await window.ButtonAsync("Block");
        await window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Block" }).ClickAsync();
        await window.Page.GetByText("The device is blocked").WaitForAsync();
        await window.GoAsync("/console/devices?show=blocked", "Devices");
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "valve-7" }).WaitForAsync();

        await window.GoAsync("/console/audit", "Audit log");
        var rows = await window.Page.Locator("tbody tr").AllInnerTextsAsync();
        foreach (var action in (string[])["create", "updateTwin", "callMethod", "block"])
            rows.ShouldContain(r => r.Contains(action, StringComparison.Ordinal) && r.Contains("valve-7", StringComparison.Ordinal), action);
        await window.ButtonAsync("Check the chain");
        await window.Page.GetByText("entries are as they were written").WaitForAsync();
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_operator_sees_neither_people_nor_audit_log_and_goes_when_the_session_is_ended()
    {
        await using var administrator = await console.SignedInAsync();
        await administrator.GoAsync("/console/people", "People");
        await administrator.ButtonAsync("New account");
        await administrator.Page.Locator("#user-name").FillAsync("ada@example.com");
        await administrator.Page.Locator("#person-id").FillAsync("ada");
        await administrator.ButtonAsync("Create");
        var password = await administrator.SecretAsync();
        await administrator.ButtonAsync("Done");

        await using var ada = await console.OpenAsync();
        await ada.SignInAsync("ada@example.com", password);
        await ada.ReplacePasswordAsync(password, "quite another four words");
        await ada.Headline("Overview").WaitForAsync();
        (await ada.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "People" }).CountAsync()).ShouldBe(0);
        await ada.Page.GotoAsync("/console/audit");
        await ada.Page.GetByText("This page is not for your role").WaitForAsync();
        (await ada.Page.Context.APIRequest.GetAsync("/console/audit.jsonl")).Status.ShouldBe(403);

        await administrator.GoAsync("/console/people", "People");
        await administrator.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = "ada@example.com" }).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Keep out" }).ClickAsync();
        await ada.Page.WaitForURLAsync("**/console/sign-in");
    }

    [Fact]
    public async Task The_first_load_is_small_and_comes_from_this_server_alone()
    {
        await using var window = await console.SignedInAsync();
        var hosts = new HashSet<string>(StringComparer.Ordinal);
        window.Page.Request += (_, request) => hosts.Add(new Uri(request.Url).Host);
        await window.GoAsync("/console", "Overview");
        var bytes = await window.Page.EvaluateAsync<double>("performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')).reduce((sum, e) => sum + e.transferSize, 0)");
        bytes.ShouldBeLessThan(500_000);
        hosts.ShouldBe([console.Server.Ready.Host]);
    }

    [Fact]
    public async Task Files_and_connections_of_a_device_are_on_its_page_and_a_file_comes_by_a_fresh_address()
    {
        var device = await console.Server.Hub.CreateDeviceAsync("camera-1");
        var node = new NodeClient(console.Server.Ready.CaFile);
        await node.RunAsync("upload.mjs", new { connectionString = $"HostName={console.Server.Ready.Hub.HostName};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}", actions = new[] { new { upload = "day 1/<b>.html", size = 1000 } } });
        await using var window = await console.SignedInAsync();
        await window.GoAsync("/console/devices/camera-1", "camera-1");
        await window.TabAsync("Files");
        var link = window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "day 1/<b>.html" });
        var address = (await link.GetAttributeAsync("href"))!;
        await window.PictureAsync("device-files");
        await window.CheckAsync("files");
        var file = await window.Page.Context.APIRequest.GetAsync(address);
        (file.Status, (await file.BodyAsync()).Length, file.Headers["content-security-policy"]).ShouldBe((200, 1000, "default-src 'none'; sandbox"));
        (await window.Page.Context.APIRequest.GetAsync(address.Replace("day", "night", StringComparison.Ordinal))).Status.ShouldBe(404);
        await using var stranger = await console.OpenAsync();
        (await stranger.Page.Context.APIRequest.GetAsync(address)).Url.ShouldContain("/console/sign-in");

        await using (var running = node.Start("console-device.mjs", new { connectionString = $"HostName={console.Server.Ready.Hub.HostName};DeviceId={device.Id};SharedAccessKey={device.PrimaryKey}", seconds = 60 }))
            await running.WaitForEventAsync("connected");
        var row = window.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = "Connected" });
        for (var i = 0; i < 60 && await row.CountAsync() == 0; i++)
        {
            await window.TabAsync("State");
            await window.TabAsync("Connections");
            await window.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "Connections" }).WaitForAsync();
            await window.Page.WaitForTimeoutAsync(250);
        }
        await row.GetByText("MQTT").WaitForAsync();
        await window.PictureAsync("device-connections");
        await window.GoAsync("/console/audit", "Audit log");
        (await window.Page.Locator("tbody tr").AllInnerTextsAsync()).ShouldContain(r => r.Contains("readFile", StringComparison.Ordinal) && r.Contains("camera-1", StringComparison.Ordinal));
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Names_and_messages_of_an_attacker_are_text_and_nothing_else()
    {
        // What ids may have of HTML, and a body and property with more of it.
        var device = await console.Server.Hub.CreateDeviceAsync("x'(alert)=;*$!");
        await using var window = await console.SignedInAsync();
        await window.GoAsync("/console/messages", "Live messages");
        await window.Page.GetByText("Waiting for messages").WaitForAsync();
        var (wire, _) = await MqttWire.ConnectAsync(console.Server, device);
        await using var connection = wire;
        await wire.SendAsync(MqttWire.Publish($"devices/{device.Id}/messages/events/a=%3Cb%3E", "<img src=x onerror=alert(1)><script>alert(2)</script>"u8, qos: 1));
        await window.Page.GetByText("<img src=x onerror=alert(1)>").WaitForAsync();
        (await window.Page.Locator("article img, article script").CountAsync()).ShouldBe(0);
        window.Errors.ShouldBeEmpty();
    }

    private async Task WatchAsync(ConsoleWindow window, string connectionString)
    {
        await window.TabAsync("Messages");
        await window.Page.GetByText("Waiting for messages").WaitForAsync();
        var node = new NodeClient(console.Server.Ready.CaFile);
        await using var running = node.Start("console-device.mjs", new { connectionString, seconds = 60 });
        await running.WaitForEventAsync("connected");
        await window.Page.GetByText("\"pressure\":").First.WaitForAsync();
        await window.PictureAsync("device-messages");

        await window.TabAsync("Twin");
        await window.Page.GetByLabel("Desired properties, JSON").FillAsync("""{ "interval": 30 }""");
        await window.Page.GetByText("+ desired.interval: 30").WaitForAsync();
        await window.PictureAsync("device-twin");
        await window.ButtonAsync("Write the twin");
        await window.Page.GetByText("The twin is written.").WaitForAsync();
        await running.WaitForEventAsync("desired");

        await window.TabAsync("Methods");
        await window.Page.Locator("#method-name").FillAsync("open");
        await window.Page.Locator("#method-payload").FillAsync("""{ "percent": 40 }""");
        await window.ButtonAsync("Call");
        (await window.Page.Locator("[data-figure=answer]").First.InnerTextAsync()).ShouldBe("""{"percent":40}""");
        await window.PictureAsync("device-method");
    }
}
