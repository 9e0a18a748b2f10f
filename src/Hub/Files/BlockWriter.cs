using System.Buffers;
using System.Globalization;
using System.Text;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>Writes a blob piece by piece: what is written appears when all of it is there.</summary>
public sealed class BlockWriter(IBlobContainer container, string blobName)
{
    private const int BlockSize = 4 * 1024 * 1024;

    private readonly ArrayBufferWriter<byte> _buffer = new(BlockSize);
    private readonly List<string> _blocks = [];

    /// <summary>Adds bytes. Null when it is done.</summary>
    public async Task<Refusal?> WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken token)
    {
        _buffer.Write(bytes.Span);
        return _buffer.WrittenCount >= BlockSize ? await StageAsync(token) : null;
    }

    /// <summary>Makes the blob what was written. Null when it is done.</summary>
    public async Task<Refusal?> CommitAsync(CancellationToken token)
        => (_buffer.WrittenCount > 0 ? await StageAsync(token) : null) ?? await container.CommitAsync(blobName, _blocks, token);

    private async Task<Refusal?> StageAsync(CancellationToken token)
    {
        var id = Convert.ToBase64String(Encoding.ASCII.GetBytes(_blocks.Count.ToString("d6", CultureInfo.InvariantCulture)));
        if (await container.StageAsync(blobName, id, _buffer.WrittenMemory, token) is { } refusal)
            return refusal;
        _blocks.Add(id);
        _buffer.ResetWrittenCount();
        return null;
    }
}
