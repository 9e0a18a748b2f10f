using System.CommandLine;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport diagnose</c>: all that tells why a device does not work.</summary>
internal static class DiagnoseCommand
{
    public static Command Create(CommandHost host)
    {
        var device = IdentityPath.DeviceArgument();
        return host.Run(new Command("diagnose", "Says what the server knows of a device, what is wrong, and how to mend it") { device }, async call =>
        {
            var path = IdentityPath.ParseDevice(call.Get(device));
            var answer = await call.Hub.GetAsync("homeport/v1/" + path.Under("devices") + "/diagnosis", call.Token);
            if (call.Json)
                Display.Json(answer.Node());
            else
                Write(answer.As(Json.Default.DeviceDiagnosis));
        });
    }

    /// <summary>Writes what is known of a device, the cause first.</summary>
    internal static void Write(DeviceDiagnosis found)
    {
        WriteFindings(found);
        if (found.Registration is { } registration)
            WriteRegistration(registration);
        if (found.Device is { } device)
            WriteDevice(found.DeviceId, device);
        if (found.Modules.Count > 0)
        {
            Console.WriteLine();
            var table = new Table("MODULE", "CONNECTION", "AUTHENTICATION", "LAST ACTIVITY", "METHODS", "WAITING", "TWIN");
            foreach (var m in found.Modules)
                table.Add(m.ModuleId, Connection(m), m.AuthenticationType, Display.Time(m.LastActivityTime), YesNo(m.TakesMethods), $"{m.MessagesWaiting}", Twin(m.Twin));
            table.Write();
        }
        if (found.Refusals.Count > 0)
            Console.WriteLine($"{Environment.NewLine}Newest refusals:");
        foreach (var refusal in found.Refusals)
            ExplainCommand.Write(refusal);
    }

    private static void WriteFindings(DeviceDiagnosis found)
    {
        if (found.Findings.Count == 0)
            Console.WriteLine("Nothing is wrong that the server can see.");
        foreach (var finding in found.Findings)
        {
            Console.WriteLine($"Wrong:  {Display.Clean(finding.Seen)}");
            Console.WriteLine($"Fix:    {Display.Clean(finding.Fix)}");
        }
    }

    private static void WriteRegistration(RegistrationDiagnosis registration)
    {
        Console.WriteLine();
        Display.Details(
            ("registration", registration.Status),
            ("at", Display.Time(registration.LastUpdatedTime)),
            ("through", registration.EnrollmentGroupId is { } group ? $"enrollment group {group}" : "individual enrollment"),
            ("hub", registration.AssignedHub),
            ("device id", registration.DeviceId));
    }

    private static void WriteDevice(string deviceId, IdentityDiagnosis device)
    {
        Console.WriteLine();
        Display.Details(
            ("device", deviceId),
            ("registered", "yes"),
            ("enabled", device.Enabled ? "yes" : $"no, since {Display.Time(device.StatusUpdatedTime)}{(device.StatusReason is null ? "" : $" ({device.StatusReason})")}"),
            ("authentication", device.AuthenticationType),
            ("connection", Connection(device)),
            ("last activity", Display.Time(device.LastActivityTime)),
            ("takes methods", YesNo(device.TakesMethods)),
            ("session", device.SessionFilters is { } filters ? string.Join("  ", filters) : "none kept"),
            ("messages waiting", $"{device.MessagesWaiting}"),
            ("twin", Twin(device.Twin)));
    }

    private static string Connection(IdentityDiagnosis identity) => identity switch
    {
        { Connected: true } => $"connected since {Display.Time(identity.Since)}",
        { Since.Time: null } => "never connected",
        _ => $"offline since {Display.Time(identity.Since)}",
    };

    private static string YesNo(bool value) => value ? "yes" : "no";

    private static string? Twin(TwinVersions? twin) => twin is null ? null : $"version {twin.Version}, desired {twin.Desired}, reported {twin.Reported}";
}
