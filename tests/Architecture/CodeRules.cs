using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Homeport.Tests.Architecture;

/// <summary>Rules about C# files: sizes, names, documentation and tests that always run.</summary>
public static partial class CodeRules
{
    public const int FileLines = 600;
    public const int MethodLines = 60;
    public const int ConstructorParameters = 7;

    private static readonly HashSet<string> BannedWords = new(StringComparer.OrdinalIgnoreCase)
    {
        "Common", "Core", "Util", "Utils", "Utility", "Utilities", "Helper", "Helpers", "Manager", "Managers", "Abstractions",
    };

    private static readonly HashSet<string> SkippingArguments = new(StringComparer.Ordinal)
    {
        "Skip", "SkipWhen", "SkipUnless", "SkipExceptions", "SkipType", "Explicit",
    };

    public static IEnumerable<string> LongFiles(IReadOnlyList<SourceFile> files) =>
        from file in CSharp(files)
        let lines = file.Text.TrimEnd('\n').Count(c => c == '\n') + 1
        where lines > FileLines
        select $"{file.Path}: {lines} lines, {FileLines} are allowed";

    /// <summary>Counts the lines that hold code; blank lines, comments and attributes do not count.</summary>
    public static IEnumerable<string> LongMethods(IReadOnlyList<SourceFile> files) =>
        from file in CSharp(files)
        let root = Root(file)
        from method in Methods(root)
        let lines = CodeLines(method.Tokens)
        where lines > MethodLines
        select $"{file.Path}:{method.Line}: {method.Name} has {lines} lines of code, {MethodLines} are allowed";

    /// <summary>Positional records are data and may have as many members as the data has.</summary>
    public static IEnumerable<string> WideConstructors(IReadOnlyList<SourceFile> files) =>
        from file in CSharp(files)
        from node in Root(file).DescendantNodes()
        let parameters = ConstructorOf(node)
        where parameters is not null && parameters.Parameters.Count > ConstructorParameters
        select $"{file.Path}:{Line(node)}: a constructor with {parameters.Parameters.Count} parameters, {ConstructorParameters} are allowed";

    /// <summary>Words that name a drawer instead of its content, in file, folder and type names.</summary>
    public static IEnumerable<string> BannedNames(IReadOnlyList<SourceFile> files)
    {
        var ours = files.Where(f => f.IsIn("src") || f.IsIn("tests")).ToList();
        var paths = ours.SelectMany(f => f.Path.Split('/')).Distinct(StringComparer.Ordinal)
            .Where(part => BannedWord(part) is not null).Select(part => $"{part}: a file or folder may not be named '{BannedWord(part)}'");
        var types = from file in CSharp(ours)
                    from type in Root(file).DescendantNodes()
                    let name = TypeName(type)
                    where name is not null && BannedWord(name) is not null
                    select $"{file.Path}:{Line(type)}: the type name {name} has the word '{BannedWord(name)}'";
        return paths.Concat(types);
    }

    /// <summary>Types that other projects can see and that do not say what they are.</summary>
    public static IEnumerable<string> UndocumentedTypes(IReadOnlyList<SourceFile> files)
    {
        var types = from file in CSharp(files)
                    where file.IsIn("src")
                    from node in Root(file).DescendantNodes().OfType<MemberDeclarationSyntax>()
                    where TypeName(node) is not null && IsPublic(node)
                    group (file.Path, Line: Line(node), Documented: IsDocumented(node)) by FullName(node);
        return from type in types
               where !type.Any(part => part.Documented)
               let first = type.First()
               select $"{first.Path}:{first.Line}: public type {type.Key} has no doc comment";
    }

    /// <summary>A test that can be left out proves nothing on the machine where it is left out.</summary>
    public static IEnumerable<string> SkippedTests(IReadOnlyList<SourceFile> files)
    {
        foreach (var file in CSharp(files).Where(f => f.IsIn("tests")))
        {
            foreach (var node in Root(file).DescendantNodes())
            {
                var found = node switch
                {
                    AttributeArgumentSyntax { NameEquals.Name.Identifier.ValueText: var name } when SkippingArguments.Contains(name) => name,
                    InvocationExpressionSyntax
                    {
                        Expression: MemberAccessExpressionSyntax { Expression: IdentifierNameSyntax { Identifier.ValueText: "Assert" } } call,
                    }
                        when call.Name.Identifier.ValueText.StartsWith("Skip", StringComparison.Ordinal) => "Assert." + call.Name.Identifier.ValueText,
                    _ => null,
                };
                if (found is not null)
                    yield return $"{file.Path}:{Line(node)}: {found} leaves a test out; a test runs everywhere or fails with the reason";
            }
        }
    }

    private static IEnumerable<SourceFile> CSharp(IReadOnlyList<SourceFile> files) => files.Where(f => f.Extension == ".cs");

    private static SyntaxNode Root(SourceFile file) => CSharpSyntaxTree.ParseText(file.Text, new CSharpParseOptions(LanguageVersion.Preview)).GetRoot();

    private static int Line(SyntaxNode node) => node.GetLocation().GetLineSpan().StartLinePosition.Line + 1;

    private static IEnumerable<(string Name, int Line, IEnumerable<SyntaxToken> Tokens)> Methods(SyntaxNode root)
    {
        foreach (var node in root.DescendantNodes())
        {
            switch (node)
            {
                case BaseMethodDeclarationSyntax method:
                    yield return (MethodName(method), Line(method), WithoutAttributes(method, method.AttributeLists));
                    break;
                case LocalFunctionStatementSyntax local:
                    yield return (local.Identifier.ValueText, Line(local), WithoutAttributes(local, local.AttributeLists));
                    break;
                case AccessorDeclarationSyntax { Body: not null } accessor:
                    yield return (accessor.Keyword.ValueText, Line(accessor), accessor.DescendantTokens());
                    break;
            }
        }

        var program = root.ChildNodes().OfType<GlobalStatementSyntax>().ToList();
        if (program.Count > 0)
        {
            var statements = program.Where(s => s.Statement is not LocalFunctionStatementSyntax);
            yield return ("the program", Line(program[0]), statements.SelectMany(s => s.DescendantTokens()));
        }
    }

    private static string MethodName(BaseMethodDeclarationSyntax method) => method switch
    {
        MethodDeclarationSyntax m => m.Identifier.ValueText,
        ConstructorDeclarationSyntax c => c.Identifier.ValueText,
        _ => method.Kind().ToString(),
    };

    private static IEnumerable<SyntaxToken> WithoutAttributes(SyntaxNode node, SyntaxList<AttributeListSyntax> attributes) =>
        node.DescendantTokens().Where(token => !attributes.Any(a => a.Span.Contains(token.Span)));

    private static int CodeLines(IEnumerable<SyntaxToken> tokens)
    {
        var lines = new HashSet<int>();
        foreach (var token in tokens.Where(t => t.Span.Length > 0))
        {
            var span = token.GetLocation().GetLineSpan();
            for (var line = span.StartLinePosition.Line; line <= span.EndLinePosition.Line; line++)
                lines.Add(line);
        }

        return lines.Count;
    }

    private static BaseParameterListSyntax? ConstructorOf(SyntaxNode node) => node switch
    {
        ConstructorDeclarationSyntax constructor => constructor.ParameterList,
        ClassDeclarationSyntax type => type.ParameterList,
        StructDeclarationSyntax type => type.ParameterList,
        _ => null,
    };

    private static string? TypeName(SyntaxNode node) => node switch
    {
        BaseTypeDeclarationSyntax type => type.Identifier.ValueText,
        DelegateDeclarationSyntax type => type.Identifier.ValueText,
        _ => null,
    };

    private static string FullName(SyntaxNode node) =>
        string.Join('.', node.AncestorsAndSelf().Reverse().Select(n => n is BaseNamespaceDeclarationSyntax ns ? ns.Name.ToString() : TypeName(n)).OfType<string>());

    // A type inside a public interface is public without the word.
    private static bool IsPublic(MemberDeclarationSyntax node) =>
        node.AncestorsAndSelf().OfType<MemberDeclarationSyntax>().Where(n => TypeName(n) is not null)
            .All(n => n.Modifiers.Any(SyntaxKind.PublicKeyword) || n.Parent is InterfaceDeclarationSyntax);

    private static bool IsDocumented(SyntaxNode node) =>
        node.GetLeadingTrivia().Any(t => t.IsKind(SyntaxKind.SingleLineDocumentationCommentTrivia) || t.IsKind(SyntaxKind.MultiLineDocumentationCommentTrivia));

    // "CommonName" is the X.509 attribute CN: the field's own term.
    private static string? BannedWord(string name) =>
        Words().Matches(name.Replace("CommonName", "Cn", StringComparison.Ordinal)).Select(m => m.Value).FirstOrDefault(BannedWords.Contains);

    [GeneratedRegex("[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Words();
}
