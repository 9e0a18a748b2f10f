namespace Homeport.Tests.Interop.Harness;

/// <summary>The operators' API as curl calls it, with an API token.</summary>
public sealed class OperatorCurl(ServerProcess server, string token)
{
    /// <summary>Sends a call.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="path">Path below the server.</param>
    /// <param name="body">JSON, or nothing.</param>
    /// <param name="query">More parameters, beginning with an ampersand.</param>
    public async Task<RestCurl> SendAsync(string method, string path, string? body = null, string query = "")
    {
        List<string> arguments =
        [
            "-sS", "-i", "--http1.1", "--max-time", "60", "--cacert", server.Ready.CaFile, "-X", method,
            $"https://{server.Ready.Host}:{server.Ready.Ports.Https}{path}?api-version=2022-07-31{query}", "-H", "Expect:", "-H", "Authorization: " + token,
        ];
        if (body is not null)
            arguments.AddRange(["-H", "Content-Type: application/json", "--data-binary", "@-"]);
        return RestCurl.Parse(await ExternalProgram.RunAsync("curl", arguments, input: body));
    }
}
