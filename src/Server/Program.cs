using System.CommandLine;
using Homeport.Server;
using Homeport.Server.Options;

var settingOptions = Setting.All.ToDictionary(
    setting => setting,
    setting => new Option<string>("--" + setting.Name) { Description = $"{setting.Description} [{setting.Variable}]", Recursive = true, Arity = setting.IsFlag ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne });
var settingsFile = new Option<FileInfo>("--settings") { Description = "Settings file, JSON", Recursive = true };
var demo = new Option<bool>("--demo") { Description = "Plays a device: TPM, registration, connection, messages" };
var demoTpm = new Option<string>("--tpm") { Description = "TPM of the demonstration's device: chip, device:/dev/tpmrm0, tcp:host:port, ...; without it a software TPM" };
var root = new RootCommand("Homeport: a self-hosted IoT hub that Azure IoT SDKs connect to") { settingsFile, demo, demoTpm };
foreach (var option in settingOptions.Values)
    root.Options.Add(option);
var check = new Command("check", "Prints the settings in effect and where they come from");
root.Subcommands.Add(check);
var resetAdministrator = new Command("reset-administrator", "Gives the administrator a new password, when the old one is lost; the server must not run");
root.Subcommands.Add(resetAdministrator);

SettingSources Collect(ParseResult parsed) => SettingSources.Collect(
    settingOptions.Where(o => parsed.GetResult(o.Value) is not null).ToDictionary(o => o.Key.Name, o => parsed.GetValue(o.Value) ?? "true", StringComparer.Ordinal),
    parsed.GetValue(settingsFile)?.FullName,
    Environment.GetEnvironmentVariable);

resetAdministrator.SetAction((parsed, token) => Commands.ResetAdministratorAsync(Collect(parsed), token));
check.SetAction(parsed => Commands.Check(Collect(parsed)));
root.SetAction((parsed, token) => Commands.RunAsync(Collect(parsed), parsed.GetValue(demo), parsed.GetValue(demoTpm), token));
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
