namespace Homeport.Tests.Compliance;

/// <summary>A store under test with its surroundings: made empty, closed and opened again, looked at from outside.</summary>
/// <typeparam name="T">The storage port.</typeparam>
internal abstract class StoreFixture<T> : IAsyncDisposable
{
    public abstract T Store { get; }

    /// <summary>Closes the store as a stopping server does, and opens it again.</summary>
    public abstract Task ReopenAsync();

    /// <summary>The same kind of store for another hub of the same installation.</summary>
    public abstract Task<T> OpenAnotherHubAsync(string hub);

    /// <summary>Everything that the store wrote, by name of file or table.</summary>
    public abstract IEnumerable<(string Name, byte[] Bytes)> StoredBytes();

    public abstract ValueTask DisposeAsync();
}
