using System.Text.Json.Nodes;

namespace Homeport.Tests.Interop.Harness;

/// <summary>A server with its console and an OpenID Connect issuer beside it (oidc-provider), which starts after the server.</summary>
public sealed class IssuerConsole : IAsyncLifetime
{
    public const string Audience = "urn:homeport:api";
    private const string Address = "127.0.0.1";
    public const string Secret = "the secret of both clients, 32 characters and more";
    private readonly OpenSslPki _pki = new();
    private readonly int _port = ServerSettings.FreePorts(1)[0];
    private RunningScenario? _issuer;
    private ConsoleBrowser? _console;

    public ConsoleBrowser Console => _console ?? throw new InvalidOperationException("the server did not start");

    public RunningScenario Issuer => _issuer ?? throw new InvalidOperationException("the issuer did not start");

    /// <summary>Certificate of the issuer.</summary>
    public string CaFile => _pki.PathOf("issuer.pem");

    public string IssuerAddress => $"https://{Address}:{_port}";

    public async ValueTask InitializeAsync()
    {
        await _pki.ServerAsync("issuer", Address);
        await File.WriteAllTextAsync(_pki.PathOf("secret"), Secret + "\n");
        _console = new ConsoleBrowser
        {
            IsWhole = true,
            MoreSettings =
            [
                "--oidc-issuer", IssuerAddress, "--oidc-client-id", "homeport", "--oidc-client-secret", _pki.PathOf("secret"), "--oidc-scopes", "openid email groups",
                "--oidc-name", "Plant login", "--oidc-audience", Audience, "--oidc-ca", _pki.PathOf("issuer.pem"),
            ],
        };
        await _console.InitializeAsync();
    }

    public async Task StartIssuerAsync()
    {
        if (_issuer is not null)
            return;
        var arguments = new
        {
            port = _port,
            key = _pki.PathOf("issuer.key"),
            certificate = _pki.PathOf("issuer.pem"),
            redirectUri = $"https://{Console.Server.Ready.Host}/console/sign-in/callback",
            secret = Secret,
        };
        _issuer = new NodeClient(_pki.PathOf("issuer.pem")).Start("oidc-issuer.mjs", arguments);
        await _issuer.WaitForEventAsync("listening");
    }

    public async Task StopIssuerAsync()
    {
        if (_issuer is not null)
            await _issuer.DisposeAsync();
        _issuer = null;
    }

    /// <summary>An access token for a program, as curl gets it.</summary>
    public async Task<string> TokenAsync(string client, string resource = Audience)
    {
        var result = await ExternalProgram.RunAsync("curl", ["-sS", "--max-time", "60", "--cacert", _pki.PathOf("issuer.pem"), "-u", $"{client}:{Uri.EscapeDataString(Secret)}",
            "-d", "grant_type=client_credentials", "--data-urlencode", $"resource={resource}", $"{IssuerAddress}/token"]);
        return (string?)JsonNode.Parse(result.Output)!["access_token"] ?? throw new InvalidOperationException($"the issuer gave no token: {result}");
    }

    public async ValueTask DisposeAsync()
    {
        await StopIssuerAsync();
        if (_console is not null)
            await _console.DisposeAsync();
        _pki.Dispose();
    }
}
