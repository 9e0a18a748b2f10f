using System.Net;
using System.Security.Cryptography;
using System.Text;
using Homeport.People.Issuer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Homeport.Tests.People;

/// <summary>An issuer without a network: its two documents, and tokens as it might sign them.</summary>
internal sealed class TestIssuer : HttpMessageHandler
{
    public const string Address = "https://login.homeport.test";

    public static readonly IssuerSettings Settings = new() { Issuer = Address, ClientId = "homeport", Name = "Login", Audience = "urn:homeport:api" };

    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };
    private RSA _key = RSA.Create(2048);
    private string _kid = "1";

    /// <summary>How often the first document was asked for.</summary>
    public int Asked { get; private set; }

    public bool IsDown { get; set; }

    /// <summary>How it calls itself.</summary>
    public string Name { get; set; } = Address;

    public RsaSecurityKey Key => new(_key) { KeyId = _kid };

    public void Rotate()
    {
        _key.Dispose();
        (_key, _kid) = (RSA.Create(2048), _kid + "1");
    }

    /// <summary>The token of somebody, with an hour to go unless told otherwise.</summary>
    public string Token(Dictionary<string, object> claims, string audience = "urn:homeport:api", string issuer = Address, TimeSpan? begins = null, TimeSpan? ends = null, SigningCredentials? signs = null)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            NotBefore = now + (begins ?? TimeSpan.FromMinutes(-1)),
            Expires = now + (ends ?? TimeSpan.FromHours(1)),
            Claims = claims,
            SigningCredentials = signs ?? new SigningCredentials(Key, SecurityAlgorithms.RsaSha256),
        });
    }

    /// <summary>A token that says of itself that it needs no signature (RFC 7519, section 6).</summary>
    public static string Unsigned(Dictionary<string, object> claims) => Handler.CreateToken(new SecurityTokenDescriptor
    {
        Issuer = Address,
        Audience = "urn:homeport:api",
        Expires = TimeProvider.System.GetUtcNow().UtcDateTime + TimeSpan.FromHours(1),
        Claims = claims,
    });

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (IsDown)
            throw new HttpRequestException("nobody listens");
        var isKeys = request.RequestUri!.AbsolutePath == "/keys";
        if (!isKeys)
            Asked++;
        var numbers = _key.ExportParameters(includePrivateParameters: false);
        var text = isKeys
            ? $$"""{"keys":[{"kty":"RSA","use":"sig","kid":"{{_kid}}","n":"{{Base64UrlEncoder.Encode(numbers.Modulus)}}","e":"{{Base64UrlEncoder.Encode(numbers.Exponent)}}"}]}"""
            : $$"""{"issuer":"{{Name}}","jwks_uri":"{{Address}}/keys","authorization_endpoint":"{{Address}}/auth","token_endpoint":"{{Address}}/token"}""";
        return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(text, Encoding.UTF8, "application/json") });
    }

    protected override void Dispose(bool disposing)
    {
        _key.Dispose();
        base.Dispose(disposing);
    }
}
