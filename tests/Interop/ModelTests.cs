using System.Text.Json.Nodes;
using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>What is valid DTDL, by the parser that Microsoft wrote: the unit tests of ours check the same texts for the same verdicts.</summary>
public sealed class ModelTests
{
    [Fact]
    public async Task The_verdicts_of_the_corpus_are_those_of_another_parser()
    {
        var corpus = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "corpus.json")))!.AsArray();
        var texts = corpus.Select(e => $$"""{ "@context": "dtmi:dtdl:context;{{(int)e!["version"]!}}", "@id": "dtmi:com:example:Thing;1", "@type": "Interface", "contents": [ {{(string)e["contents"]!}} ] }""");
        var verdicts = (await new NodeClient("/dev/null").RunAsync("models.mjs", new { texts }, asFile: true)).AsArray();
        verdicts.Count.ShouldBe(corpus.Count);
        corpus.Zip(verdicts).Where(p => (bool)p.First!["valid"]! != (bool)p.Second!["valid"]!).Select(p => p.First!.ToJsonString() + p.Second!.ToJsonString()).ShouldBeEmpty();
    }
}
