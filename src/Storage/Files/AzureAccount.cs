using Homeport.Contract;
using System.Diagnostics.CodeAnalysis;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>A storage account that speaks Azure Blob REST, from its connection string.</summary>
/// <param name="Account">Name and key.</param>
/// <param name="Endpoint">Where its containers are, without a slash at the end.</param>
public sealed record AzureAccount(BlobAccount Account, Uri Endpoint)
{
    private const string DefaultSuffix = "core.windows.net";

    /// <summary>
    /// Reads <c>DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...;EndpointSuffix=...;BlobEndpoint=...</c>. Never throws;
    /// <paramref name="reason"/> says what is wrong, without its values.
    /// </summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out AzureAccount? account, [NotNullWhen(false)] out string? reason)
    {
        account = null;
        reason = null;
        if (!ConnectionStringFields.TryRead(text, out var fields, out reason))
            return false;
        var key = new byte[512];
        if (!fields.TryGetValue("AccountName", out var name) || name.Length == 0 || !fields.TryGetValue("AccountKey", out var keyText))
            reason = "it has no AccountName or no AccountKey";
        else if (keyText.Length > 600 || !Convert.TryFromBase64String(keyText, key, out var length) || length == 0)
            reason = "AccountKey is not Base64";
        else if (!Uri.TryCreate(EndpointOf(fields, name), UriKind.Absolute, out var endpoint) || endpoint.Scheme != Uri.UriSchemeHttps || endpoint.Query.Length > 0)
            reason = "its endpoint is not an https address, which devices need";
        else
            account = new AzureAccount(new BlobAccount(name, [key[..length]]), endpoint);
        return account is not null;
    }

    private static string EndpointOf(Dictionary<string, string> fields, string name)
        => fields.TryGetValue("BlobEndpoint", out var endpoint) ? endpoint.TrimEnd('/')
            : $"{fields.GetValueOrDefault("DefaultEndpointsProtocol", "https")}://{name}.blob.{fields.GetValueOrDefault("EndpointSuffix", DefaultSuffix)}";
}
