using System.Text.Json;

namespace Homeport.Tests.Models;

/// <summary>Texts whose verdict another parser of DTDL gave too: the interoperability tests ask it for all of them.</summary>
public sealed class CorpusTests
{
    [Fact]
    public void Each_text_gets_the_verdict_of_the_corpus()
    {
        using var corpus = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "corpus.json")));
        var wrong = new List<string>();
        foreach (var entry in corpus.RootElement.EnumerateArray())
        {
            var (version, contents) = (entry.GetProperty("version").GetInt32(), entry.GetProperty("contents").GetString()!);
            var parsed = Source.Parse(Source.With(contents, version));
            if ((parsed.Errors.Count == 0) != entry.GetProperty("valid").GetBoolean())
                wrong.Add($"v{version}: {contents[..Math.Min(200, contents.Length)]} → {string.Join("; ", parsed.Errors)}");
        }
        corpus.RootElement.GetArrayLength().ShouldBeGreaterThan(100);
        wrong.ShouldBeEmpty();
    }
}
