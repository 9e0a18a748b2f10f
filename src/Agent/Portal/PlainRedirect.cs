using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace Homeport.Agent.Portal;

/// <summary>
/// People write http://device:8080. A connection that does not begin with a TLS handshake is told to come again with https, on the same port.
/// </summary>
internal static class PlainRedirect
{
    private const byte TlsHandshake = 22;
    private const int MaxRequestBytes = 8192;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>For <c>ListenOptions.Use</c>, before TLS.</summary>
    public static ConnectionDelegate Add(ConnectionDelegate next) => async connection =>
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        limit.CancelAfter(Patience);
        try
        {
            var first = await connection.Transport.Input.ReadAtLeastAsync(1, limit.Token);
            if (first.Buffer.IsEmpty)
                return;
            var isTls = first.Buffer.FirstSpan[0] == TlsHandshake;
            connection.Transport.Input.AdvanceTo(first.Buffer.Start);
            if (!isTls)
            {
                await RedirectAsync(connection, limit.Token);
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // It said nothing, or went.
            return;
        }

        await next(connection);
    };

    private static async Task RedirectAsync(ConnectionContext connection, CancellationToken token)
    {
        while (true)
        {
            var read = await connection.Transport.Input.ReadAsync(token);
            var text = Encoding.ASCII.GetString(read.Buffer.Slice(0, Math.Min(read.Buffer.Length, MaxRequestBytes)).ToArray());
            if (text.Contains("\r\n\r\n", StringComparison.Ordinal) || read.IsCompleted || read.Buffer.Length >= MaxRequestBytes)
            {
                connection.Transport.Input.AdvanceTo(read.Buffer.End);
                await connection.Transport.Output.WriteAsync(Encoding.ASCII.GetBytes(Answer(text)), token);
                return;
            }

            connection.Transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    internal static string Answer(string request)
    {
        const string Close = "Connection: close\r\nContent-Length: 0\r\n\r\n";
        var lines = request.Split("\r\n");
        var path = lines[0].Split(' ') is [_, ['/', ..] target, _] ? target : "/";
        var host = lines.FirstOrDefault(static l => l.StartsWith("Host:", StringComparison.OrdinalIgnoreCase))?[5..].Trim() ?? "";
        var isPlain = host.Length is > 0 and < 300 && host.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or ':' or '[' or ']' or '_');
        return isPlain && path.All(static c => c is > ' ' and < (char)127)
            ? $"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://{host}{path}\r\n{Close}"
            : $"HTTP/1.1 400 Bad Request\r\n{Close}";
    }
}
