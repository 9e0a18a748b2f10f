using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>
/// The ways in which devices are connected to an IoT Central application, step by step as its guide has them: an operator in Chromium, the
/// unmodified Node SDK as the device, openssl as the manufacturer's CA, and a software TPM.
/// </summary>
public sealed class ConnectingDevicesTests(ConsoleBrowser console) : IClassFixture<ConsoleBrowser>
{
    private const string Refused = "Custom allocation failed with status code: 401.";

    private ServerProcess Server => console.Server;

    private NodeClient Node => new(Server.Ready.CaFile);

    [Fact]
    public async Task A_single_device_is_made_in_the_console_and_connects_with_what_its_page_shows()
    {
        await using var window = await console.SignedInAsync();
        await NewDeviceAsync(window, "bench-1");
        await StateAsync(window, "bench-1", "Registered");
        await window.GoAsync("/console/devices/bench-1", "bench-1");
        await window.ButtonAsync("Connect");
        await window.Page.Locator("dialog").GetByText(Server.Ready.Dps.IdScope, new LocatorGetByTextOptions { Exact = true }).WaitForAsync();
        await window.ButtonAsync("Keys and QR code");
        await ShouldHaveSentAsync(new { registrationId = "bench-1", key = await DialogSecretAsync(window), transport = "mqtt", send = """{"temperature":21.5}""" });
        await StateAsync(window, "bench-1", "Provisioned");
        await window.GoAsync("/console/devices/bench-1", "bench-1");
        await window.TabAsync("Data");
        await window.Page.Locator("figure", new PageLocatorOptions { HasText = "temperature" }).GetByText("21.5").WaitForAsync();
        await window.TabAsync("Messages");
        await window.Page.GetByText("""{"temperature":21.5}""").WaitForAsync();
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Devices_are_registered_in_bulk_exported_with_their_keys_and_connect()
    {
        await using var window = await console.SignedInAsync();
        await ImportAsync(window, "fleet.csv", "IOTC_DEVICEID,IOTC_DEVICENAME\r\nsn-101,Pump 101\r\nsn-102,\"Pump, 102\"\r\n");
        await StateAsync(window, "sn-101", "Registered");

        await window.GoAsync("/console/bulk", "Import and export");
        var download = await window.Page.RunAndWaitForDownloadAsync(() => window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "With keys" }).ClickAsync());
        var rows = (await File.ReadAllTextAsync((await download.PathAsync())!)).TrimStart('\uFEFF').Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var header = rows[0].Split(',');
        var row = rows.Single(r => r.StartsWith("sn-101,", StringComparison.Ordinal)).Split(',');
        rows.ShouldContain(r => r.StartsWith("sn-102,\"Pump, 102\",", StringComparison.Ordinal));
        var key = row[Array.IndexOf(header, "IOTC_SASKEY_PRIMARY")];
        await ShouldHaveSentAsync(new { registrationId = "sn-101", key, send = "hello" });
        await StateAsync(window, "sn-101", "Provisioned");
        await StateAsync(window, "sn-102", "Registered");
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Devices_come_by_certificates_once_the_key_of_their_CA_is_proved()
    {
        await using var window = await console.SignedInAsync();
        using var pki = new OpenSslPki();
        await pki.RootAsync("maker", "ec");
        await NewGroupAsync(window, "maker", certificates: true);
        await window.Page.Locator("#ca-certificate").FillAsync(await pki.ReadAsync("maker.pem"));
        await window.ButtonAsync("Upload");
        await window.ButtonAsync("Generate a verification code");
        var code = await window.Page.Locator("[data-figure=verification-code]").InnerTextAsync();
        await pki.IssueAsync("other", "maker", "not-the-code", "ec");
        await window.Page.Locator("#proof-certificate").FillAsync(await pki.ReadAsync("other.pem"));
        await window.ButtonAsync("Verify");
        await window.Page.Locator("dialog").GetByRole(AriaRole.Alert).WaitForAsync();
        await pki.IssueAsync("proof", "maker", code, "ec");
        await window.Page.Locator("dialog input[type=file]").SetInputFilesAsync(pki.PathOf("proof.pem"));
        await Assertions.Expect(window.Page.Locator("#proof-certificate")).ToHaveValueAsync(new Regex("BEGIN CERTIFICATE", RegexOptions.None, TimeSpan.FromSeconds(5)));
        await window.ButtonAsync("Verify");
        await window.Page.GetByText("The certificate is verified").WaitForAsync();
        await window.PictureAsync("walk-verified");

        await ImportAsync(window, "drills.csv", "IOTC_DEVICEID,IOTC_DEVICENAME\ndrill-1,Drill\n");
        foreach (var device in (string[])["drill-1", "drill-2"])
        {
            await pki.IssueAsync(device, "maker", device, "ec");
            await ShouldHaveSentAsync(new { attestation = "x509", registrationId = device, key = await pki.ReadAsync($"{device}.key"), certificate = await pki.ReadAsync($"{device}.pem"), transport = "mqtt", send = "hello" });
            await StateAsync(window, device, "Provisioned");
        }
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Devices_that_nobody_registered_show_up_are_migrated_and_approved_and_connect()
    {
        await using var window = await console.SignedInAsync();
        await PublishAsync(window, "walk", "Walked valve");
        var key = await NewGroupAsync(window, "oem");
        await WaitForApprovalAsync(window, "oem");
        var made = await ExternalProgram.RunAsync("dotnet", [ServerProcess.Tool, "keygen", "--group-key", key, "--device-id", "oem-7", "--format", "plain"]);
        var derived = made.Output.Trim().Split(' ', '\t', '\n')[^1];
        await ShouldBeRefusedAsync(new { registrationId = "oem-7", key = derived, transport = "mqtt" });
        await StateAsync(window, "oem-7", "Waiting for approval", "Unassociated");
        await window.PictureAsync("walk-waiting");

        await BulkAsync(window, "oem-7", "Migrate");
        await window.Page.Locator("#template").SelectOptionAsync(new SelectOptionValue { Label = "Walked valve (dtmi:modelDefinition:walk;1)" });
        await InDialogAsync(window, "Migrate");
        await window.Page.GetByText("1 device migrated.").WaitForAsync();
        await StateAsync(window, "oem-7", "Waiting for approval", "dtmi:modelDefinition:walk;1");
        await BulkAsync(window, "oem-7", "Approve");
        await window.Page.GetByText("1 device approved.").WaitForAsync();
        await ShouldHaveSentAsync(new { registrationId = "oem-7", key = derived, transport = "mqtt", send = """{"level":3}""" });
        await StateAsync(window, "oem-7", "Provisioned", "dtmi:modelDefinition:walk;1");

        using var pki = new OpenSslPki();
        await pki.RootAsync("factory", "ec");
        await NewGroupAsync(window, "factory", certificates: true);
        await window.Page.Locator("#ca-certificate").FillAsync(await pki.ReadAsync("factory.pem"));
        await window.Page.GetByText("I answer for it").ClickAsync();
        await window.ButtonAsync("Upload");
        await window.Page.GetByRole(AriaRole.Tabpanel).GetByText("Verified", new LocatorGetByTextOptions { Exact = true }).First.WaitForAsync();
        await WaitForApprovalAsync(window, "factory");
        await pki.IssueAsync("leaf", "factory", "oem-8", "ec");
        var certificate = new { attestation = "x509", registrationId = "oem-8", key = await pki.ReadAsync("leaf.key"), certificate = await pki.ReadAsync("leaf.pem"), send = "hello" };
        await ShouldBeRefusedAsync(certificate);
        await window.GoAsync("/console/approvals", "Approvals");
        await Row(window, "oem-8").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Approve" }).ClickAsync();
        await window.Page.GetByText("oem-8 is approved.").WaitForAsync();
        await ShouldHaveSentAsync(certificate);
        await StateAsync(window, "oem-8", "Provisioned", "Unassociated");
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_individual_enrollment_by_key_certificate_or_TPM_goes_before_the_group()
    {
        await using var window = await console.SignedInAsync();
        await NewDeviceAsync(window, "own-1");
        await window.GoAsync("/console/devices/own-1", "own-1");
        await window.ButtonAsync("Connect");
        await window.ButtonAsync("Keys and QR code");
        await window.Page.Locator("svg.qr").WaitForAsync();
        var derived = await DialogSecretAsync(window);

        await window.TabAsync("Own keys");
        await window.ButtonAsync("Make random keys");
        await Assertions.Expect(window.Page.Locator("#own-primary")).ToHaveValueAsync(new Regex("^[A-Za-z0-9+/]{43}=$", RegexOptions.None, TimeSpan.FromSeconds(5)));
        var own = SasToken.NewKey();
        await window.Page.Locator("#own-primary").FillAsync(own);
        await window.Page.Locator("#own-secondary").FillAsync(SasToken.NewKey());
        await SaveAsync(window, "own keys");
        await ShouldHaveSentAsync(new { registrationId = "own-1", key = own, send = "by key" });
        (await ProvisionAsync(new { registrationId = "own-1", key = derived })).ToJsonString().ShouldContain("401002");

        using var pki = new OpenSslPki();
        await pki.SelfSignedAsync("leaf", "own-1", "ec");
        await window.TabAsync("X.509");
        await window.Page.Locator("#own-certificate").FillAsync(await pki.ReadAsync("leaf.pem"));
        await SaveAsync(window, "X.509");
        await ShouldHaveSentAsync(new { attestation = "x509", registrationId = "own-1", key = await pki.ReadAsync("leaf.key"), certificate = await pki.ReadAsync("leaf.pem"), transport = "mqtt", send = "by certificate" });

        await using var tpm = await SoftwareTpm.StartAsync();
        var identity = await Node.RunAsync("tpm-identity.mjs", new { });
        await window.TabAsync("TPM");
        await window.Page.Locator("#own-endorsement").FillAsync((string)identity["endorsementKey"]!);
        await SaveAsync(window, "TPM");
        await ShouldHaveSentAsync(new { attestation = "tpm", registrationId = "own-1", send = "by TPM" });
        (await ProvisionAsync(new { registrationId = "own-1", key = own })).ToJsonString().ShouldContain("401002");
        await StateAsync(window, "own-1", "Provisioned");
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_device_that_names_its_model_gets_the_template_of_the_application_or_of_the_repository()
    {
        await using var window = await console.SignedInAsync();
        await PublishAsync(window, "plug", "Plug and play");
        var token = await TokenAsync(window, "plug");
        var model = await token.SendAsync("POST", "/api/x/models", Model("dtmi:com:example:shelf;1", "From the shelf"));
        model.Status.ShouldBe(200, model.Body);
        var key = await NewGroupAsync(window, "pnp");
        foreach (var (device, named, template) in ((string, string, string)[])[("pnp-1", "dtmi:com:example:plug;1", "Plug and play"), ("pnp-2", "dtmi:com:example:shelf;1", "From the shelf")])
        {
            var payload = new Dictionary<string, object>(StringComparer.Ordinal) { ["__iot:interfaces"] = new { CapabilityModelId = named } };
            await ShouldHaveSentAsync(new { registrationId = device, key = SasToken.DerivedKey(key, device), transport = "mqtt", payload, send = """{"level":1.5}""" });
            await window.GoAsync("/console/devices/" + device, device);
            await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = template }).WaitForAsync();
            await window.TabAsync("Data");
            await window.Page.Locator("[data-value=level]").Filter(new LocatorFilterOptions { HasText = "1.5" }).WaitForAsync();
        }
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Each_state_is_shown_and_unblocking_gives_back_the_one_before()
    {
        await using var window = await console.SignedInAsync();
        var key = await NewGroupAsync(window, "states");
        await NewDeviceAsync(window, "state-new");
        await ShouldHaveSentAsync(new { registrationId = "state-used", key = SasToken.DerivedKey(key, "state-used"), send = "hello" });
        await WaitForApprovalAsync(window, "states");
        await ShouldBeRefusedAsync(new { registrationId = "state-waits", key = SasToken.DerivedKey(key, "state-waits") });
        foreach (var (device, state) in ((string, string)[])[("state-new", "Registered"), ("state-used", "Provisioned"), ("state-waits", "Waiting for approval")])
        {
            await StateAsync(window, device, state);
            await BulkAsync(window, device, "Block");
            await InDialogAsync(window, "Block");
            await window.Page.GetByText("1 device blocked.").WaitForAsync();
            await StateAsync(window, device, "Blocked");
            if (state == "Provisioned")
                await ShouldBeRefusedAsync(new { registrationId = device, key = SasToken.DerivedKey(key, device) });
            await BulkAsync(window, device, "Unblock");
            await window.Page.GetByText("1 device unblocked.").WaitForAsync();
            await StateAsync(window, device, state);
        }
        await window.Page.GetByLabel("Show").SelectOptionAsync("Unassociated");
        await Row(window, "state-waits").WaitForAsync();
        await window.Page.GetByText("Columns").ClickAsync();
        await window.Page.GetByLabel("Group").CheckAsync();
        await Row(window, "state-waits").GetByText("states", new LocatorGetByTextOptions { Exact = true }).WaitForAsync();
        await window.PictureAsync("walk-columns");
        window.Errors.ShouldBeEmpty();
    }

    private static string Model(string id, string name) => new JsonObject
    {
        ["@context"] = "dtmi:dtdl:context;2",
        ["@id"] = id,
        ["@type"] = "Interface",
        ["displayName"] = name,
        ["contents"] = new JsonArray(new JsonObject { ["@type"] = "Telemetry", ["name"] = "level", ["schema"] = "double" }),
    }.ToJsonString();

    private static ILocator Row(ConsoleWindow window, string device) => window.Page.GetByRole(AriaRole.Row, new PageGetByRoleOptions { Name = device });

    private static Task InDialogAsync(ConsoleWindow window, string button)
        => window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = button, Exact = true }).ClickAsync();

    private static async Task SearchAsync(ConsoleWindow window, string device)
    {
        await window.GoAsync("/console/devices", "Devices");
        await window.Page.GetByLabel("Id or name begins with").FillAsync(device);
        await window.ButtonAsync("Search");
        await Row(window, device).WaitForAsync();
    }

    /// <summary>Sees the device in the list with a state, and perhaps a template.</summary>
    private static async Task StateAsync(ConsoleWindow window, string device, string state, string? template = null)
    {
        await SearchAsync(window, device);
        await Row(window, device).GetByText(state, new LocatorGetByTextOptions { Exact = true }).WaitForAsync();
        if (template is not null)
            await Row(window, device).GetByText(template, new LocatorGetByTextOptions { Exact = true }).WaitForAsync();
    }

    /// <summary>Selects the device in the list and clicks a button above it.</summary>
    private static async Task BulkAsync(ConsoleWindow window, string device, string button)
    {
        await SearchAsync(window, device);
        await window.Page.GetByLabel("Select " + device, new PageGetByLabelOptions { Exact = true }).CheckAsync();
        await window.Page.GetByRole(AriaRole.Toolbar).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = button, Exact = true }).ClickAsync();
    }

    private static async Task NewDeviceAsync(ConsoleWindow window, string device)
    {
        await window.GoAsync("/console/devices", "Devices");
        await window.ButtonAsync("New device");
        await window.Page.Locator("#new-device-id").FillAsync(device);
        await InDialogAsync(window, "Create");
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Open the device" }).WaitForAsync();
    }

    private static async Task ImportAsync(ConsoleWindow window, string name, string csv)
    {
        await window.GoAsync("/console/bulk", "Import and export");
        await window.Page.Locator("#import-file").SetInputFilesAsync(new FilePayload { Name = name, MimeType = "text/csv", Buffer = System.Text.Encoding.UTF8.GetBytes(csv) });
        await window.ButtonAsync("Import");
        await window.Page.Locator("tr").Filter(new LocatorFilterOptions { HasText = name }).GetByText("Succeeded", new LocatorGetByTextOptions { Exact = true }).WaitForAsync();
        (await window.Page.Locator("[data-figure=failed]").InnerTextAsync()).ShouldBe("0");
    }

    /// <summary>Makes a group. Gives its primary key as its dialog shows it; of certificates, the dialog for them stays open.</summary>
    private static async Task<string> NewGroupAsync(ConsoleWindow window, string group, bool certificates = false)
    {
        await window.GoAsync("/console/connection", "Device connection");
        await window.ButtonAsync("New group");
        await window.Page.Locator("#group-id").FillAsync(group);
        if (certificates)
            await window.Page.Locator("#group-kind").SelectOptionAsync("X509");
        await InDialogAsync(window, "Create");
        if (certificates)
        {
            await window.Page.Locator("#ca-certificate").WaitForAsync();
            return "";
        }
        await Row(window, group).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Keys" }).ClickAsync();
        await window.ButtonAsync("Show the keys");
        var key = await DialogSecretAsync(window);
        await InDialogAsync(window, "Close");
        return key;
    }

    private static async Task WaitForApprovalAsync(ConsoleWindow window, string group)
    {
        await window.GoAsync("/console/connection", "Device connection");
        await window.Page.GetByLabel($"New devices of {group}").SelectOptionAsync("Manual");
        await window.Page.GetByText($"New devices of {group}: manual.").WaitForAsync();
    }

    private static async Task SaveAsync(ConsoleWindow window, string proof)
    {
        await InDialogAsync(window, "Save");
        await window.Page.GetByText($"individual enrollment: {proof}").WaitForAsync();
    }

    /// <summary>Shows the first secret of a dialog.</summary>
    private static async Task<string> DialogSecretAsync(ConsoleWindow window, string form = "^[A-Za-z0-9+/]+=*$")
    {
        await window.Page.Locator("dialog").GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Show", Exact = true }).First.ClickAsync();
        return await window.Page.Locator("dialog .secret code", new PageLocatorOptions { HasTextRegex = new Regex(form, RegexOptions.None, TimeSpan.FromSeconds(60)) }).First.InnerTextAsync();
    }

    private async Task<OperatorCurl> TokenAsync(ConsoleWindow window, string id)
    {
        await window.GoAsync("/console/people", "People");
        await window.TabAsync("API tokens");
        await window.ButtonAsync("New API token");
        await window.Page.Locator("#person-id").FillAsync(id);
        await window.Page.Locator("#person-role").SelectOptionAsync("Builder");
        await InDialogAsync(window, "Create");
        return new OperatorCurl(Server, await DialogSecretAsync(window, "^SharedAccessSignature "));
    }

    /// <summary>Writes a template in the editor and publishes it.</summary>
    private async Task PublishAsync(ConsoleWindow window, string name, string displayName)
    {
        var token = await TokenAsync(window, "publish-" + name);
        var put = await token.SendAsync("PUT", $"/api/deviceTemplates/dtmi:modelDefinition:{name};1", Model($"dtmi:com:example:{name};1", displayName));
        put.Status.ShouldBe(200, put.Body);
    }

    private async Task ShouldHaveSentAsync(object scenario)
    {
        var outcome = await ProvisionAsync(scenario);
        ((bool?)outcome["sent"]).ShouldBe(true, outcome.ToJsonString());
    }

    private async Task ShouldBeRefusedAsync(object scenario)
    {
        var outcome = (await ProvisionAsync(scenario)).ToJsonString();
        outcome.ShouldContain("400209");
        outcome.ShouldContain(Refused);
    }

    private Task<JsonNode> ProvisionAsync(object scenario)
    {
        var arguments = JsonNode.Parse(JsonSerializer.Serialize(scenario))!.AsObject();
        arguments.TryAdd("host", Server.Ready.Dps.Endpoint);
        arguments.TryAdd("idScope", Server.Ready.Dps.IdScope);
        return Node.RunAsync("provision.mjs", arguments);
    }
}
