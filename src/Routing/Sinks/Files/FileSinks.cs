using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Files;

namespace Homeport.Routing.Sinks.Files;

/// <summary>Endpoints of the type <c>files</c>: JSON lines in the store where the files of devices go.</summary>
/// <param name="hubName">Name of the hub.</param>
/// <param name="folder">Folder of the files in the container, with a slash at its end, or empty.</param>
/// <param name="container">Opens the container; what it permits may end after an hour.</param>
public sealed class FileSinks(string hubName, string folder, Func<IBlobContainer> container) : ISinkFactory
{
    /// <summary>Folder of routes among the files of devices. No device can have this name, so none can write there.</summary>
    public const string Routes = "~routes/";

    private const int MaxSeconds = 720;
    private const long MinChunk = 1 << 20;
    private const long MaxChunk = 524_288_000;

    /// <inheritdoc/>
    public string Type => "files";

    /// <inheritdoc/>
    public (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        if (endpoint.Url is not null || endpoint.Secret is not null || endpoint.Address is not null)
            return ("it has a url, an address or a secret", "Files go where the files of devices go: leave them out, and set blob-storage of the server.");
        if (endpoint.FileNameFormat is { } format && FileName.Check(format) is { } bad)
            return ($"fileNameFormat cannot be used: {bad}", $"Use one such as {FileName.Default}.");
        if (endpoint.BatchFrequencyInSeconds is < 1 or > MaxSeconds)
            return ($"batchFrequencyInSeconds is {endpoint.BatchFrequencyInSeconds}", $"It is 1 to {MaxSeconds}.");
        return endpoint.MaxChunkSizeInBytes is < MinChunk or > MaxChunk ? ($"maxChunkSizeInBytes is {endpoint.MaxChunkSizeInBytes}", $"It is {MinChunk} to {MaxChunk}.") : null;
    }

    /// <inheritdoc/>
    public IEndpointSink Open(RoutingEndpointDescription endpoint, int partition) => new FileSink(endpoint, hubName, folder, container);
}
