using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Homeport.Tests;

/// <summary>Keeps what is logged, so that a test can say which errors it expects.</summary>
internal sealed class ListLogger<T> : ILogger<T>
{
    private readonly ConcurrentQueue<(LogLevel Level, int Id, string Text)> _entries = new();

    public IReadOnlyCollection<(LogLevel Level, int Id, string Text)> Entries => _entries;

    /// <summary>Ids of the events at level Warning and above.</summary>
    public IEnumerable<int> Problems => _entries.Where(e => e.Level >= LogLevel.Warning).Select(e => e.Id);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        => _entries.Enqueue((logLevel, eventId.Id, $"{formatter(state, exception)}{exception}"));
}
