namespace Homeport.Tool;

/// <summary>A command cannot do its work, for a reason that the user can mend.</summary>
public sealed class ToolException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Runs a command and turns this exception into a message and exit code 1.</summary>
    internal static async Task<int> GuardAsync(Func<Task> command, CancellationToken token)
    {
        try
        {
            await command();
            return 0;
        }
        catch (ToolException e)
        {
            await Console.Error.WriteLineAsync($"homeport: {e.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            return 0;
        }
    }
}
