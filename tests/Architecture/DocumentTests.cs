namespace Homeport.Tests.Architecture;

/// <summary>What documents show as C# is compiled: it stands, line by line, in a sample that the solution builds.</summary>
public sealed class DocumentTests
{
    private const string Fence = "```";

    [Fact]
    public void The_CSharp_of_the_documents_is_in_compiled_samples()
    {
        var files = Repository.Files;
        var samples = files.Where(static f => f.IsIn("samples") && f.Extension == ".cs").Select(static f => Lines(f.Text)).ToList();
        var blocks = files.Where(static f => f.IsIn("docs") && f.Extension == ".md").SelectMany(static f => Blocks(f.Text).Select(block => (f.Path, Block: block))).ToList();
        blocks.Count.ShouldBeGreaterThan(3);
        foreach (var (path, block) in blocks)
        {
            // The using lines of a sample stand at its top.
            var usings = block.Where(static line => line.StartsWith("using Homeport.", StringComparison.Ordinal)).ToList();
            var code = block.Skip(usings.Count).ToList();
            samples.ShouldContain(sample => usings.All(sample.Contains) && Holds(sample, code), $"{path}: no sample has\n{string.Join('\n', block)}");
        }
    }

    private static bool Holds(List<string> sample, List<string> code)
        => Enumerable.Range(0, Math.Max(0, sample.Count - code.Count + 1)).Any(start => sample.Skip(start).Take(code.Count).SequenceEqual(code, StringComparer.Ordinal));

    private static List<string> Lines(string text) => [.. text.Split('\n').Select(static line => line.Trim()).Where(static line => line.Length > 0)];

    private static IEnumerable<List<string>> Blocks(string text)
    {
        var parts = text.Split(Fence);
        return parts.Where(static (part, index) => index % 2 == 1 && part.StartsWith("csharp\n", StringComparison.Ordinal)).Select(static part => Lines(part["csharp\n".Length..]));
    }
}
