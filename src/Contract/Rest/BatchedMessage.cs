using System.Text.Json;

namespace Homeport.Contract.Rest;

/// <summary>One message of a batch that a device sends over HTTPS as <c>application/vnd.microsoft.iothub.json</c>.</summary>
/// <param name="Body">The body: in Base64, or as it is.</param>
/// <param name="Base64Encoded">False for a body as it is; the SDKs leave it out for Base64.</param>
/// <param name="Properties">By the names of the HTTP headers; values are texts, numbers or truth values.</param>
public sealed record BatchedMessage(string? Body, bool? Base64Encoded, IReadOnlyDictionary<string, JsonElement>? Properties);
