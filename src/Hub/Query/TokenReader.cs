using Homeport.Contract.Errors;

namespace Homeport.Hub.Query;

/// <summary>
/// Reads tokens forward. The first thing that does not fit is kept as the refusal and moves the reader to the end, so that a
/// parser runs out by itself.
/// </summary>
internal sealed class TokenReader
{
    private readonly string _source;
    private readonly List<Token> _tokens;
    private int _at;

    /// <summary>Splits a text.</summary>
    /// <param name="source">The text.</param>
    /// <param name="ofMessages">It is about messages, see <see cref="Lexer.Split"/>.</param>
    public TokenReader(string source, bool ofMessages = false)
    {
        _source = source;
        _tokens = Lexer.Split(source, ofMessages);
    }

    public Refusal? Refusal { get; private set; }

    public Token Current => _tokens[_at];

    public Token Following => _tokens[Math.Min(_at + 1, _tokens.Count - 1)];

    public bool AtEnd => _at == _tokens.Count - 1;

    public Token Take()
    {
        var token = Current;
        if (!AtEnd)
            _at++;
        return token;
    }

    public bool Accept(string symbol) => Accept(Current.Is(symbol));

    public bool AcceptWord(string keyword) => Accept(Current.IsWord(keyword));

    public void Expect(string symbol)
    {
        if (!Accept(symbol))
            Fail($"'{symbol}'");
    }

    public void ExpectWord(string keyword)
    {
        if (!AcceptWord(keyword))
            Fail(keyword);
    }

    /// <summary>Refuses the current token.</summary>
    /// <param name="expected">What could stand there.</param>
    public void Fail(string expected)
    {
        if (Current.Kind == TokenKind.Bad)
            Refuse(Current, Current.Text, "Correct the query there.");
        else
            Refuse(Current, $"found {Found(Current)}, expected {expected}", "Correct the query there.");
    }

    /// <summary>Refuses a token that is well formed and yet not possible.</summary>
    public void Refuse(Token token, string seen, string fix)
    {
        Refusal ??= new Refusal(HubErrors.ArgumentInvalid, $"Query, position {token.Start + 1}: {seen}", fix);
        _at = _tokens.Count - 1;
    }

    private bool Accept(bool matches)
    {
        if (matches)
            Take();
        return matches;
    }

    private string Found(Token token)
    {
        const int Shown = 32;
        if (token.Kind == TokenKind.End)
            return "the end of the query";
        var text = _source.Substring(token.Start, Math.Min(token.Length, Shown));
        return token.Length > Shown ? $"'{text}...'" : $"'{text}'";
    }
}
