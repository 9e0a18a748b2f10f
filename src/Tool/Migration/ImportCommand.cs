using System.CommandLine;

namespace Homeport.Tool.Migration;

/// <summary><c>homeport import</c>: takes over devices and enrollments of Azure IoT Hub, the Device Provisioning Service and IoT Central, or of another Homeport.</summary>
internal static class ImportCommand
{
    private const string SourceConnection = "HOMEPORT_SOURCE_CONNECTION_STRING";
    private const string SourceToken = "HOMEPORT_SOURCE_TOKEN";
    private const string TargetToken = "HOMEPORT_API_TOKEN";
    private const string GroupKey = "HOMEPORT_GROUP_KEY";

    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Reads and checks all, and writes nothing", Recursive = true };

    private static readonly Option<FileInfo> Report = new("--report")
    {
        Description = "JSON file of the report; it is replaced",
        DefaultValueFactory = _ => new FileInfo("import-report.json"),
        Recursive = true,
    };

    private static readonly Option<DirectoryInfo> Certificates = new("--certificates")
    {
        Description = "Folder of the certificates that the source names by thumbprint and does not give",
        Recursive = true,
    };

    private static readonly Option<FileInfo> SourceCa = new("--source-ca") { Description = "PEM file of the CA of the source, if it is another Homeport", Recursive = true };

    public static Command Create(CommandHost host)
    {
        var command = new Command("import", "Takes over devices and enrollments of Azure, or of another Homeport. What is there stays as it is, so it can be run again")
        {
            HubState(host),
            Provisioning(host),
            Central(host),
        };
        foreach (var option in (Option[])[DryRun, Report, Certificates, SourceCa])
            command.Options.Add(option);
        return command;
    }

    private static Command HubState(CommandHost host)
    {
        var file = new Argument<FileInfo>("file") { Description = "What 'az iot hub state export' wrote, or the devices.txt of a registry export" };
        return host.Run(new Command("azure-hub-state", "Devices, modules, twins and configurations of an IoT Hub") { file }, call
            => RunAsync(call.Arguments, "azure-hub-state", call.Json, run => new HubStateImport(call.Hub, run).RunAsync(call.Get(file)), call.Token));
    }

    private static Command Provisioning(CommandHost host)
    {
        var files = new Argument<FileInfo[]>("files")
        {
            Description = "What 'az iot dps enrollment list' or 'show --show-keys' and 'enrollment-group' print; none to read the service",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var source = new Option<string>("--source-connection-string") { Description = $"Of the service that is read; better in the environment variable {SourceConnection}" };
        var port = new Option<int>("--source-port") { Description = "Its port of HTTPS", DefaultValueFactory = _ => 443 };
        return host.RunProvisioning(new Command("azure-dps", "Enrollments and groups of a Device Provisioning Service") { files, source, port }, call
            => RunAsync(call.Arguments, "azure-dps", call.Json, async run =>
            {
                var import = new ProvisioningImport(call.Hub, run);
                foreach (var file in call.Get(files))
                    await import.FromFileAsync(file);
                if (call.Get(files).Length > 0)
                    return;
                var text = call.Get(source) ?? Environment.GetEnvironmentVariable(SourceConnection);
                if (string.IsNullOrEmpty(text))
                    throw ToolException.BadUsage($"Name files, or the service by --source-connection-string or the environment variable {SourceConnection}.");
                using var client = ConnectionOptions.OpenSource(text, call.Get(port), call.Get(SourceCa)?.FullName);
                await import.FromServiceAsync(client);
            }, call.Token));
    }

    private static Command Central(CommandHost host)
    {
        var source = new Option<string>("--source") { Description = $"Address of the application, as https://contoso.azureiotcentral.com; its API token in the environment variable {SourceToken}" };
        var csv = new Option<FileInfo>("--csv") { Description = $"In place of it the CSV file that it exported; the primary key of the group in the environment variable {GroupKey}, the secondary one behind a comma" };
        var group = new Option<string>("--group") { Description = "The group whose key that is", DefaultValueFactory = _ => "SAS-IoT-Devices" };
        var template = new Option<string>("--template") { Description = "With --csv: the published template of devices whose row names none" };
        var enroll = new Option<bool>("--enroll") { Description = "With --csv: devices with keys get individual enrollments, for keys that are not derived from a group's" };
        var replace = new Option<bool>("--replace-keys") { Description = "Groups that are here get the keys of the source" };
        var server = new Option<string>("--server") { Description = $"Host name of this server; without it that of the ready file. Its API token in the environment variable {TargetToken}" };
        var command = new Command("azure-central", "An application of IoT Central: templates, groups with keys, devices, organizations, device groups") { source, csv, group, template, enroll, replace, server };
        return host.RunUnconnected(command, (parsed, connection, json, token) => RunAsync(parsed, "azure-central", json, async run =>
        {
            var hostName = parsed.GetValue(server) ?? connection.Ready(parsed)?.Host ?? throw ToolException.BadUsage("Say which server: --server or --ready-file.");
            using var target = new CentralClient(new UriBuilder(Uri.UriSchemeHttps, hostName, connection.Port(parsed)).Uri, Secret(TargetToken), ConnectionOptions.Trust(connection.CaFile(parsed)));
            if (parsed.GetValue(csv) is { } file)
            {
                var keys = (Environment.GetEnvironmentVariable(GroupKey) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
                var query = (parsed.GetValue(template) is { } id ? $"&template={Uri.EscapeDataString(id)}" : "") + (parsed.GetValue(enroll) ? "&enroll=true" : "");
                await new CentralFileImport(target, run).RunAsync(file, parsed.GetValue(group)!, keys.ElementAtOrDefault(0), keys.ElementAtOrDefault(1), parsed.GetValue(replace), query);
                return;
            }
            if (!Uri.TryCreate(parsed.GetValue(source), UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttps)
                throw ToolException.BadUsage("Name the application by --source https://..., or its file by --csv.");
            using var client = new CentralClient(address, Secret(SourceToken), ConnectionOptions.Trust(parsed.GetValue(SourceCa)?.FullName));
            await new CentralImport(client, target, run, parsed.GetValue(replace)).RunAsync();
        }, token));
    }

    private static async Task<int> RunAsync(ParseResult parsed, string source, bool json, Func<MigrationRun, Task> import, CancellationToken token)
    {
        var dryRun = parsed.GetValue(DryRun);
        var certificates = KnownCertificates.Read(parsed.GetValue(Certificates));
        using var report = new MigrationReport(source, parsed.GetValue(Report)!.FullName, dryRun);
        try
        {
            await import(new MigrationRun(report, certificates, dryRun, token));
        }
        catch (ToolException)
        {
            // What was done so far is in the report all the same.
            if (!report.IsEmpty)
                report.Close(json);
            throw;
        }
        return report.Close(json);
    }

    private static string Secret(string variable)
        => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? text : throw ToolException.BadUsage($"Set the environment variable {variable} to the API token.");
}
