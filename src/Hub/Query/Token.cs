namespace Homeport.Hub.Query;

internal enum TokenKind
{
    /// <summary>The text is over.</summary>
    End,
    /// <summary>Something that is no token; the text says why.</summary>
    Bad,
    Name,
    /// <summary>A name in double brackets, which is never a keyword.</summary>
    QuotedName,
    String,
    Number,
    Symbol,
}

/// <summary>One word of a query.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Name, content of a string, or symbol.</param>
/// <param name="Start">Index of its first character.</param>
/// <param name="Length">Characters in the query.</param>
/// <param name="Number">Value of a number.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Start, int Length, double Number = 0)
{
    public bool Is(string symbol) => Kind == TokenKind.Symbol && Text == symbol;

    public bool IsWord(string keyword) => Kind == TokenKind.Name && Text.Equals(keyword, StringComparison.OrdinalIgnoreCase);
}
