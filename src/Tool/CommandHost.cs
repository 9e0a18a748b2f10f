using System.CommandLine;

namespace Homeport.Tool;

/// <summary>What all commands share: which server, and the form of the output.</summary>
internal sealed class CommandHost
{
    private readonly ConnectionOptions _connection = new();
    private readonly Option<bool> _json = new("--json") { Description = "Write JSON, for scripts", Recursive = true };

    public CommandHost(RootCommand root)
    {
        _connection.AddTo(root);
        root.Options.Add(_json);
    }

    /// <summary>Lets a command run with a client of the server.</summary>
    public Command Run(Command command, Func<Call, Task> run) => Run(command, async call =>
    {
        await run(call);
        return 0;
    });

    /// <summary>Lets a command run that finds its server itself, if it needs one.</summary>
    public Command RunUnconnected(Command command, Func<ParseResult, ConnectionOptions, CancellationToken, Task> run)
    {
        command.SetAction((parsed, token) => ToolException.GuardAsync(async () =>
        {
            await run(parsed, _connection, token);
            return 0;
        }, token));
        return command;
    }

    /// <summary>Lets a command run that finds its servers itself and decides on its exit code.</summary>
    public Command RunUnconnected(Command command, Func<ParseResult, ConnectionOptions, bool, CancellationToken, Task<int>> run)
    {
        command.SetAction((parsed, token) => ToolException.GuardAsync(() => run(parsed, _connection, parsed.GetValue(_json), token), token));
        return command;
    }

    /// <summary>Lets a command run with a client of the provisioning service.</summary>
    public Command RunProvisioning(Command command, Func<Call, Task> run) => RunProvisioning(command, async call =>
    {
        await run(call);
        return 0;
    });

    /// <summary>Lets a command run that decides on its exit code, with a client of the provisioning service.</summary>
    public Command RunProvisioning(Command command, Func<Call, Task<int>> run) => Run(command, _connection.OpenProvisioning, run);

    /// <summary>Lets a command run that decides on its exit code.</summary>
    public Command Run(Command command, Func<Call, Task<int>> run) => Run(command, parsed => _connection.Open(parsed), run);

    private Command Run(Command command, Func<ParseResult, HubClient> open, Func<Call, Task<int>> run)
    {
        command.SetAction((parsed, token) => ToolException.GuardAsync(async () =>
        {
            using var client = open(parsed);
            return await run(new Call(client, parsed, parsed.GetValue(_json), token));
        }, token));
        return command;
    }
}

/// <summary>One run of a command.</summary>
/// <param name="Hub">The server.</param>
/// <param name="Arguments">What was written on the command line.</param>
/// <param name="Json">JSON is asked for.</param>
/// <param name="Token">Set by Ctrl+C.</param>
internal sealed record Call(HubClient Hub, ParseResult Arguments, bool Json, CancellationToken Token)
{
    public T Get<T>(Argument<T> argument) => Arguments.GetValue(argument)!;

    public T? Get<T>(Option<T> option) => Arguments.GetValue(option);
}
