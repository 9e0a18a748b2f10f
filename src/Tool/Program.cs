using System.CommandLine;
using System.CommandLine.Invocation;
using Homeport.Tool;

var root = new RootCommand("homeport: the command line of a Homeport server. Exit codes: 0 done, 1 the server refused or cannot be reached, 2 the command is not understood.");
var host = new CommandHost(root);
root.Subcommands.Add(DeviceCommands.Create(host));
root.Subcommands.Add(ModuleCommands.Create(host));
root.Subcommands.Add(TwinCommands.Create(host));
root.Subcommands.Add(MethodCommand.Create(host));
root.Subcommands.Add(QueueCommands.Create(host));
root.Subcommands.Add(MonitorCommand.Create(host));
root.Subcommands.Add(MessagesCommand.Create(host));
root.Subcommands.Add(ConsumerGroupCommands.Create(host));
root.Subcommands.Add(QueryCommand.Create(host));
root.Subcommands.Add(DiagnoseCommand.Create(host));
root.Subcommands.Add(ExplainCommand.Create(host));
root.Subcommands.Add(WhyCommand.Create(host));
root.Subcommands.Add(SimulateCommand.Create(host));
root.Subcommands.Add(KeygenCommand.Create());
root.Subcommands.Add(CertCommand.Create());
root.Subcommands.Add(EnrollCommand.Create(host));
root.Subcommands.Add(HubsCommand.Create(host));
root.Subcommands.Add(TrustCommand.Create(host));
// An argument @file is read by the command that takes it, not split into words.
var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
var exitCode = await parsed.InvokeAsync();
return parsed.Action is ParseErrorAction ? ToolException.Usage : exitCode;
