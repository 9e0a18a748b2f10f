namespace Homeport.Server;

/// <summary>The server cannot start, for a reason that the operator can mend. The message names the cause and the fix.</summary>
public sealed class ServerStartException : Exception
{
    /// <summary>Says why.</summary>
    public ServerStartException(string message)
        : base(message)
    {
    }

    /// <summary>Says why, with the fault behind it.</summary>
    public ServerStartException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
