using Homeport.Contract.Errors;

namespace Homeport.Operations.Exports;

/// <summary>Opens transforms.</summary>
public interface ITransforms
{
    /// <summary>Null when a query can be used, else what is wrong with it.</summary>
    Task<Refusal?> CheckAsync(string query, CancellationToken token);

    /// <summary>Opens one; must not wait.</summary>
    ITransform Open(string query);
}

/// <summary>Makes other messages of messages. Never called twice at a time.</summary>
public interface ITransform : IAsyncDisposable
{
    /// <summary>What becomes of each message, in their order.</summary>
    /// <param name="messages">JSON, each on one line.</param>
    /// <param name="token">Ends the wait.</param>
    Task<IReadOnlyList<Transformed>> RunAsync(IReadOnlyList<ReadOnlyMemory<byte>> messages, CancellationToken token);
}

/// <summary>What became of a message.</summary>
/// <param name="Messages">JSON, each on one line; none when it is left out.</param>
/// <param name="Failure">One line when the query failed, else null.</param>
public sealed record Transformed(IReadOnlyList<ReadOnlyMemory<byte>> Messages, string? Failure = null);

/// <summary>The program that transforms did not do its work.</summary>
public sealed class TransformException : Exception
{
    /// <summary>Without a reason.</summary>
    public TransformException()
    {
    }

    /// <summary>With a reason, one line.</summary>
    public TransformException(string message)
        : base(message)
    {
    }

    /// <summary>With a reason, one line, and its cause.</summary>
    public TransformException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>True when it was at work on the messages and came to no end with them: others may do better.</summary>
    public bool OfMessages { get; init; }
}
