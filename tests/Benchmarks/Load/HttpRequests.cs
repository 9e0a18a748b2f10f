using System.Text;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>Encodes HTTP/1.1 requests once, to be sent often: the client libraries cost more than the server.</summary>
internal sealed class HttpRequests(string host, string token)
{
    private const string ApiVersion = "2021-04-12";

    /// <summary>A POST; the body stands at the end of the bytes.</summary>
    public byte[] Post(string path, string contentType, ReadOnlySpan<byte> body) =>
    [
        .. Encoding.ASCII.GetBytes(
            $"POST {path}?api-version={ApiVersion} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n"
            + $"Content-Type: {contentType}\r\nContent-Length: {body.Length}\r\n\r\n"),
        .. body,
    ];
}
