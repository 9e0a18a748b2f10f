using System.Diagnostics.CodeAnalysis;
using Homeport.Contract.Rest;

namespace Homeport.Agent;

/// <summary>The last lines of the log, for the page of the device. Holds what is logged and nothing more: no keys, no tokens.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Nothing in it is to be freed.")]
internal sealed class RecentLog(TimeProvider time) : ILoggerProvider
{
    private const int MaxLines = 200;
    private const int MaxTroubles = 10;
    private const int MaxLength = 500;

    private readonly Queue<LogLine> _lines = new();

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<LogLine> Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    /// <summary>Warnings and errors, newest first.</summary>
    public IReadOnlyList<AgentTrouble> Troubles
        => [.. Lines.Where(static l => l.Level >= LogLevel.Warning).Reverse().Take(MaxTroubles).Select(static l => new AgentTrouble(l.Time, l.Text))];

    public ILogger CreateLogger(string categoryName) => new Writer(this);

    public void Dispose()
    {
        // The lines live as long as the process.
    }

    private void Add(LogLevel level, string text)
    {
        lock (_lines)
        {
            if (_lines.Count == MaxLines)
                _lines.Dequeue();
            _lines.Enqueue(new LogLine(time.GetUtcNow(), level, text.Length > MaxLength ? text[..MaxLength] + " …" : text));
        }
    }

    private sealed class Writer(RecentLog log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                log.Add(logLevel, exception is null ? formatter(state, exception) : $"{formatter(state, exception)} {exception.Message}");
        }
    }
}

/// <summary>One line of the log.</summary>
internal sealed record LogLine(DateTimeOffset Time, LogLevel Level, string Text);
