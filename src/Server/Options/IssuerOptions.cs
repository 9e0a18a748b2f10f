using Homeport.Hub.Trust;
using Homeport.People.Issuer;

namespace Homeport.Server.Options;

/// <summary>The OpenID Connect issuer of the settings.</summary>
/// <param name="Settings">The issuer, and who this server is to it.</param>
/// <param name="Trust">CAs of its certificate beside those that the machine trusts.</param>
public sealed record IssuerOptions(IssuerSettings Settings, PeerTrust Trust)
{
    /// <summary>Reads the settings; what is wrong goes to the sources' errors. Null when none is set.</summary>
    internal static IssuerOptions? Read(SettingSources sources)
    {
        var (issuer, source) = sources[Setting.OidcIssuer];
        var client = sources[Setting.OidcClientId].Text;
        if (issuer is null)
        {
            if (client is not null || sources[Setting.OidcClientSecret].Text is not null || sources[Setting.OidcAudience].Text is not null)
                sources.Errors.Add("The settings oidc-client-id, oidc-client-secret and oidc-audience need oidc-issuer.");
            return null;
        }
        if (!Uri.TryCreate(issuer, UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttps || address.Query.Length > 0 || address.Fragment.Length > 0)
        {
            sources.Errors.Add($"oidc-issuer ({source}) is '{issuer}', which is no https address without query, such as https://login.example.com/realms/plant.");
            return null;
        }
        if (string.IsNullOrWhiteSpace(client))
            sources.Errors.Add("oidc-issuer is set and oidc-client-id is not: enter this server at the issuer as a client, and give the client's id.");
        var scopes = sources[Setting.OidcScopes].Text!.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
        if (!scopes.Contains("openid", StringComparer.Ordinal))
            sources.Errors.Add("oidc-scopes lacks openid, without which there is no OpenID Connect.");
        var settings = new IssuerSettings
        {
            Issuer = issuer,
            ClientId = client ?? "",
            ClientSecret = Secret(sources),
            Scopes = scopes,
            Name = sources[Setting.OidcName].Text ?? address.Host,
            GroupsClaim = sources[Setting.OidcGroupsClaim].Text!,
            VerifiedClaim = sources[Setting.OidcVerifiedClaim].Text!,
            Audience = sources[Setting.OidcAudience].Text,
        };
        return new IssuerOptions(settings, Trusted(sources));
    }

    /// <summary>The secret's value for people: where it is, never what it is.</summary>
    internal static string Shown(SettingValue value)
        => value.Text is null ? "(none)" : IsVariable(value) && !File.Exists(value.Text) ? "(secret, not shown)" : value.Text;

    /// <summary>A file with the secret; a variable may hold the secret itself, since others cannot read it.</summary>
    private static string? Secret(SettingSources sources)
    {
        var value = sources[Setting.OidcClientSecret];
        if (value.Text is null || (IsVariable(value) && !File.Exists(value.Text)))
            return value.Text;
        try
        {
            return File.ReadAllText(value.Text).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The text may be the secret itself, put where it does not belong.
            sources.Errors.Add($"oidc-client-secret ({value.Source}) names no file that can be read. Put the secret into a file, or into {Setting.OidcClientSecret.Variable}.");
            return null;
        }
    }

    private static bool IsVariable(SettingValue value) => value.Source.StartsWith(SettingSources.VariableSource, StringComparison.Ordinal);

    private static PeerTrust Trusted(SettingSources sources)
    {
        var (file, source) = sources[Setting.OidcCa];
        try
        {
            return PeerTrust.FromPem(file is null ? null : File.ReadAllText(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            sources.Errors.Add($"oidc-ca ({source}) is '{file}': {e.Message}");
            return PeerTrust.FromPem(null);
        }
    }
}
