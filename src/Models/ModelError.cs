using System.Globalization;

namespace Homeport.Models;

/// <summary>What is wrong in a text, and where.</summary>
/// <param name="Line">Line, from 1.</param>
/// <param name="Column">Character in the line, from 1.</param>
/// <param name="Seen">What is there.</param>
/// <param name="Fix">The smallest change that mends it.</param>
public sealed record ModelError(int Line, int Column, string Seen, string Fix)
{
    /// <summary>Which text it is in, when that is not the one which was asked about.</summary>
    public string? Document { get; init; }

    /// <inheritdoc/>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"{(Document is null ? "" : Document + ", ")}line {Line}, column {Column}: {Seen}. {Fix}");
}

/// <summary>Collects what is wrong. A hostile text gets no longer list than anybody reads.</summary>
internal sealed class ErrorList
{
    /// <summary>Errors that are kept.</summary>
    public const int Max = 100;

    private readonly List<ModelError> _errors = [];

    public IReadOnlyList<ModelError> Errors => _errors;

    /// <summary>The text that is being read; null for the one which was asked about.</summary>
    public string? Document { get; set; }

    public bool IsFull => _errors.Count >= Max;

    public void Add(Text.SourceNode at, string seen, string fix)
    {
        if (!IsFull)
            _errors.Add(new ModelError(at.Line, at.Column, seen, fix) { Document = at.Document });
    }
}
