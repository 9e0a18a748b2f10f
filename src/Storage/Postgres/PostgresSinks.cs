using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Trust;
using Homeport.Routing;
using Npgsql;

namespace Homeport.Storage.Postgres;

/// <summary>Endpoints of the type <c>postgres</c>: a table of a PostgreSQL database, made when it is not there.</summary>
/// <param name="hubName">Name of the hub.</param>
public sealed class PostgresSinks(string hubName) : ISinkFactory
{
    private const int MaxName = 63;
    private const int DefaultPort = 5432;

    /// <inheritdoc/>
    public string Type => "postgres";

    /// <inheritdoc/>
    public (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        if (!Uri.TryCreate(endpoint.Url, UriKind.Absolute, out var uri) || uri.Scheme is not ("postgres" or "postgresql") || uri.Host.Length == 0)
            return ("its url does not begin with postgres://", "Send postgres://host:5432/database.");
        if (uri.UserInfo.Length > 0 || uri.Query.Length > 0)
            return ("its url has a user name or parameters", "Send postgres://host:5432/database, userName and secret.");
        if (uri.AbsolutePath.Trim('/') is not { Length: > 0 and <= MaxName } database || database.Contains('/', StringComparison.Ordinal))
            return ("its url names no database", "Send postgres://host:5432/database.");
        if (endpoint.Address is null || TableOf(endpoint.Address) is null)
            return ("its address is no name of a table", "Send telemetry or iot.telemetry: a letter, then letters, digits and '_', 63 at most.");
        return string.IsNullOrEmpty(endpoint.UserName) ? ("it has no userName", "Send userName and secret of a role that may insert, and create the table when it is not there.") : null;
    }

    /// <inheritdoc/>
    public IEndpointSink Open(RoutingEndpointDescription endpoint, int partition)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var uri = new Uri(endpoint.Url!);
        var builder = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : DefaultPort,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.Trim('/')),
            Username = endpoint.UserName,
            Password = endpoint.Secret,
            ApplicationName = "homeport",
            // On this machine nobody reads along; elsewhere there is no connection without TLS, whose certificate the callback checks.
            SslMode = uri.IsLoopback && endpoint.CertificateAuthority is null ? SslMode.Prefer : SslMode.Require,
            Timeout = 10,
            CommandTimeout = 30,
            MaxPoolSize = 1,
            IncludeErrorDetail = false,
        }.ConnectionString);
        var trust = PeerTrust.FromPem(endpoint.CertificateAuthority);
        if (!uri.IsLoopback || endpoint.CertificateAuthority is not null)
            builder.UseSslClientAuthenticationOptionsCallback(options => options.RemoteCertificateValidationCallback = trust.Validate);
        return new PostgresSink(builder.Build(), hubName, TableOf(endpoint.Address!)!);
    }

    /// <summary>The name, quoted, or null when it is none. What is allowed in it needs no escape.</summary>
    private static string? TableOf(string address)
    {
        var parts = address.Split('.');
        return parts.Length <= 2 && parts.All(p => p.Length is > 0 and <= MaxName && (char.IsAsciiLetter(p[0]) || p[0] == '_') && p.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
            ? string.Join('.', parts.Select(p => $"\"{p}\""))
            : null;
    }
}
