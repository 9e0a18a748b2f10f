using System.CommandLine;
using Homeport.Tool;

var connection = new ConnectionOptions();
var root = new RootCommand("homeport: the command line of a Homeport server");
connection.AddTo(root);
root.Subcommands.Add(MessagesCommand.Create(connection));
root.Subcommands.Add(ExplainCommand.Create(connection));
return await root.Parse(args).InvokeAsync();
