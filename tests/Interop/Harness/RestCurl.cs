using System.Text.Json.Nodes;

namespace Homeport.Tests.Interop.Harness;

/// <summary>An answer of the REST API as curl wrote it down.</summary>
public sealed record RestCurl(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public JsonNode Json => JsonNode.Parse(Body) ?? throw new InvalidDataException("the body is null");

    public string ETag => Headers["ETag"];

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    /// <summary>Sends headers and body as they are, which the HTTP client of .NET would not.</summary>
    public static async Task<RestCurl> SendAsync(ServerProcess server, string method, string path, string? body = null, string? ifMatch = null)
    {
        var port = server.Ready.Ports.Https;
        List<string> arguments =
        [
            "-sS", "-i", "--http1.1", "--max-time", "40", "--cacert", server.Ready.CaFile, "-X", method, $"https://{server.Ready.Hub.HostName}:{port}{path}?api-version=2021-04-12",
            "-H", "Expect:", "-H", "Authorization: " + SasToken.ForService(server.Hub.Credential),
        ];
        if (ifMatch is not null)
            arguments.AddRange(["-H", "If-Match: " + ifMatch]);
        if (body is not null)
            arguments.AddRange(["-H", "Content-Type: application/json; charset=utf-8", "--data-binary", "@-"]);
        return Parse(await ExternalProgram.RunAsync("curl", arguments, input: body));
    }

    /// <summary>Reads what <c>curl -i</c> wrote.</summary>
    public static RestCurl Parse(ProgramResult result)
    {
        result.Output.ShouldNotBeEmpty(result.ToString());
        var parts = result.Output.ReplaceLineEndings("\n").Split("\n\n", 2);
        var lines = parts[0].Split('\n');
        var headers = lines.Skip(1).Select(l => l.Split(": ", 2)).GroupBy(h => h[0], StringComparer.OrdinalIgnoreCase).ToDictionary(g => g.Key, g => g.First()[1], StringComparer.OrdinalIgnoreCase);
        return new RestCurl(int.Parse(lines[0].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), headers, parts[1]);
    }
}
