using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Access;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Device.Identity;

namespace Homeport.Tool.Connect;

/// <summary>
/// <c>homeport device connect</c>: from a server to an imprinted TPM, with questions at a terminal and with options in a script. The key goes from the
/// server to the TPM and is never shown.
/// </summary>
internal sealed class ConnectCommand
{
    private const int MaxListed = 1000;
    private static readonly string[] Chips = ["/dev/tpmrm0", "/dev/tpm0"];

    private const string NewDevice = "\0new";
    private const string PortalPasswordVariable = "HOMEPORT_PORTAL_PASSWORD";
    private const string KeyVariable = "HOMEPORT_KEY";

    private readonly Option<string?> _server = new("--server") { Description = $"Host name of the server, with --policy and the key in the environment variable {KeyVariable}; instead of a connection string" };
    private readonly Option<string> _policy = new("--policy") { Description = "Policy whose key signs in with --server", DefaultValueFactory = _ => "iothubowner" };
    private readonly Option<string?> _hub = new("--hub") { Description = "Name or host name of the hub, when the server has several" };
    private readonly Option<string?> _device = new("--device-id") { Description = "The device; it is created when it does not exist" };
    private readonly Option<string?> _tpm = new("--tpm") { Description = "TPM of this machine: chip, device:/dev/tpmrm0, software:/directory, …" };
    private readonly Option<string?> _portal = new("--portal") { Description = $"Page of a device on the network, such as https://device:8080; its password in the environment variable {PortalPasswordVariable}" };
    private readonly Option<string?> _fingerprint = new("--portal-fingerprint") { Description = "SHA-256 of the certificate of that page, as the device printed it" };
    private readonly Option<uint> _logicalDevice = new("--logical-device") { Description = "Place in the TPM, 0 to 15" };
    private readonly Option<bool> _yes = new("--yes") { Description = "Replaces what is imprinted without asking" };
    private readonly Option<bool> _noVerify = new("--no-verify") { Description = "Does not connect at the end" };
    private readonly Option<int> _mqttPort = new("--mqtt-port") { Description = "Port of MQTT for the check at the end", DefaultValueFactory = _ => 8883 };

    public static Command Create(CommandHost host)
    {
        var self = new ConnectCommand();
        var command = new Command("connect", "Connects a device: chooses hub and device id, puts the key into a TPM, and verifies by connecting");
        foreach (Option option in new Option[] { self._server, self._policy, self._hub, self._device, self._tpm, self._portal, self._fingerprint, self._logicalDevice, self._yes, self._noVerify, self._mqttPort })
            command.Options.Add(option);
        return host.RunUnconnected(command, self.RunAsync);
    }

    private async Task RunAsync(ParseResult parsed, ConnectionOptions connection, CancellationToken token)
    {
        var isJson = parsed.GetValue<bool>("--json");
        var questions = Questions.Create(isJson);
        using var hub = SignIn(parsed, connection, questions);
        var deviceId = await ChooseDeviceAsync(parsed, hub, questions, token);
        using var target = await ChooseTargetAsync(parsed, questions, token);
        var number = parsed.GetValue(_logicalDevice);
        if (number > 15)
            throw ToolException.BadUsage("--logical-device: the places are 0 to 15.");
        if (await target.FindAsync(number, token) is { } present && present != $"{hub.HostName}/{deviceId}" && !parsed.GetValue(_yes)
            && !questions.Confirm($"Place {number} of the TPM holds {present}. Replace it?", "--yes"))
        {
            throw new ToolException("Nothing was changed.");
        }

        if (target.Warning is { } warning)
            Questions.Say($"Note: {warning}");
        var imprint = new AgentImprint { HostName = hub.HostName, DeviceId = deviceId, PrimaryKey = await KeyAsync(hub, deviceId, questions, token), LogicalDevice = number };
        await target.ImprintAsync(imprint, token);
        Questions.Say($"The key of {deviceId} is in the TPM ({target.Name}). It cannot be read back.");
        imprint.PrimaryKey = null;
        var verified = parsed.GetValue(_noVerify)
            ? null
            : await target.VerifyAsync(imprint, hub.Trust, connection.Ready(parsed)?.Ports.Mqtt ?? parsed.GetValue(_mqttPort), token);
        Report(isJson, hub.HostName, deviceId, target.Name, number, verified);
    }

    private static void Report(bool isJson, string hostName, string deviceId, string tpm, uint number, string? verified)
    {
        if (isJson)
            Display.Json(new JsonObject { ["hostName"] = hostName, ["deviceId"] = deviceId, ["tpm"] = tpm, ["logicalDevice"] = number, ["verified"] = verified });
        else
            Display.Details(("hub", hostName), ("device", deviceId), ("tpm", $"{tpm}, place {number}"), ("verified", verified ?? "not asked for"));
    }

    private HubClient SignIn(ParseResult parsed, ConnectionOptions connection, Questions questions)
    {
        if (parsed.GetValue(_server) is { } server)
            return connection.Open(parsed, ByKey(server, parsed.GetValue(_policy)!, Environment.GetEnvironmentVariable(KeyVariable), questions));
        if (!connection.IsGiven(parsed))
            return connection.Open(parsed, AskForServer(parsed, questions));
        if (connection.Ready(parsed) is not { } ready)
            return connection.Open(parsed);
        var wanted = parsed.GetValue(_hub);
        var hubs = ready.Hubs.Where(h => wanted is null || h.Name == wanted || h.HostName == wanted).ToList();
        if (hubs.Count == 0)
            throw ToolException.BadUsage($"The server has no hub '{wanted}'. It has: {string.Join(", ", ready.Hubs.Select(static h => h.Name))}");
        return connection.Open(parsed, questions.Choose($"Hub of the application '{ready.Application}'", hubs, static h => $"{h.Name} ({h.HostName})", "--hub").ServiceConnectionString);
    }

    private string AskForServer(ParseResult parsed, Questions questions)
    {
        var text = questions.Ask(
            "Connection string, or host name of the server:",
            static t => ConnectionString.TryParse(t, out _, out _) || ImprintRules.CheckHostName(t) is null ? null : "Paste the connection string of a policy, or write a host name such as hub.example.com.",
            "--ready-file, --connection-string or --server");
        return text.Contains('=', StringComparison.Ordinal) ? text : ByKey(text, parsed.GetValue(_policy)!, null, questions);
    }

    private static string ByKey(string server, string policy, string? key, Questions questions)
    {
        if (ImprintRules.CheckHostName(server) is { } wrong)
            throw ToolException.BadUsage($"--server: {wrong}");
        key ??= questions.AskSecret($"Key of the policy {policy}:", $"the environment variable {KeyVariable}");
        return new ConnectionString(server, SharedAccessKeyName: policy, SharedAccessKey: key).Reveal();
    }

    private async Task<string> ChooseDeviceAsync(ParseResult parsed, HubClient hub, Questions questions, CancellationToken token)
    {
        if (parsed.GetValue(_device) is { } given)
            return IdentityPath.ParseDevice(given).DeviceId;
        var devices = (await hub.GetAsync($"devices?top={MaxListed}", token)).As(Json.Default.IReadOnlyListDeviceDescription);
        var ids = devices.Where(static d => d.Authentication?.Type is null or "sas").Select(static d => d.DeviceId!).Order(StringComparer.Ordinal);
        var chosen = questions.IsInteractive ? questions.Choose("Device", [NewDevice, .. ids, "\0end"], static id => id switch
        {
            NewDevice => "+ a new device",
            "\0end" => "+ another one, by its id",
            _ => id,
        }, "--device-id") : NewDevice;
        return chosen is NewDevice or "\0end"
            ? questions.Ask("Device id:", static id => ImprintRules.CheckDeviceId(id), "--device-id", chosen == NewDevice ? Environment.MachineName : null)
            : chosen;
    }

    private async Task<IConnectTarget> ChooseTargetAsync(ParseResult parsed, Questions questions, CancellationToken token)
    {
        var (portal, tpm) = (parsed.GetValue(_portal), parsed.GetValue(_tpm));
        if (portal is not null && tpm is not null)
            throw ToolException.BadUsage("--portal and --tpm exclude each other: the key goes into one TPM.");
        if (portal is null && tpm is null && questions.IsInteractive)
        {
            const string Elsewhere = "the TPM of a device on the network, by its page";
            var here = Chips.Where(File.Exists).Select(static f => "device:" + f).ToList();
            if (Environment.GetEnvironmentVariable(TpmLocator.EnvironmentVariable) is { Length: > 0 } named)
                here.Insert(0, named);
            if (here.Count == 0)
                here.Add(TpmLocator.Choose().Name);
            var choice = questions.Choose("TPM", [.. here, Elsewhere], static t => t.StartsWith("software:", StringComparison.Ordinal) ? $"{t} (no security)" : t, "--tpm or --portal");
            if (choice == Elsewhere)
                portal = questions.Ask("Address of the page:", static t => t.Length == 0 ? "Write https://device:8080." : null, "--portal");
            else
                tpm = choice;
        }

        return portal is null ? Local(tpm, parsed.GetValue(_logicalDevice)) : await PortalAsync(parsed, portal, questions, token);
    }

    private static LocalTarget Local(string? tpm, uint number)
    {
        try
        {
            return new LocalTarget(TpmLocator.Choose(tpm == "chip" ? null : tpm), number);
        }
        catch (FormatException e)
        {
            throw ToolException.BadUsage($"--tpm: {e.Message}", e);
        }
    }

    private async Task<PortalTarget> PortalAsync(ParseResult parsed, string portal, Questions questions, CancellationToken token)
    {
        var address = PortalTarget.ParseAddress(portal);
        var fingerprint = parsed.GetValue(_fingerprint);
        if (fingerprint is null)
        {
            fingerprint = await PortalTarget.ReadFingerprintAsync(address, token);
            Questions.Say($"The device shows the certificate {fingerprint}");
            if (!questions.Confirm("Is that what the device printed (journalctl -u homeport-agent)?", "--portal-fingerprint"))
                throw new ToolException("Nothing was changed: the certificate is not that of the device.");
        }

        var password = Environment.GetEnvironmentVariable(PortalPasswordVariable) ?? questions.AskSecret("Password of the page:", $"the environment variable {PortalPasswordVariable}");
        return new PortalTarget(address, password, fingerprint);
    }

    /// <summary>The primary key of the device, which is created when it does not exist.</summary>
    internal static async Task<string> KeyAsync(HubClient hub, string deviceId, Questions questions, CancellationToken token)
    {
        var path = $"devices/{Uri.EscapeDataString(deviceId)}";
        DeviceDescription device;
        try
        {
            device = (await hub.GetAsync(path, token)).As(Json.Default.DeviceDescription);
        }
        catch (ToolException e) when (e.Message.Contains("DeviceNotFound", StringComparison.Ordinal))
        {
            var wanted = new DeviceDescription { DeviceId = deviceId, Status = "enabled" };
            device = (await hub.SendAsync(new HubRequest(HttpMethod.Put, path, JsonSerializer.SerializeToUtf8Bytes(wanted, Json.Default.DeviceDescription)), token)).As(Json.Default.DeviceDescription);
            Questions.Say($"Created the device {deviceId} at {hub.HostName}.");
        }

        if (device.Status == "disabled")
            throw new ToolException($"The device '{deviceId}' is disabled. Enable it first: homeport device enable {deviceId}");
        return device.Authentication is { Type: null or "sas", SymmetricKey.PrimaryKey: { Length: > 0 } key }
            ? key
            : throw new ToolException($"The device '{deviceId}' has no symmetric key ({device.Authentication?.Type}): a TPM cannot be imprinted for it. Choose another device id.");
    }
}
