using System.Text;
using System.Text.Json;
using Homeport.Tests.Interop.Harness;
using Microsoft.Playwright;

namespace Homeport.Tests.Interop;

/// <summary>Devices as CSV files: an operator in Chromium and with curl on one side, the Node SDK on the other.</summary>
[Collection(MigrationServersTests.Name)]
public sealed class BulkFileTests(MigrationServers servers)
{
    private const string Template = """
        {"@type":["ModelDefinition","DeviceModel"],"@context":["dtmi:iotcentral:context;2","dtmi:dtdl:context;2"],"displayName":"Pump",
         "capabilityModel":{"@id":"dtmi:com:example:Pump;1","@type":"Interface","contents":[{"@type":"Telemetry","name":"pressure","schema":"double"}]}}
        """;

    private ServerProcess Server => servers.Target;

    private NodeClient Node => new(Server.Ready.CaFile);

    [Fact]
    public async Task A_file_of_the_console_becomes_devices_of_a_template_and_failed_rows_come_back_as_a_file()
    {
        await using var window = await servers.Console.SignedInAsync();
        var curl = new OperatorCurl(Server, servers.TargetToken);
        (await curl.SendAsync("PUT", "/api/deviceTemplates/dtmi:modelDefinition:page;1", Template)).Status.ShouldBe(200);
        await window.GoAsync("/console/bulk", "Import and export");
        await window.Page.Locator("#import-template").SelectOptionAsync("dtmi:modelDefinition:page;1");
        await window.Page.Locator("#import-file").SetInputFilesAsync(new FilePayload
        {
            Name = "pumps.csv",
            MimeType = "text/csv",
            Buffer = Encoding.UTF8.GetBytes("\uFEFFIOTC_DeviceID;IOTC_DeviceName;IOTC_TEMPLATE\r\nbulk-1;=1+1;\r\nbulk-2;Two;Unassociated\r\nbad id;;\r\n"),
        });
        await window.ButtonAsync("Import");
        await window.Page.Locator("[data-figure=errors]").GetByText("InvalidDeviceId").WaitForAsync();
        (await window.Page.Locator("[data-figure=created]").InnerTextAsync()).ShouldBe("2");
        var errors = await DownloadAsync(window, () => window.Page.Locator("[data-errors]").First.ClickAsync());
        errors.ShouldContain("bad id,,,4,InvalidDeviceId");
        // The list is there for whoever comes back to the page.
        await window.GoAsync("/console/bulk", "Import and export");
        await window.Page.Locator("tr").Filter(new LocatorFilterOptions { HasText = "pumps.csv" }).GetByText("3 of 3, 1 failed").WaitForAsync();
        await window.PictureAsync("bulk");
        ((string?)(await curl.SendAsync("GET", "/api/devices/bulk-1")).Json["template"]).ShouldBe("dtmi:modelDefinition:page;1");
        ((string?)(await curl.SendAsync("GET", "/api/devices/bulk-2")).Json["template"]).ShouldBeNull();

        await window.GoAsync("/console/devices", "Devices");
        await window.Page.Locator("[data-search]").FillAsync("bulk-");
        await window.ButtonAsync("Search");
        await window.Page.GetByLabel("Select bulk-1").CheckAsync();
        await window.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Export", Exact = true }).ClickAsync();
        await window.Page.GetByText("1 selected devices").WaitForAsync();
        await window.Page.Locator("#column-Status").CheckAsync();
        var file = await DownloadAsync(window, () => window.Page.Locator("#export-plain").ClickAsync());
        file.Split("\r\n").Length.ShouldBe(3, file);
        file.ShouldContain("bulk-1,=1+1,,,,,registered,\"dtmi:modelDefinition:page;1\"");
        window.Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task After_an_export_all_devices_are_deleted_imported_again_and_come_back_with_their_keys()
    {
        var curl = new OperatorCurl(Server, servers.TargetToken);
        await curl.SendAsync("PUT", "/api/devices/trip-new", "{}");
        await curl.SendAsync("PUT", "/api/devices/trip-own", "{}");
        var own = SasToken.NewKey();
        await curl.SendAsync("PUT", "/api/devices/trip-own/attestation", $$$"""{"type":"symmetricKey","symmetricKey":{"primaryKey":"{{{own}}}","secondaryKey":"{{{own}}}"}}""");
        var derived = (string)(await curl.SendAsync("GET", "/api/devices/trip-new/credentials")).Json["symmetricKey"]!["primaryKey"]!;
        await SentAsync("trip-own", own);

        var file = (await curl.SendAsync("GET", "/api/x/devices/export", query: "&keys=true&columns=connectionString,status&search=trip-")).Body;
        file.ShouldContain(derived);
        file.ShouldContain(own);
        (await curl.SendAsync("POST", "/api/x/devices/delete", """{"deviceIds":["trip-new","trip-own"]}""")).Status.ShouldBe(200);
        var imported = await curl.SendAsync("POST", "/api/x/devices/import", file, "&enroll=true");
        ((int?)imported.Json["progress"]!["created"]).ShouldBe(2, imported.Body);
        await SentAsync("trip-new", derived);
        await SentAsync("trip-own", own);
        var again = (await curl.SendAsync("GET", "/api/x/devices/export", query: "&keys=true&search=trip-")).Body;
        var rows = file.Split('\n').Where(r => r.StartsWith("trip-", StringComparison.Ordinal)).ToList();
        rows.ShouldNotBeEmpty(file);
        foreach (var row in rows)
            again.ShouldContain(string.Join(',', row.Split(',')[..4]));
    }

    private static async Task<string> DownloadAsync(ConsoleWindow window, Func<Task> click)
    {
        var download = await window.Page.RunAndWaitForDownloadAsync(click);
        return await File.ReadAllTextAsync(await download.PathAsync());
    }

    private async Task SentAsync(string registrationId, string key)
    {
        var scenario = JsonSerializer.SerializeToNode(new { host = Server.Ready.Dps.Endpoint, idScope = Server.Ready.Dps.IdScope, registrationId, key, send = "1" })!.AsObject();
        var outcome = await Node.RunAsync("provision.mjs", scenario);
        ((bool?)outcome["sent"]).ShouldBe(true, outcome.ToJsonString());
    }
}
