using System.Text;
using Homeport.Models;

namespace Homeport.Tests.Models;

/// <summary>Texts of models, short.</summary>
internal static class Source
{
    /// <summary>An interface with these contents, on lines of its own: the contents begin in line 4.</summary>
    public static string With(string contents, int version = 2, string more = "")
        => $$"""
        { "@context": "dtmi:dtdl:context;{{version}}",
          "@id": "dtmi:com:example:Thing;1", "@type": "Interface"{{more}},
          "contents": [
        {{contents}}
        ] }
        """;

    public static ParsedModel Parse(string text, string? rootId = null) => ModelParser.Parse(Encoding.UTF8.GetBytes(text), rootId);

    /// <summary>Schemas inside each other.</summary>
    public static string Arrays(int depth) => depth == 0 ? "\"double\"" : $$"""{ "@type": "Array", "elementSchema": {{Arrays(depth - 1)}} }""";
}
