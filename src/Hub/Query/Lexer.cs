using System.Globalization;
using System.Text;

namespace Homeport.Hub.Query;

/// <summary>Takes the text of a query apart. It stops at the first thing that is no token.</summary>
internal ref struct Lexer
{
    // The longest first, so that "<=" is not read as "<".
    private static readonly string[] Symbols = ["!=", "<>", "<=", ">=", "(", ")", "[", "]", ",", ".", "=", "<", ">", "+", "-", "*", "/", "%"];

    private readonly string _source;
    private readonly bool _ofMessages;
    private readonly List<Token> _tokens = [];
    private int _at;

    private Lexer(string source, bool ofMessages) => (_source, _ofMessages) = (source, ofMessages);

    /// <summary>The tokens; the last is <see cref="TokenKind.End"/> or <see cref="TokenKind.Bad"/>.</summary>
    /// <param name="source">The text.</param>
    /// <param name="ofMessages">It is about messages: names may have dashes inside, and any name may stand in braces.</param>
    public static List<Token> Split(string source, bool ofMessages = false)
    {
        var lexer = new Lexer(source, ofMessages);
        while (lexer.Next())
        {
        }
        return lexer._tokens;
    }

    public static bool IsNamePart(char c) => char.IsLetterOrDigit(c) || c is '_' or '$' || char.IsSurrogate(c);

    private bool Next()
    {
        while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
            _at++;
        if (_at == _source.Length)
            return Add(TokenKind.End, "", 0);
        var c = _source[_at];
        if (c is '\'' or '"')
            return String(c);
        if (IsNamePart(c) && (!char.IsAsciiDigit(c) || AfterDot()))
            return Name();
        if (char.IsAsciiDigit(c) || (c == '.' && IsDigit(_at + 1) && !AfterName()))
            return Number();
        if (At("[["))
            return QuotedName();
        if (c == '{' && _ofMessages)
            return BracedName();
        foreach (var symbol in Symbols)
        {
            if (At(symbol))
                return Add(TokenKind.Symbol, symbol, symbol.Length);
        }
        return Bad(_at, $"the character '{Shown(c)}' has no meaning here");
    }

    private bool Name()
    {
        var end = _at + 1;
        while (end < _source.Length && (IsNamePart(_source[end]) || IsDashInside(end)))
            end++;
        return Add(TokenKind.Name, _source[_at..end], end - _at);
    }

    private bool QuotedName()
    {
        var end = _source.IndexOf("]]", _at, StringComparison.Ordinal);
        if (end < 0)
            return Bad(_at, "the name that '[[' begins has no ']]' at its end");
        return end == _at + 2 ? Bad(_at, "the name between '[[' and ']]' is empty") : Add(TokenKind.QuotedName, _source[(_at + 2)..end], end + 2 - _at);
    }

    private bool BracedName()
    {
        var end = _source.IndexOf('}', _at);
        if (end < 0)
            return Bad(_at, "the name that '{' begins has no '}' at its end");
        return end == _at + 1 ? Bad(_at, "the name between '{' and '}' is empty") : Add(TokenKind.QuotedName, _source[(_at + 1)..end], end + 1 - _at);
    }

    private readonly bool IsDashInside(int index) => _ofMessages && _source[index] == '-' && index + 1 < _source.Length && IsNamePart(_source[index + 1]);

    private bool Number()
    {
        var end = _at;
        double value;
        if (At("0x") || At("0X"))
        {
            for (end += 2; end < _source.Length && char.IsAsciiHexDigit(_source[end]); end++)
            {
            }
            if (!ulong.TryParse(_source.AsSpan(_at + 2, end - _at - 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bits))
                return Bad(_at, "a hexadecimal number has 1 to 16 digits");
            value = bits;
        }
        else
        {
            end = Digits(end);
            if (end < _source.Length && _source[end] == '.')
                end = Digits(end + 1);
            if (end < _source.Length && _source[end] is 'e' or 'E')
                end = Digits(end + (end + 1 < _source.Length && _source[end + 1] is '+' or '-' ? 2 : 1));
            if (!double.TryParse(_source.AsSpan(_at, end - _at), NumberStyles.Float, CultureInfo.InvariantCulture, out value) || !double.IsFinite(value))
                return Bad(_at, $"'{_source[_at..end]}' is not a number");
        }
        if (end < _source.Length && IsNamePart(_source[end]))
            return Bad(_at, "a name does not begin with a digit; such a name is written [[name]]");
        return Add(TokenKind.Number, _source[_at..end], end - _at, value);
    }

    private readonly int Digits(int from)
    {
        while (IsDigit(from))
            from++;
        return from;
    }

    /// <summary>A string ends at the quote that began it; a doubled quote is one of its characters.</summary>
    private bool String(char quote)
    {
        var text = new StringBuilder();
        for (var i = _at + 1; i < _source.Length; i++)
        {
            var c = _source[i];
            if (c == quote)
            {
                if (i + 1 == _source.Length || _source[i + 1] != quote)
                    return Add(TokenKind.String, text.ToString(), i + 1 - _at);
                i++;
            }
            else if (c == '\\')
            {
                if (!Escape(ref i, out c))
                    return Bad(i, "after '\\' only one of \\ ' \" / b f n r t, or u with four hexadecimal digits, has a meaning; a backslash itself is written '\\\\'");
            }
            text.Append(c);
        }
        return Bad(_at, $"the string has no {quote} at its end");
    }

    private readonly bool Escape(ref int i, out char c)
    {
        c = default;
        if (i + 1 >= _source.Length)
            return false;
        var code = _source[i + 1];
        if (code == 'u')
        {
            if (i + 6 > _source.Length
                || !ushort.TryParse(_source.AsSpan(i + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit))
            {
                return false;
            }
            c = (char)unit;
            i += 5;
            return true;
        }
        c = code switch { '\\' or '\'' or '"' or '/' => code, 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t', _ => '\0' };
        if (c == '\0')
            return false;
        i++;
        return true;
    }

    private readonly bool At(string symbol) => string.CompareOrdinal(_source, _at, symbol, 0, symbol.Length) == 0;

    private readonly bool IsDigit(int index) => index < _source.Length && char.IsAsciiDigit(_source[index]);

    // Directly after the dot of a path a name may begin with a digit: tags.5g
    private readonly bool AfterDot() => _tokens.Count > 0 && _tokens[^1].Is(".") && _tokens[^1].Start == _at - 1;

    private readonly bool AfterName() => _tokens.Count > 0 && (_tokens[^1].Kind is TokenKind.Name or TokenKind.QuotedName || _tokens[^1].Is("]"));

    private bool Add(TokenKind kind, string text, int length, double number = 0)
    {
        _tokens.Add(new Token(kind, text, _at, length, number));
        _at += length;
        return kind != TokenKind.End;
    }

    private readonly bool Bad(int at, string reason)
    {
        _tokens.Add(new Token(TokenKind.Bad, reason, at, 1));
        return false;
    }

    private static string Shown(char c) => char.IsControl(c) ? $"U+{(int)c:X4}" : c.ToString();
}
