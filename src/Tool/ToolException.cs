namespace Homeport.Tool;

/// <summary>A command cannot do its work, for a reason that the user can mend.</summary>
public sealed class ToolException(string message, Exception? inner = null) : Exception(message, inner)
{
    internal const int Failed = 1;
    internal const int Usage = 2;

    /// <summary>1: the server refused or cannot be reached; 2: the command line is wrong.</summary>
    public int ExitCode { get; init; } = Failed;

    /// <summary>What the server answered, or null.</summary>
    public System.Net.HttpStatusCode? Status { get; init; }

    /// <summary>The same call may succeed later: the server does not answer.</summary>
    public bool IsTransient { get; init; }

    /// <summary>What was written on the command line cannot be used.</summary>
    internal static ToolException BadUsage(string message, Exception? inner = null) => new(message, inner) { ExitCode = Usage };

    /// <summary>Runs a command and turns this exception into a message and an exit code.</summary>
    internal static async Task<int> GuardAsync(Func<Task<int>> command, CancellationToken token)
    {
        try
        {
            return await command();
        }
        catch (ToolException e)
        {
            await Console.Error.WriteLineAsync($"homeport: {Display.Clean(e.Message)}");
            return e.ExitCode;
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            return 0;
        }
    }
}
