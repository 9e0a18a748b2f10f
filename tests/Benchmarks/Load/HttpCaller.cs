using System.Buffers.Text;
using System.Net.Security;
using System.Text;

namespace Homeport.Tests.Benchmarks.Load;

/// <summary>One kept-alive HTTPS connection with one request at a time. Reads answers with a Content-Length, or without a body.</summary>
internal sealed class HttpCaller(SslStream stream) : IAsyncDisposable
{
    private const int StatusOffset = 9;
    private const int MaxAnswer = 16 << 20;
    private byte[] _buffer = new byte[16384];

    /// <summary>Sends a request and waits for its answer. Gives the answer's body, good until the next call.</summary>
    /// <exception cref="InvalidDataException">The answer has another status.</exception>
    public async Task<ReadOnlyMemory<byte>> CallAsync(ReadOnlyMemory<byte> request, int expectedStatus, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(request, cancellationToken);
        var length = 0;
        int head;
        while ((head = _buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) < 0)
            length += await ReadAsync(length, cancellationToken);

        var whole = head + 4 + BodyLength(_buffer.AsSpan(0, head));
        while (length < whole)
            length += await ReadAsync(length, cancellationToken);

        if (!Utf8Parser.TryParse(_buffer.AsSpan(StatusOffset, 3), out int status, out _) || status != expectedStatus)
            throw new InvalidDataException($"Instead of {expectedStatus} came: {Encoding.UTF8.GetString(_buffer.AsSpan(0, length))}");
        return _buffer.AsMemory(head + 4, whole - head - 4);
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private static int BodyLength(ReadOnlySpan<byte> head)
    {
        var name = "\r\nContent-Length: "u8;
        var at = head.IndexOf(name);
        if (at < 0)
            return 0;
        return Utf8Parser.TryParse(head[(at + name.Length)..], out int length, out _)
            ? length
            : throw new InvalidDataException($"No Content-Length in: {Encoding.ASCII.GetString(head)}");
    }

    private async ValueTask<int> ReadAsync(int offset, CancellationToken cancellationToken)
    {
        if (offset == _buffer.Length && offset < MaxAnswer)
            Array.Resize(ref _buffer, offset * 2);
        var count = await stream.ReadAsync(_buffer.AsMemory(offset), cancellationToken);
        return count > 0 ? count : throw new InvalidDataException("The server closed the connection, or its answer is too large.");
    }
}
