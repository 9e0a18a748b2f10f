using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Files;
using Homeport.Routing;
using Homeport.Routing.Sinks.Files;

namespace Homeport.Storage.Files;

/// <summary>
/// Endpoints that are containers of a storage account elsewhere: JSON lines over the Azure Blob REST API. The connection string is the secret, the container the
/// address.
/// </summary>
/// <param name="type">Name of the type.</param>
/// <param name="name">Of whom the files are: the first parts of their names.</param>
/// <param name="http">Calls the account.</param>
/// <param name="time">The clock.</param>
public sealed class AccountContainers(string type, string name, HttpClient http, TimeProvider time) : ISinkFactory
{
    private static readonly TimeSpan SignatureLife = TimeSpan.FromHours(1);
    private readonly FileSinks _files = new(name, "", () => throw new InvalidOperationException("Each endpoint has a container of its own."));

    /// <inheritdoc/>
    public string Type => type;

    /// <inheritdoc/>
    public (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        if (!AzureAccount.TryParse(endpoint.Secret ?? "", out _, out var reason))
            return ($"its connection string cannot be used: {reason}", "Send DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...;EndpointSuffix=core.windows.net, or with BlobEndpoint=https://...");
        if (endpoint.Address is not { Length: >= 3 and <= 63 } container || !container.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
            return ("its container has no name of one", "A container has 3 to 63 of a-z, 0-9 and '-'.");
        return _files.Check(endpoint with { Secret = null, Address = null });
    }

    /// <inheritdoc/>
    public IEndpointSink Open(RoutingEndpointDescription endpoint, int partition)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return new FileSinks(name, "", () => Open(endpoint)).Open(endpoint, partition);
    }

    private RemoteContainer Open(RoutingEndpointDescription endpoint)
    {
        if (!AzureAccount.TryParse(endpoint.Secret!, out var account, out var reason))
            throw new InvalidOperationException(reason);
        var signature = BlobSas.Create(account.Account, endpoint.Address!, null, "rcw", time.GetUtcNow() + SignatureLife);
        return new RemoteContainer(new Uri($"{account.Endpoint.AbsoluteUri.TrimEnd('/')}/{endpoint.Address}{signature}"), http);
    }
}
