using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Tpm.Attestation;

namespace Homeport.Tests.Tpm;

/// <summary>The known answers: challenges recorded with a TPM and recomputed by an independent implementation.</summary>
internal static class Vectors
{
    public static JsonNode Root { get; } = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "tpm-vectors.json")))!;

    /// <summary>Every challenge of the file, each with a readable path.</summary>
    public static IReadOnlyDictionary<string, JsonNode> Exchanges { get; } = Collect();

    public static TheoryData<string> ExchangeNames => new(Exchanges.Keys);

    /// <summary>The challenges that a TPM answered, with their transcripts.</summary>
    public static TheoryData<string> TpmExchangeNames => new(Exchanges.Keys.Where(static name => name != "software"));

    public static TheoryData<int> Cases => [0, 1, 2];

    public static JsonNode Case(int index) => Root["tpmCases"]![index]!;

    public static string Text(this JsonNode node, string name)
        => node[name]?.GetValue<string>() ?? throw new JsonException($"The vectors have no member {name} at {node.GetPath()}.");

    public static byte[] Hex(this JsonNode node, string name) => Convert.FromHexString(node.Text(name));

    public static byte[] Base64(this JsonNode node, string name) => Convert.FromBase64String(node.Text(name));

    public static ChallengeRandomness Randomness(JsonNode inputs) => new()
    {
        CredentialSeed = inputs.Hex("credSeed"),
        CredentialOaepSeed = inputs.Hex("credOaepSeed"),
        WrapKey = inputs.Hex("wrapKey"),
        DuplicateSeed = inputs.Hex("dupSeed"),
        DuplicateOaepSeed = inputs.Hex("dupOaepSeed"),
        Obfuscation = inputs.Hex("obfuscation"),
    };

    private static Dictionary<string, JsonNode> Collect()
    {
        var all = new Dictionary<string, JsonNode>(StringComparer.Ordinal) { ["software"] = Root["softwareKeys"]! };
        foreach (var tpmCase in Root["tpmCases"]!.AsArray())
        {
            var label = tpmCase!.Text("label");
            var number = 0;
            foreach (var exchange in tpmCase!["exchanges"]!.AsArray())
                all.Add($"{label}/{++number}", exchange!);
            all.Add($"{label}/after-clear", tpmCase["afterClear"]!["exchange"]!);
        }

        return all;
    }
}
