using System.Text.RegularExpressions;

namespace Homeport.Tests.Architecture;

/// <summary>Rules about the text of any file: unfinished work, traces of a machine, dead links.</summary>
public static partial class TextRules
{
    private static readonly HashSet<string> CodeExtensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".cs", ".razor", ".cshtml", ".csproj", ".props", ".targets", ".sql", ".js", ".mjs", ".css", ".sh", ".py", ".ps1", "",
    };

    // Put together from pieces, so that this file does not break its own rules.
    private static readonly Regex Unfinished = Pattern(@"\b(TO" + @"DO|FIX" + @"ME|HA" + @"CK|NotImplemented" + @"Exception)\b");

    private static readonly Regex MachinePath = Pattern(
        @"(?<![\w.\-])(/wo" + @"rk/|/tmp/w" + @"t\b|/ro" + @"ot/|/ho" + @"me/[a-z]|/Us" + @"ers/[A-Za-z]|[A-Za-z]:\\Us" + @"ers\\)");

    private static readonly Regex Registry = Pattern(
        @"(registry\.[a-z]+\.[a-z]+|api\.nu" + @"get\.org|pypi\.o" + @"rg|files\.python" + @"hosted|deb\.deb" + @"ian\.org|arti" + @"factory|jfr" + @"og|""reso" + @"lved""\s*:)");

    public static IEnumerable<string> UnfinishedWork(IReadOnlyList<SourceFile> files) =>
        Find(files.Where(f => CodeExtensions.Contains(f.Extension)), Unfinished, "unfinished work");

    public static IEnumerable<string> MachinePaths(IReadOnlyList<SourceFile> files) => Find(files, MachinePath, "a path of a developer's machine");

    public static IEnumerable<string> RegistryNames(IReadOnlyList<SourceFile> files) => Find(files, Registry, "the name of a package registry");

    /// <summary>Relative links in Markdown whose target <paramref name="exists"/> does not know.</summary>
    public static IEnumerable<string> DeadLinks(IReadOnlyList<SourceFile> files, Func<string, bool> exists)
    {
        foreach (var file in files.Where(f => f.Extension == ".md"))
        {
            var text = Code().Replace(file.Text, m => new string('\n', m.Value.Count(c => c == '\n')));
            foreach (Match link in Link().Matches(text))
            {
                var target = Uri.UnescapeDataString(link.Groups["target"].Value.Split('#')[0]);
                if (target.Length == 0 || Scheme().IsMatch(target))
                    continue;
                var path = target[0] == '/' ? target[1..] : Path.Combine(Path.GetDirectoryName(file.Path) ?? "", target);
                if (!exists(path))
                    yield return $"{file.Path}:{text.AsSpan(0, link.Index).Count('\n') + 1}: the link to '{link.Groups["target"].Value}' leads nowhere";
            }
        }
    }

    private static IEnumerable<string> Find(IEnumerable<SourceFile> files, Regex pattern, string what) =>
        from file in files
        from Match match in pattern.Matches(file.Text)
        select $"{file.Path}:{file.LineAt(match.Index)}: {what}: '{match.Value}'";

    private static Regex Pattern(string pattern) => new(pattern, RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5));

    [GeneratedRegex(@"```.*?```|`[^`\n]*`", RegexOptions.Singleline, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Code();

    [GeneratedRegex(@"\]\((?<target>[^()\s]+)(\s+""[^""]*"")?\)|^\[[^\]]+\]:\s*(?<target>\S+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Link();

    [GeneratedRegex("^([a-z][a-z0-9+.-]*:|//)", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Scheme();
}
