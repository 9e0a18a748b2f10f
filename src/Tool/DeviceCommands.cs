using System.CommandLine;
using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Tool.Connect;
using Homeport.Tool.Image;

namespace Homeport.Tool;

/// <summary><c>homeport device</c>: the devices of the identity registry.</summary>
internal static class DeviceCommands
{
    private const int MaxList = 1000;

    public static Command Create(CommandHost host) => new("device", "Devices of the identity registry")
    {
        List(host),
        Show(host),
        CreateDevice(host),
        Delete(host),
        Enable(host),
        Disable(host),
        ConnectCommand.Create(host),
        ImageCommand.Create(host),
    };

    private static Command List(CommandHost host)
    {
        var top = new Option<int>("--top") { Description = $"How many at most, 1 to {MaxList}", DefaultValueFactory = _ => MaxList };
        return host.Run(new Command("list", "Lists devices in the order of their ids") { top }, async call =>
        {
            var answer = await call.Hub.GetAsync($"devices?top={call.Get(top)}", call.Token);
            var devices = answer.As(Json.Default.IReadOnlyListDeviceDescription);
            if (call.Json)
            {
                Display.Json([.. devices.Select(d => d with { Authentication = WithoutKeys(d.Authentication) })], Json.Default.IReadOnlyListDeviceDescription);
                return;
            }
            var table = new Table("DEVICE", "STATUS", "CONNECTION", "AUTHENTICATION", "LAST ACTIVITY", "WAITING");
            foreach (var d in devices)
                table.Add(d.DeviceId, d.Status, d.ConnectionState, d.Authentication?.Type, Display.Time(d.LastActivityTime), $"{d.CloudToDeviceMessageCount}");
            table.Write();
            if (devices.Count >= MaxList)
                await Console.Error.WriteLineAsync($"The list ends at {MaxList} devices. For all of them: homeport query \"SELECT * FROM devices\"");
        });
    }

    private static Command Show(CommandHost host)
    {
        var (device, keys) = (IdentityPath.DeviceArgument(), new KeyOptions());
        var command = new Command("show", "Shows a device: identity, connection, last activity") { device };
        keys.AddTo(command);
        return host.Run(command, async call =>
        {
            var path = IdentityPath.ParseDevice(call.Get(device));
            Write(call, keys, path, await keys.SaveAsync(call, async () => Credentials(call, path, await GetAsync(call, path))));
        });
    }

    private static Command CreateDevice(CommandHost host)
    {
        var (device, credentials, keys) = (IdentityPath.DeviceArgument(), new CredentialOptions(), new KeyOptions());
        var disabled = new Option<bool>("--disabled") { Description = "It may not connect yet" };
        var edge = new Option<bool>("--edge") { Description = "It may act as an IoT Edge gateway" };
        var command = new Command("create", "Registers a device; its keys are made by the server") { device, disabled, edge };
        credentials.AddTo(command);
        keys.AddTo(command);
        return host.Run(command, async call =>
        {
            var path = IdentityPath.ParseDevice(call.Get(device));
            var wanted = new DeviceDescription
            {
                DeviceId = path.DeviceId,
                Status = call.Get(disabled) ? "disabled" : "enabled",
                Authentication = credentials.Read(call),
                Capabilities = new CapabilitiesDescription(call.Get(edge)),
            };
            Write(call, keys, path, await keys.SaveAsync(call, async () => Credentials(call, path, await PutAsync(call, path, wanted, null))));
            if (!keys.Show(call) && !keys.Save(call))
                await Console.Error.WriteLineAsync($"Its connection string: homeport device show {path} --show-keys, or --save FILE");
        });
    }

    private static Command Delete(CommandHost host)
    {
        var (device, condition) = (IdentityPath.DeviceArgument(), ConditionOption());
        return host.Run(new Command("delete", "Deletes a device with its modules, twin and waiting messages") { device, condition }, async call =>
        {
            var path = IdentityPath.ParseDevice(call.Get(device));
            await call.Hub.SendAsync(new HubRequest(HttpMethod.Delete, path.Under("devices")) { IfMatch = call.Get(condition) ?? "*" }, call.Token);
            await Console.Error.WriteLineAsync($"Deleted {path}.");
        });
    }

    private static Command Enable(CommandHost host)
    {
        var device = IdentityPath.DeviceArgument();
        return host.Run(new Command("enable", "Lets a device connect again") { device }, call => SetStatusAsync(call, call.Get(device), "enabled", null));
    }

    private static Command Disable(CommandHost host)
    {
        var device = IdentityPath.DeviceArgument();
        var reason = new Option<string>("--reason") { Description = "Why; shown with the device" };
        return host.Run(new Command("disable", "Ends a device's connection and keeps it from connecting") { device, reason },
            call => SetStatusAsync(call, call.Get(device), "disabled", call.Get(reason)));
    }

    /// <summary>The option --if-match.</summary>
    internal static Option<string> ConditionOption() => new("--if-match") { Description = "Only if the entry still has this ETag" };

    /// <summary>What may be printed of credentials.</summary>
    internal static AuthenticationDescription? WithoutKeys(AuthenticationDescription? authentication) => authentication is null ? null : authentication with { SymmetricKey = null };

    private static async Task SetStatusAsync(Call call, string text, string status, string? reason)
    {
        var path = IdentityPath.ParseDevice(text);
        var device = await GetAsync(call, path);
        // With its ETag: what somebody else changes in between is not undone.
        var changed = await PutAsync(call, path, device with { Status = status, StatusReason = reason }, device.Etag);
        Write(call, new KeyOptions(), path, changed);
    }

    private static async Task<DeviceDescription> GetAsync(Call call, IdentityPath path)
        => (await call.Hub.GetAsync(path.Under("devices"), call.Token)).As(Json.Default.DeviceDescription);

    private static async Task<DeviceDescription> PutAsync(Call call, IdentityPath path, DeviceDescription device, string? etag)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(device, Json.Default.DeviceDescription);
        return (await call.Hub.SendAsync(new HubRequest(HttpMethod.Put, path.Under("devices"), body) { IfMatch = etag }, call.Token)).As(Json.Default.DeviceDescription);
    }

    private static (DeviceDescription Device, string? ConnectionString) Credentials(Call call, IdentityPath path, DeviceDescription device)
        => (device, KeyOptions.ConnectionStringOf(call.Hub.HostName, path, device.Authentication));

    private static void Write(Call call, KeyOptions keys, IdentityPath path, DeviceDescription device)
    {
        var (_, connectionString) = Credentials(call, path, device);
        if (call.Json)
        {
            Display.Json(keys.Filter(call, JsonSerializer.SerializeToNode(device, Json.Default.DeviceDescription), connectionString));
            return;
        }
        var thumbprints = device.Authentication?.X509Thumbprint;
        List<(string, string?)> lines =
        [
            ("device", device.DeviceId),
            ("generation", device.GenerationId),
            ("etag", device.Etag),
            ("status", device.StatusReason is null ? device.Status : $"{device.Status} ({device.StatusReason})"),
            ("connection", $"{device.ConnectionState}, since {Display.Time(device.ConnectionStateUpdatedTime)}"),
            ("last activity", Display.Time(device.LastActivityTime)),
            ("messages waiting", $"{device.CloudToDeviceMessageCount}"),
            ("authentication", device.Authentication?.Type),
        ];
        if (thumbprints?.PrimaryThumbprint is { } primary)
            lines.Add(("thumbprint", primary));
        if (thumbprints?.SecondaryThumbprint is { } secondary)
            lines.Add(("secondary thumbprint", secondary));
        if (keys.Show(call))
        {
            lines.Add(("primary key", device.Authentication?.SymmetricKey?.PrimaryKey));
            lines.Add(("secondary key", device.Authentication?.SymmetricKey?.SecondaryKey));
            lines.Add(("connection string", connectionString));
        }
        Display.Details([.. lines]);
    }
}
