using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Rest;
using Homeport.Device;

namespace Homeport.Tool;

/// <summary><c>homeport trust</c>: the root certificate of the server, and the change to the next one.</summary>
internal static class TrustCommand
{
    private const string Root = "homeport/v1/trust";

    public static Command Create(CommandHost host) => new("trust", "The root certificate of the server, and the change to the next one: stage, cross, complete")
    {
        host.Run(new Command("show", "Shows the roots and how the change stands"), async call => Write(call, await call.Hub.GetAsync(Root, call.Token))),
        Report(host),
        Step(host, "stage", "Makes the next root and gives it out with the trust bundle"),
        Step(host, "cross", "Lets the doors show certificates of the next root that devices with either root accept"),
        Step(host, "complete", "Leaves the old root; refused while devices are not known to trust the next one", canForce: true),
        Step(host, "cancel", "Goes back to the old root"),
        Update(host),
    };

    private static Command Step(CommandHost host, string name, string description, bool canForce = false)
    {
        var force = new Option<bool>("--force") { Description = "Cut off the devices that are not known to trust the next root" };
        var command = new Command(name, description);
        if (canForce)
            command.Options.Add(force);
        return host.Run(command, async call =>
        {
            var query = canForce && call.Get(force) ? "?force=true" : "";
            Write(call, await call.Hub.SendAsync(new HubRequest(HttpMethod.Post, $"{Root}/{name}{query}"), call.Token));
        });
    }

    private static Command Report(CommandHost host) => host.Run(new Command("report", "Lists the devices that could not connect any more without the old root"), async call =>
    {
        var answer = await call.Hub.GetAsync(Root + "/report", call.Token);
        if (call.Json)
        {
            Display.Json(answer.Node());
            return;
        }
        var report = answer.As(Json.Default.TrustReport);
        Console.WriteLine(report.NextRoot is null ? "There is no next root: homeport trust stage makes one." : $"{report.Ready} of {report.Devices} devices are known to trust the next root.");
        if (report.Breaking.Count == 0)
            return;
        var table = new Table("DEVICE", "LAST ACTIVITY", "KNOWN BY");
        foreach (var device in report.Breaking)
            table.Add(device.DeviceId, Display.Time(device.LastActivityTime), device.KnownBy);
        table.Write();
    });

    private static Command Update(CommandHost host)
    {
        var file = new Argument<FileInfo>("file") { Description = "PEM file of the roots that are trusted now" };
        return host.Run(new Command("update", "Fetches the trust bundle, checks that a trusted root signed it, and writes the roots to the file") { file }, async call =>
        {
            var path = call.Get(file).FullName;
            var trusted = new X509Certificate2Collection();
            try
            {
                trusted.ImportFromPemFile(path);
                var pem = TrustBundle.Verify((await call.Hub.GetAsync(Root + "/bundle", call.Token)).Body, trusted);
                await NewFile.ReplaceAsync(path, pem, call.Token);
                Console.WriteLine($"{path} has {pem.Split("BEGIN CERTIFICATE").Length - 1} root(s) now.");
            }
            catch (Exception e) when (e is FormatException or CryptographicException or IOException or UnauthorizedAccessException)
            {
                throw new ToolException($"The roots were not changed: {e.Message}", e);
            }
        });
    }

    private static void Write(Call call, HubAnswer answer)
    {
        if (call.Json)
        {
            Display.Json(answer.Node());
            return;
        }
        var state = answer.As(Json.Default.TrustDescription);
        Console.WriteLine($"Stage: {state.Stage}");
        var table = new Table("ROOT", "UNTIL", "SHA-256");
        foreach (var root in state.Roots)
            table.Add(root.Subject, Display.Time(root.NotAfter), root.Sha256);
        table.Write();
    }
}
