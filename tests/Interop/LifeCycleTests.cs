using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>The life cycle of devices: the Node SDK on one side, an operator in Chromium or with curl on the other.</summary>
public sealed class LifeCycleTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private ServerProcess Server => console.Server;

    private NodeClient Node => new(Server.Ready.CaFile);

    [Fact]
    public async Task Devices_that_nobody_registered_wait_and_are_approved_denied_or_let_in_by_a_rule()
    {
        await using var window = await console.SignedInAsync();
        var key = await NewGroupAsync(window, "gate");
        await window.Page.GetByLabel("New devices of gate").SelectOptionAsync("Manual");
        await window.Page.GetByText("New devices of gate: manual.").WaitForAsync();
        await window.PictureAsync("connection");

        await RefusedAsync("gate-http", key, "http");
        await RefusedAsync("gate-mqtt", key, "mqtt");
        (await Server.Hub.SendAsync(HttpMethod.Get, "devices/gate-http")).Status.ShouldBe(404, "it is in no hub");

        await window.GoAsync("/console/approvals", "Approvals");
        await Row(window, "gate-mqtt").WaitForAsync();
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "2 wait for approval" }).WaitForAsync();
        await window.PictureAsync("approvals");
        await Row(window, "gate-http").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Approve" }).ClickAsync();
        await window.Page.GetByText("gate-http is approved.").WaitForAsync();
        await SentAsync("gate-http", key, "http");

        await Row(window, "gate-mqtt").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Deny" }).ClickAsync();
        await InDialogAsync(window, "Deny");
        await window.Page.GetByText("Nobody waits").WaitForAsync();
        await RefusedAsync("gate-mqtt", key, "mqtt");
        await window.GoAsync("/console/devices?show=blocked", "Devices");
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "gate-mqtt" }).WaitForAsync();
        await window.PictureAsync("devices-blocked");

        await RefusedAsync("gate-rule", key, "http");
        await window.GoAsync("/console/approvals", "Approvals");
        await Row(window, "gate-rule").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Make a rule" }).ClickAsync();
        await window.PictureAsync("approvals-rule");
        await InDialogAsync(window, "Make the rule");
        await window.Page.GetByText("let in from now on").WaitForAsync();
        await SentAsync("gate-rule", key, "http");
        await SentAsync("gate-next", key, "http");
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_blocked_device_is_cut_off_at_once_and_may_come_back_when_it_is_unblocked()
    {
        await using var window = await console.SignedInAsync();
        var key = await NewGroupAsync(window, "theft");
        await SentAsync("stolen-1", key, "http");
        var derived = SasToken.DerivedKey(key, "stolen-1");
        await using var running = Node.Start("console-device.mjs", new { connectionString = $"HostName={Server.Ready.Hub.HostName};DeviceId=stolen-1;SharedAccessKey={derived}", seconds = 120 });
        await running.WaitForEventAsync("connected");
        await window.GoAsync("/console/devices/stolen-1", "stolen-1");
        await window.Page.GetByText("Provisioned").First.WaitForAsync();
        await window.PictureAsync("device-provisioned");

        await window.ButtonAsync("Block");
        await InDialogAsync(window, "Block");
        await window.Page.GetByText("The device is blocked").WaitForAsync();
        await StateAsync("stolen-1", "Disconnected");
        var device = await Server.Hub.SendAsync(HttpMethod.Get, "devices/stolen-1");
        ((string?)device.Json["status"]).ShouldBe("disabled");
        ((string?)device.Json["statusReason"]).ShouldBe("Blocked by admin");
        await RefusedAsync("stolen-1", key, "mqtt");

        await window.ButtonAsync("Unblock");
        await window.Page.GetByText("The device is again what it was.").WaitForAsync();
        await SentAsync("stolen-1", key, "mqtt");
        var rows = await AuditAsync(window);
        foreach (var action in (string[])["assign", "block", "unblock"])
            rows.ShouldContain(r => r.Contains(action, StringComparison.Ordinal) && r.Contains("stolen-1", StringComparison.Ordinal), action);
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_device_that_is_blocked_while_connected_is_cut_off_within_2_seconds_over_every_transport()
    {
        string[] transports = ["mqtt", "mqttws", "amqp", "amqpws"];
        await using var window = await console.SignedInAsync();
        var curl = await TokenAsync(window, "cutter");
        var group = (await curl.SendAsync("PUT", "/api/enrollmentGroups/cut", """{"attestation":{"type":"symmetricKey"}}""")).Json;
        var key = (string)group["attestation"]!["symmetricKey"]!["primaryKey"]!;
        foreach (var transport in transports)
        {
            var id = "cut-" + transport;
            await SentAsync(id, key, "http");
            var connectionString = $"HostName={Server.Ready.Hub.HostName};DeviceId={id};SharedAccessKey={SasToken.DerivedKey(key, id)}";
            await using var running = Node.Start("device.mjs", new { transport, connectionString, actions = new[] { new { untilDisconnected = 60_000 } } });
            await running.WaitForEventAsync("connected");
            var from = DateTimeOffset.UtcNow;
            (await curl.SendAsync("PATCH", "/api/devices/" + id, """{"enabled":false}""")).Status.ShouldBe(200);
            var result = await running.ResultAsync(TimeSpan.FromSeconds(90));
            ((bool?)result["results"]![0]!["ok"]).ShouldBe(true, result.ToJsonString());
            (DateTimeOffset.FromUnixTimeMilliseconds((long)result["results"]![0]!["at"]!) - from).ShouldBeLessThan(TimeSpan.FromSeconds(2), transport);

            var again = await Node.RunAsync("device.mjs", new { transport, connectionString });
            ((bool?)again["opened"]).ShouldBe(false, again.ToJsonString());
            ((string?)again["error"]!["name"]).ShouldBe("UnauthorizedError");
            await RefusedAsync(id, key, "http");
        }
    }

    [Fact]
    public async Task Programs_make_and_list_devices_and_prove_the_CA_of_a_group_by_REST()
    {
        await using var window = await console.SignedInAsync();
        var curl = await TokenAsync(window, "programs");
        var made = await curl.SendAsync("PUT", "/api/devices/meter-1", """{"displayName":"Meter"}""");
        ((string?)made.Json["status"]).ShouldBe("registered", made.Body);
        var credentials = (await curl.SendAsync("GET", "/api/devices/meter-1/credentials")).Json;
        ((string?)credentials["idScope"]).ShouldBe(Server.Ready.Dps.IdScope);
        var key = (string)credentials["symmetricKey"]!["primaryKey"]!;
        ShouldHaveSent(await ProvisionAsync(new { registrationId = "meter-1", key, send = "1" }));
        var shown = (await curl.SendAsync("GET", "/api/devices/meter-1")).Json;
        ((string?)shown["status"], (bool)shown["provisioned"]!).ShouldBe(("provisioned", true));
        (await curl.SendAsync("PATCH", "/api/devices/meter-1", """{"enabled":false}""")).Status.ShouldBe(200);
        (await ProvisionAsync(new { registrationId = "meter-1", key })).ToJsonString().ShouldContain("400209");
        var blocked = (await curl.SendAsync("GET", "/api/devices", query: "&$filter=" + Uri.EscapeDataString("status eq 'blocked' and id eq 'meter-1'"))).Json;
        blocked["value"]!.AsArray().Count.ShouldBe(1);
        (await curl.SendAsync("PATCH", "/api/devices/meter-1", """{"enabled":true}""")).Status.ShouldBe(200);
        ShouldHaveSent(await ProvisionAsync(new { registrationId = "meter-1", key, send = "2" }));

        using var pki = new OpenSslPki();
        await pki.RootAsync("plant", "ec");
        await pki.IssueAsync("leaf", "plant", "drill-1", "ec");
        const string Group = "/api/enrollmentGroups/plant", Certificate = Group + "/certificates/primary";
        (await curl.SendAsync("PUT", Group, """{"attestation":{"type":"x509"}}""")).Status.ShouldBe(200);
        (await curl.SendAsync("PUT", Certificate, Body(await pki.ReadAsync("plant.pem")))).Status.ShouldBe(200);
        var leaf = new { attestation = "x509", registrationId = "drill-1", key = await pki.ReadAsync("leaf.key"), certificate = await pki.ReadAsync("leaf.pem"), send = "1" };
        ((bool?)(await ProvisionAsync(leaf))["registered"]).ShouldBe(false, "nobody has proved the key of the CA yet");
        var code = (string)(await curl.SendAsync("POST", Certificate + "/generateVerificationCode")).Json["verificationCode"]!;
        await pki.IssueAsync("proof", "plant", code, "ec");
        (await curl.SendAsync("POST", Certificate + "/verify", Body(await pki.ReadAsync("proof.pem")))).Status.ShouldBe(204);
        ShouldHaveSent(await ProvisionAsync(leaf));

        await window.GoAsync("/console/connection", "Device connection");
        await window.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = "plant" }).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Certificates" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Tabpanel).GetByText("Verified", new LocatorGetByTextOptions { Exact = true }).First.WaitForAsync();
        await window.PictureAsync("group-certificate");
    }

    private static string Body(string certificate) => new JsonObject { ["certificate"] = certificate }.ToJsonString();

    private static ILocator Row(ConsoleWindow window, string device) => window.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = device });

    private static Task InDialogAsync(ConsoleWindow window, string button)
        => window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = button, Exact = true }).ClickAsync();

    /// <summary>Makes a group in the console. Gives its primary key as its dialog shows it.</summary>
    private static async Task<string> NewGroupAsync(ConsoleWindow window, string group)
    {
        await window.GoAsync("/console/connection", "Device connection");
        await window.ButtonAsync("New group");
        await window.Page.Locator("#group-id").FillAsync(group);
        await InDialogAsync(window, "Create");
        await Row(window, group).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Keys" }).ClickAsync();
        await window.ButtonAsync("Show the keys");
        var key = await SecretAsync(window);
        await window.PictureAsync("group-keys");
        await InDialogAsync(window, "Close");
        return key;
    }

    /// <summary>Shows the first secret of a dialog.</summary>
    /// <param name="window">With the dialog.</param>
    /// <param name="form">What it looks like; until it is shown there are dots.</param>
    private static async Task<string> SecretAsync(ConsoleWindow window, string form = "^[A-Za-z0-9+/]+=*$")
    {
        await window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Show", Exact = true }).First.ClickAsync();
        return await window.Page.Locator("dialog .secret code", new PageLocatorOptions { HasTextRegex = new Regex(form, RegexOptions.None, Patience) }).First.InnerTextAsync();
    }

    private static async Task<IReadOnlyList<string>> AuditAsync(ConsoleWindow window)
    {
        await window.GoAsync("/console/audit", "Audit log");
        await window.Page.Locator("tbody tr").First.WaitForAsync();
        return await window.Page.Locator("tbody tr").AllInnerTextsAsync();
    }

    private async Task<OperatorCurl> TokenAsync(ConsoleWindow window, string id) => new(Server, await window.ApiTokenAsync(id));

    private async Task StateAsync(string device, string wanted)
    {
        var watch = Stopwatch.StartNew();
        while ((string?)(await Server.Hub.SendAsync(HttpMethod.Get, "devices/" + device)).Json["connectionState"] != wanted)
        {
            watch.Elapsed.ShouldBeLessThan(Patience, $"{device} is not {wanted}");
            await Task.Delay(50);
        }
    }

    private async Task RefusedAsync(string id, string groupKey, string transport)
    {
        var outcome = await ProvisionAsync(new { transport, registrationId = id, key = SasToken.DerivedKey(groupKey, id) });
        ((bool?)outcome["registered"]).ShouldBe(false, outcome.ToJsonString());
        outcome.ToJsonString().ShouldContain("400209");
        outcome.ToJsonString().ShouldContain("Custom allocation failed with status code: 401.");
    }

    private async Task SentAsync(string id, string groupKey, string transport)
        => ShouldHaveSent(await ProvisionAsync(new { transport, registrationId = id, key = SasToken.DerivedKey(groupKey, id), send = "hello" }));

    private static void ShouldHaveSent(JsonNode outcome) => ((bool?)outcome["sent"]).ShouldBe(true, outcome.ToJsonString());

    private Task<JsonNode> ProvisionAsync(object scenario)
    {
        var arguments = JsonNode.Parse(JsonSerializer.Serialize(scenario))!.AsObject();
        arguments.TryAdd("host", Server.Ready.Dps.Endpoint);
        arguments.TryAdd("idScope", Server.Ready.Dps.IdScope);
        return Node.RunAsync("provision.mjs", arguments);
    }
}
