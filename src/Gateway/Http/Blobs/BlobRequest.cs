using Homeport.Contract;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Homeport.Gateway.Http.Blobs;

/// <summary>
/// The address of a blob request, read from the request line as it arrived: clients write the slashes of a blob's name as they are and
/// as <c>%2F</c>, which is the same name, and a plus sign in the query is a plus sign.
/// </summary>
/// <param name="Container">The container.</param>
/// <param name="Blob">The blob, or null for the container itself.</param>
/// <param name="Query">Fields of the query, decoded; a field without a value is the empty text.</param>
internal sealed record BlobRequest(string Container, string? Blob, IReadOnlyDictionary<string, string> Query)
{
    private const int MaxFields = 64;

    /// <summary>What the call is, for example <c>PUT block</c>.</summary>
    public string? Comp => Query.GetValueOrDefault("comp");

    public BlobAddress Address => new(Container, Blob!);

    public static Outcome<BlobRequest> Read(HttpContext context, IReadOnlyDictionary<string, IBlobStore> containers)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        var path = mark < 0 ? target : target[..mark];
        if (!path.StartsWith('/'))
            return new Refusal(BlobErrors.InvalidUri, "The request line has no path", "Send the path alone, as HTTP/1.1 has it.");
        var slash = path.IndexOf('/', 1);
        var container = PercentEncoding.Decode(slash < 0 ? path[1..] : path[1..slash]);
        if (!containers.ContainsKey(container))
            return new Refusal(BlobErrors.ContainerNotFound, "The first part of the path is the name of no container", "Use the address as it was given; letters count as they are written.");
        var blob = slash < 0 || slash == path.Length - 1 ? null : PercentEncoding.Decode(path[(slash + 1)..]);
        if (blob is not null && BlobAddress.CheckName(blob) is { } bad)
            return new Refusal(BlobErrors.InvalidResourceName, $"The blob's name cannot be used: {bad}", "Choose another name.");
        if (!ReadQuery(mark < 0 ? "" : target[(mark + 1)..]).Succeeded(out var query, out var refusal))
            return refusal;
        return new BlobRequest(container, blob, query);
    }

    private static Outcome<Dictionary<string, string>> ReadQuery(string text)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in text.Split('&', MaxFields + 1, StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = PercentEncoding.Decode(equals < 0 ? part : part[..equals]);
            if (fields.Count == MaxFields || !fields.TryAdd(name, equals < 0 ? "" : PercentEncoding.Decode(part[(equals + 1)..])))
                return new Refusal(BlobErrors.InvalidQueryParameterValue, "A field stands twice in the query, or there are too many of them", "Send every field once.");
        }
        return fields;
    }
}
