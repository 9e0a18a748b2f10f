using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Homeport.Provisioning.Bulk.Jobs;

namespace Homeport.Storage.Files;

/// <summary>Files of imports in a folder, sealed piece by piece, so that neither a file nor its keys are ever whole in memory.</summary>
/// <remarks>
/// Layout: pieces of <c>length (4 bytes, big-endian) | sealed bytes</c>. All but the last hold <see cref="Piece"/> bytes, the last one fewer: a file
/// that was cut is known by that. The place of a piece is authenticated.
/// </remarks>
public sealed class SealedImportFiles : IImportFiles
{
    internal const int Piece = 128 * 1024;
    private const string Extension = ".sealed";
    private const string NewExtension = ".new";
    private readonly string _folder;
    private readonly SecretSeal _seal;

    /// <summary>Opens a folder, or makes it. What was not whole when the server stopped is removed.</summary>
    public SealedImportFiles(string folder, SecretSeal seal)
    {
        (_folder, _seal) = (folder, seal);
        Directory.CreateDirectory(folder);
        foreach (var left in Directory.EnumerateFiles(folder, "*" + NewExtension))
            File.Delete(left);
    }

    /// <inheritdoc/>
    public async Task<(long Bytes, string Sha256)?> WriteAsync(string id, Stream content, long maxBytes, CancellationToken token)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var path = PathOf(id, NewExtension);
        try
        {
            long length = 0;
            await using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, BufferSize = 0 }))
            {
                var piece = new byte[Piece];
                var read = Piece;
                for (var place = 0; read == Piece; place++)
                {
                    read = await content.ReadAtLeastAsync(piece, Piece, throwOnEndOfStream: false, token);
                    if ((length += read) > maxBytes)
                        return null;
                    hash.AppendData(piece, 0, read);
                    await file.WriteAsync(Frame(_seal.Seal(piece[..read], ContextOf(id, place))!), token);
                }
                file.Flush(flushToDisk: true);
            }
            File.Move(path, PathOf(id, Extension));
            NewFile.SyncFolder(_folder);
            return (length, Convert.ToHexStringLower(hash.GetHashAndReset()));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <inheritdoc/>
    public Stream Open(string id) => new SealedStream(File.OpenRead(PathOf(id, Extension)), _seal, id);

    /// <inheritdoc/>
    public void Delete(string id) => File.Delete(PathOf(id, Extension));

    /// <inheritdoc/>
    public IReadOnlyList<string> List() => [.. Directory.EnumerateFiles(_folder, "*" + Extension).Select(f => Path.GetFileNameWithoutExtension(f))];

    /// <summary>Ids come from the server alone, and so may be names of files.</summary>
    private string PathOf(string id, string extension)
        => id.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') ? Path.Combine(_folder, id + extension) : throw new ArgumentException("The id is none of an import.", nameof(id));

    private static string ContextOf(string id, int place) => string.Create(CultureInfo.InvariantCulture, $"file of import {id}/{place}");

    private static byte[] Frame(byte[] bytes)
    {
        var frame = new byte[4 + bytes.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, bytes.Length);
        bytes.CopyTo(frame, 4);
        return frame;
    }

    /// <summary>Opens one piece after the other.</summary>
    private sealed class SealedStream(FileStream file, SecretSeal seal, string id) : Stream
    {
        /// <summary>A piece and what sealing adds to it.</summary>
        private const int MaxSealed = Piece + 256;

        private byte[] _piece = [];
        private int _at;
        private int _place;
        private bool _last;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_at == _piece.Length && !_last)
                await NextAsync(cancellationToken);
            var count = Math.Min(buffer.Length, _piece.Length - _at);
            _piece.AsMemory(_at, count).CopyTo(buffer);
            _at += count;
            return count;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                file.Dispose();
            base.Dispose(disposing);
        }

        private async Task NextAsync(CancellationToken token)
        {
            try
            {
                var head = new byte[4];
                await file.ReadExactlyAsync(head, token);
                var length = BinaryPrimitives.ReadInt32BigEndian(head);
                if (length is < 1 or > MaxSealed)
                    throw new InvalidDataException($"'{file.Name}' is not a whole file of an import.");
                var bytes = new byte[length];
                await file.ReadExactlyAsync(bytes, token);
                _piece = seal.Unseal(bytes, ContextOf(id, _place++))!;
            }
            catch (EndOfStreamException e)
            {
                throw new InvalidDataException($"'{file.Name}' was cut.", e);
            }
            _at = 0;
            _last = _piece.Length < Piece;
        }
    }
}
