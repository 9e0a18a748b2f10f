using System.CommandLine;
using System.Text.Json;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport module</c>: the modules of a device.</summary>
internal static class ModuleCommands
{
    public static Command Create(CommandHost host) => new("module", "Modules of a device") { List(host), CreateModule(host), Delete(host) };

    private static Command List(CommandHost host)
    {
        var device = IdentityPath.DeviceArgument();
        return host.Run(new Command("list", "Lists the modules of a device") { device }, async call =>
        {
            var path = IdentityPath.ParseDevice(call.Get(device));
            var modules = (await call.Hub.GetAsync(path.Under("devices") + "/modules", call.Token)).As(Json.Default.IReadOnlyListModuleDescription);
            if (call.Json)
            {
                Display.Json([.. modules.Select(m => m with { Authentication = DeviceCommands.WithoutKeys(m.Authentication) })], Json.Default.IReadOnlyListModuleDescription);
                return;
            }
            var table = new Table("MODULE", "CONNECTION", "AUTHENTICATION", "LAST ACTIVITY", "WAITING");
            foreach (var m in modules)
                table.Add($"{m.DeviceId}/{m.ModuleId}", m.ConnectionState, m.Authentication?.Type, Display.Time(m.LastActivityTime), $"{m.CloudToDeviceMessageCount}");
            table.Write();
        });
    }

    private static Command CreateModule(CommandHost host)
    {
        var (module, credentials, keys) = (IdentityPath.ModuleArgument(), new CredentialOptions(), new KeyOptions());
        var command = new Command("create", "Registers a module; its keys are made by the server") { module };
        credentials.AddTo(command);
        keys.AddTo(command);
        return host.Run(command, async call =>
        {
            var path = IdentityPath.ParseModule(call.Get(module));
            var wanted = new ModuleDescription { DeviceId = path.DeviceId, ModuleId = path.ModuleId, Authentication = credentials.Read(call) };
            Write(call, keys, path, await keys.SaveAsync(call, async () =>
            {
                var body = JsonSerializer.SerializeToUtf8Bytes(wanted, Json.Default.ModuleDescription);
                var made = (await call.Hub.SendAsync(new HubRequest(HttpMethod.Put, path.Under("devices"), body), call.Token)).As(Json.Default.ModuleDescription);
                return (made, KeyOptions.ConnectionStringOf(call.Hub.HostName, path, made.Authentication));
            }));
        });
    }

    private static Command Delete(CommandHost host)
    {
        var (module, condition) = (IdentityPath.ModuleArgument(), DeviceCommands.ConditionOption());
        return host.Run(new Command("delete", "Deletes a module") { module, condition }, async call =>
        {
            var path = IdentityPath.ParseModule(call.Get(module));
            await call.Hub.SendAsync(new HubRequest(HttpMethod.Delete, path.Under("devices")) { IfMatch = call.Get(condition) ?? "*" }, call.Token);
            await Console.Error.WriteLineAsync($"Deleted {path}.");
        });
    }

    private static void Write(Call call, KeyOptions keys, IdentityPath path, ModuleDescription module)
    {
        var connectionString = KeyOptions.ConnectionStringOf(call.Hub.HostName, path, module.Authentication);
        if (call.Json)
        {
            Display.Json(keys.Filter(call, JsonSerializer.SerializeToNode(module, Json.Default.ModuleDescription), connectionString));
            return;
        }
        List<(string, string?)> lines = [("module", path.ToString()), ("etag", module.Etag), ("authentication", module.Authentication?.Type)];
        if (keys.Show(call))
            lines.Add(("connection string", connectionString));
        Display.Details([.. lines]);
    }
}
