using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Homeport.Contract.Errors;
using Homeport.Hub.Files;
using Microsoft.Win32.SafeHandles;

namespace Homeport.Storage.Files;

/// <summary>A file that is being written beside the store, and becomes part of it by a rename once it is on the disk. Disposing it removes what did not.</summary>
internal sealed class NewFile : IAsyncDisposable
{
    private const int BufferSize = 128 * 1024;
    private readonly string _path;
    private readonly FileStream _stream;
    private readonly BlobQuota.Share _share;
    private bool _moved;

    private NewFile(string path, BlobQuota.Share share)
    {
        _path = path;
        _share = share;
        _stream = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, BufferSize = 0 });
    }

    /// <summary>Bytes written.</summary>
    public long Length { get; private set; }

    /// <summary>Makes a file for this many bytes or more.</summary>
    public static Outcome<NewFile> Create(string path, BlobQuota quota, long length)
        => quota.TryTake(length) is { } share ? new NewFile(path, share) : Full();

    /// <summary>Takes a body in. Gives its MD5, or what is wrong with it.</summary>
    public async Task<Outcome<byte[]>> ReceiveAsync(BlobBody body, long limit, CancellationToken token)
    {
        // Not for safety: it is the checksum that the protocol has.
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            int read;
            while ((read = await body.Stream.ReadAsync(buffer.AsMemory(0, BufferSize), token)) > 0)
            {
                if (Length + read > limit)
                    return TooLarge(limit);
                if (!_share.TryCover(Length + read))
                    return Full();
                md5.AppendData(buffer, 0, read);
                await _stream.WriteAsync(buffer.AsMemory(0, read), token);
                Length += read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        if (body.Length is { } length && length != Length)
            return new Refusal(BlobErrors.IncompleteBody, $"{length} bytes were announced and {Length} arrived", "Send the body again.");
        var hash = md5.GetHashAndReset();
        return body.Md5 is null || body.Md5.AsSpan().SequenceEqual(hash)
            ? hash
            : new Refusal(BlobErrors.Md5Mismatch, $"Content-MD5 does not fit the {Length} bytes that arrived", "Send the body again.");
    }

    /// <summary>Copies a part of another file.</summary>
    public async Task CopyAsync(SafeFileHandle source, long offset, long count, CancellationToken token)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            while (count > 0)
            {
                var read = await RandomAccess.ReadAsync(source, buffer.AsMemory(0, (int)Math.Min(BufferSize, count)), offset, token);
                if (read == 0)
                    throw new InvalidDataException("A block is shorter than it was.");
                await _stream.WriteAsync(buffer.AsMemory(0, read), token);
                (offset, count, Length) = (offset + read, count - read, Length + read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Writes the last bytes.</summary>
    public async Task AppendAsync(byte[] bytes, CancellationToken token)
    {
        await _stream.WriteAsync(bytes, token);
        Length += bytes.Length;
    }

    /// <summary>Makes the file part of the store, in place of one with the same path. When this returns it is on the disk.</summary>
    public async Task MoveAsync(string target)
    {
        _stream.Flush(flushToDisk: true);
        await _stream.DisposeAsync();
        var folder = Path.GetDirectoryName(target)!;
        var isNew = !Directory.Exists(folder);
        Directory.CreateDirectory(folder);
        var replaced = new FileInfo(target) is { Exists: true } old ? old.Length : (long?)null;
        File.Move(_path, target, overwrite: true);
        _moved = true;
        SyncFolder(folder);
        if (isNew)
            SyncFolder(Path.GetDirectoryName(folder)!);
        if (replaced is { } length)
            _share.Replace(length);
        _share.Keep(Length);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        if (!_moved)
            File.Delete(_path);
        _share.Dispose();
    }

    /// <summary>A rename is on the disk when the folder is. Windows writes it with the file.</summary>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        using var handle = new SafeFileHandle(OpenFolder(folder, 0), ownsHandle: true);
        if (handle.IsInvalid)
            throw new IOException($"The folder '{folder}' cannot be opened (error {Marshal.GetLastPInvokeError()}).");
        RandomAccess.FlushToDisk(handle);
    }

    private static Refusal Full() => new(BlobErrors.InsufficientStorage, "The quota of the blob store, or the disk, has no room for this", "Delete files that are not needed, or raise the quota.");

    private static Refusal TooLarge(long limit) => new(BlobErrors.RequestBodyTooLarge, $"The body is longer than {limit} bytes", "Send it in blocks.");

#pragma warning disable SYSLIB1054 // A generated marshaller would make the whole project unsafe for one call.
    [DllImport("libc", EntryPoint = "open", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint OpenFolder([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);
#pragma warning restore SYSLIB1054
}
