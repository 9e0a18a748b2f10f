using Homeport.Contract;
using System.Diagnostics.CodeAnalysis;

namespace Homeport.Storage.Files;

/// <summary>A bucket of a store that speaks the S3 protocol, from its connection string.</summary>
/// <param name="Endpoint">Address of the store, without the bucket.</param>
/// <param name="Bucket">The bucket; it has to exist.</param>
/// <param name="Region">Region that signatures name.</param>
/// <param name="AccessKeyId">Name of the key.</param>
/// <param name="SecretAccessKey">The key. Not for logs.</param>
public sealed record S3Account(Uri Endpoint, string Bucket, string Region, string AccessKeyId, string SecretAccessKey)
{
    /// <summary>Field that holds the secret.</summary>
    public const string SecretField = "SecretAccessKey";

    private const string DefaultRegion = "us-east-1";
    private static readonly string[] Required = ["Endpoint", "Bucket", "AccessKeyId", SecretField];
    private static readonly string[] Known = [.. Required, "Region"];

    /// <summary>
    /// Reads <c>Endpoint=https://...;Bucket=...;Region=...;AccessKeyId=...;SecretAccessKey=...</c>. Never throws; <paramref name="reason"/>
    /// says what is wrong, without its values.
    /// </summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out S3Account? account, [NotNullWhen(false)] out string? reason)
    {
        account = null;
        reason = null;
        if (!ConnectionStringFields.TryRead(text, out var fields, out reason))
            return false;
        if (Required.FirstOrDefault(name => string.IsNullOrEmpty(fields.GetValueOrDefault(name))) is { } missing)
            reason = $"it has no {missing}";
        else if (fields.Keys.Any(name => !Known.Contains(name, StringComparer.OrdinalIgnoreCase)))
            reason = $"it has a field that is not one of {string.Join(", ", Known)}";
        else if (!IsBucket(fields["Bucket"]))
            reason = "Bucket is not the name of a bucket: 3 to 63 of a-z, 0-9, dots and dashes";
        else if (!Uri.TryCreate(fields["Endpoint"], UriKind.Absolute, out var endpoint) || !IsEndpoint(endpoint))
            reason = "Endpoint is not the https address of a host (http only on this machine)";
        else
            account = new S3Account(endpoint, fields["Bucket"], fields.GetValueOrDefault("Region", DefaultRegion), fields["AccessKeyId"], fields[SecretField]);
        return account is not null;
    }

    /// <summary>Place only: the key stays out of logs.</summary>
    public override string ToString() => $"{Endpoint.Authority}/{Bucket}";

    private static bool IsEndpoint(Uri uri)
        => uri.PathAndQuery == "/" && uri.UserInfo.Length == 0 && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    private static bool IsBucket(string name)
        => name.Length is >= 3 and <= 63 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.') && !name.Contains("..", StringComparison.Ordinal)
            && char.IsAsciiLetterOrDigit(name[0]) && char.IsAsciiLetterOrDigit(name[^1]);
}
