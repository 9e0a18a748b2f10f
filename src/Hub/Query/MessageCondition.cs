using Homeport.Contract.Errors;

namespace Homeport.Hub.Query;

/// <summary>
/// Which messages a route takes. The language is that of conditions of twins; what it reads is a message: its application properties by
/// their names, its system properties as <c>$name</c>, its body as <c>$body.path</c> and the twin of its sender as <c>$twin.path</c>.
/// </summary>
/// <remarks>Source: Azure "IoT Hub message routing query syntax".</remarks>
public sealed class MessageCondition
{
    /// <summary>Root of the paths into the body.</summary>
    public const string Body = "$body";

    /// <summary>Root of the paths into the sender's twin.</summary>
    public const string Twin = "$twin";

    private readonly Expression? _expression;

    private MessageCondition(string text, Expression? expression, IReadOnlySet<string> roots)
    {
        Text = text;
        _expression = expression;
        ReadsTwin = roots.Contains(Twin);
    }

    /// <summary>The condition as it was written.</summary>
    public string Text { get; }

    /// <summary>True when the twin of the sender has to be at hand.</summary>
    public bool ReadsTwin { get; }

    /// <summary>Reads a condition; null, empty and <c>true</c> take every message. A refusal names the position, counted from 1.</summary>
    public static Outcome<MessageCondition> Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return new MessageCondition("", null, new HashSet<string>());
        if (HubQuery.Check(text) is { } bad)
            return bad;
        var reader = new TokenReader(text, ofMessages: true);
        var parser = new ExpressionParser(reader, new PathScope(QueryCollection.Messages, null) { Check = Check });
        var expression = parser.Parse();
        if (reader.Current.Kind != TokenKind.End)
            reader.Fail("AND, OR or the end of the condition");
        return reader.Refusal is { } refusal ? refusal : new MessageCondition(text, expression, parser.Roots);
    }

    /// <summary>Reads a single path, such as <c>$twin.tags.site</c>.</summary>
    public static Outcome<QueryPath> ParsePath(string text)
    {
        if (HubQuery.Check(text) is { } bad)
            return bad;
        var reader = new TokenReader(text, ofMessages: true);
        var token = reader.Current;
        var path = new QueryPath(PathSyntax.Read(reader));
        if (reader.Current.Kind != TokenKind.End)
            reader.Fail("'.', '[' or the end of the path");
        else if (Check(path) is { } wrong)
            reader.Refuse(token, wrong.Seen, wrong.Fix);
        return reader.Refusal is { } refusal ? refusal : path;
    }

    /// <summary>True when the message is taken. What is undefined takes nothing.</summary>
    public bool Matches(IQueryRow message) => _expression is null || _expression.Evaluate(message).IsTrue;

    /// <summary>True for a path into the body.</summary>
    public static bool IsBody(QueryPath path) => Body.Equals(path.Steps[0].Name, StringComparison.OrdinalIgnoreCase);

    /// <summary>True for a path into the sender's twin.</summary>
    public static bool IsTwin(QueryPath path) => Twin.Equals(path.Steps[0].Name, StringComparison.OrdinalIgnoreCase);

    private static (string Seen, string Fix)? Check(QueryPath path)
    {
        if (IsBody(path))
            return null;
        if (IsTwin(path))
        {
            var section = path.Steps.Count > 1 ? path.Steps[1].Name : null;
            return section is "tags" || (section is "properties" && path.Steps.Count > 2 && path.Steps[2].Name is "desired" or "reported") ? null
                : ($"found '{path}'", "Paths into the twin begin with $twin.tags, $twin.properties.desired or $twin.properties.reported.");
        }
        return path.Steps.Count == 1 ? null
            : ($"found '{path}', and properties of messages have no parts", $"Write {{{path}}} for a property of that name, or $body.{path} for a part of the body.");
    }
}
