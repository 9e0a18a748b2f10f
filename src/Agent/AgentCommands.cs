using System.CommandLine;
using Homeport.Agent.Doctor;
using Homeport.Agent.Identity;
using Homeport.Agent.Install;
using Homeport.Agent.Portal;
using Homeport.Agent.Settings;
using Homeport.Contract.Rest;
using Homeport.Tpm;

namespace Homeport.Agent;

/// <summary>The command line of <c>homeport-agent</c>.</summary>
internal static class AgentCommands
{
    private const int Failed = 1;
    private const int Usage = 2;

    private static readonly Option<string?> SettingsFile = new("--settings") { Description = $"Settings file, JSON; without it {AgentOptions.DefaultSettingsPath} if there is one", Recursive = true };
    private static readonly Option<string?> State = new("--state") { Description = "Directory of the agent's state", Recursive = true };

    public static RootCommand Create() => new("The Homeport device agent: the identity in the TPM for every program of this device")
    {
        SettingsFile,
        State,
        Run(),
        Token(),
        Imprint(),
        Doctor(),
        Password(),
        InstallCommands.Install(),
        InstallCommands.Uninstall(),
    };

    private static Command Run()
    {
        var command = new Command("run", "Serves local programs and the page of the device until it is stopped");
        command.SetAction((parsed, token) => GuardAsync(async () =>
        {
            using var service = new AgentService(Options(parsed), TimeProvider.System);
            await service.RunAsync(token);
            return Environment.ExitCode;
        }));
        return command;
    }

    private static Command Token()
    {
        var device = new Option<uint?>("--device") { Description = "Logical device, 0 to 15" };
        var lifetime = new Option<int>("--lifetime") { Description = "Seconds", DefaultValueFactory = _ => AgentIdentity.DefaultLifetime };
        var command = new Command("token", "Prints a token from the TPM, without the agent") { device, lifetime };
        command.SetAction((parsed, token) => GuardAsync(async () =>
        {
            var options = Options(parsed);
            var identity = new AgentIdentity(options.OpenTpm(), options.StateDirectory, new HubClock(TimeProvider.System));
            var outcome = await identity.GetTokenAsync(parsed.GetValue(device) ?? options.Settings.LogicalDevice, parsed.GetValue(lifetime), fresh: true, token);
            if (!outcome.Succeeded(out var made, out var refusal))
                throw new AgentSettingsException(refusal.Text);
            Console.WriteLine(made.Token);
            return 0;
        }));
        return command;
    }

    private static Command Imprint()
    {
        var host = new Option<string>("--host") { Description = "Host name of the hub", Required = true };
        var id = new Option<string>("--device-id") { Description = "The device", Required = true };
        var device = new Option<uint?>("--device") { Description = "Logical device, 0 to 15" };
        var command = new Command("imprint", "Puts a device key, read from the standard input, into the TPM") { host, id, device };
        command.SetAction((parsed, token) => GuardAsync(async () =>
        {
            var options = Options(parsed);
            var identity = new AgentIdentity(options.OpenTpm(), options.StateDirectory, new HubClock(TimeProvider.System));
            _ = identity.Recover();
            var key = (await Console.In.ReadLineAsync(token) ?? "").Trim();
            var imprint = new AgentImprint { HostName = parsed.GetValue(host), DeviceId = parsed.GetValue(id), PrimaryKey = key };
            var outcome = await identity.ImprintAsync(imprint, parsed.GetValue(device) ?? options.Settings.LogicalDevice, token);
            if (!outcome.Succeeded(out var done, out var refusal))
                throw new AgentSettingsException(refusal.Text);
            Console.WriteLine($"Logical device {done.Number}: {done.HostName}/{done.DeviceId}");
            return 0;
        }));
        return command;
    }

    private static Command Doctor()
    {
        var json = new Option<bool>("--json") { Description = "One JSON object a line" };
        var reset = new Option<bool>("--reset-lockout") { Description = "Makes the TPM forget wrong passwords first" };
        var offline = new Option<bool>("--offline") { Description = "Looks at this machine only, not at the hub" };
        var command = new Command("doctor", "Finds what keeps this device from its identity, and says what to do") { json, reset, offline };
        command.SetAction((parsed, token) => GuardAsync(async () =>
        {
            var options = Options(parsed);
            if (parsed.GetValue(reset))
                options.OpenTpm().Use(static tpm => new TpmStatus(tpm).ResetLockout());
            var findings = await new DeviceDoctor(options, TimeProvider.System).ExamineAsync(parsed.GetValue(offline), token);
            foreach (var finding in findings)
                Console.WriteLine(parsed.GetValue(json) ? DeviceDoctor.Json(finding) : DeviceDoctor.Text(finding));
            return findings.Any(static f => f.Severity == Severity.Trouble) ? Failed : 0;
        }));
        return command;
    }

    private static Command Password()
    {
        var command = new Command("password", "Sets the password of the page, read from the standard input");
        command.SetAction((parsed, token) => GuardAsync(async () =>
        {
            var options = Options(parsed);
            if (!Console.IsInputRedirected)
                await Console.Error.WriteAsync("New password: ");
            var password = await Console.In.ReadLineAsync(token);
            if (PortalPassword.Check(password, password) is { } wrong)
                throw new AgentSettingsException(wrong);
            Directory.CreateDirectory(options.StateDirectory);
            new PortalPassword(options.StateDirectory).Set(password!);
            Console.WriteLine("The password is set. People who are signed in stay so until the agent is restarted.");
            return 0;
        }));
        return command;
    }

    internal static AgentOptions Options(ParseResult parsed) => AgentOptions.Read(parsed.GetValue(SettingsFile), parsed.GetValue(State));

    /// <summary>Runs a command and turns what a user can mend into a message and an exit code.</summary>
    internal static async Task<int> GuardAsync(Func<Task<int>> command)
    {
        try
        {
            return await command();
        }
        catch (AgentSettingsException e)
        {
            await Console.Error.WriteLineAsync($"homeport-agent: {e.Message}");
            return Usage;
        }
        catch (TpmException e)
        {
            await Console.Error.WriteLineAsync($"homeport-agent: {e.Message}\nMore: homeport-agent doctor");
            return Failed;
        }
    }
}
