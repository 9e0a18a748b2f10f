using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>
/// The file of a committed blob: its content, behind it what is known of it, so that one rename replaces both.
/// </summary>
/// <remarks>Layout: <c>content | JSON | length of the JSON (4 bytes, big-endian) | "HPB1"</c>.</remarks>
internal static class BlobFile
{
    private const int TailSize = 8;

    // 50,000 blocks with ids of 64 bytes.
    private const int MaxDescription = 16 << 20;
    private static ReadOnlySpan<byte> Mark => "HPB1"u8;

    /// <summary>The bytes to write behind the content.</summary>
    public static byte[] DescriptionOf(BlobRecord record)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(record, BlobRecordJson.Default.BlobRecord);
        var bytes = new byte[json.Length + TailSize];
        json.CopyTo(bytes, 0);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(json.Length), json.Length);
        Mark.CopyTo(bytes.AsSpan(json.Length + 4));
        return bytes;
    }

    /// <summary>Opens a blob's file. Null when there is none.</summary>
    public static FileStream? Open(string path)
    {
        try
        {
            return new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Open,
                Access = FileAccess.Read,
                // Deleting and replacing go on while somebody reads.
                Share = FileShare.Read | FileShare.Delete,
                Options = FileOptions.Asynchronous,
                BufferSize = 0,
            });
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Reads what is known of the blob.</summary>
    /// <exception cref="InvalidDataException">The file is not whole.</exception>
    public static async Task<BlobRecord> ReadAsync(FileStream file, CancellationToken token)
    {
        var tail = new byte[TailSize];
        if (file.Length < TailSize)
            throw Broken(file);
        await RandomAccessReadAsync(file, tail, file.Length - TailSize, token);
        var length = BinaryPrimitives.ReadInt32BigEndian(tail);
        if (!tail.AsSpan(4).SequenceEqual(Mark) || length is < 2 or > MaxDescription || length > file.Length - TailSize)
            throw Broken(file);
        var json = new byte[length];
        await RandomAccessReadAsync(file, json, file.Length - TailSize - length, token);
        var record = JsonSerializer.Deserialize(json, BlobRecordJson.Default.BlobRecord)!;
        return record.Blob.Size == file.Length - TailSize - length ? record : throw Broken(file);
    }

    private static async Task RandomAccessReadAsync(FileStream file, Memory<byte> target, long offset, CancellationToken token)
    {
        while (target.Length > 0)
        {
            var read = await RandomAccess.ReadAsync(file.SafeFileHandle, target, offset, token);
            if (read == 0)
                throw Broken(file);
            offset += read;
            target = target[read..];
        }
    }

    private static InvalidDataException Broken(FileStream file) => new($"'{file.Name}' is not a whole blob. Restore it from a backup, or delete it.");
}

/// <summary>What stands behind the content.</summary>
internal sealed record BlobRecord(BlobProperties Blob, IReadOnlyList<BlobBlock> Blocks);

[JsonSerializable(typeof(BlobRecord))]
internal sealed partial class BlobRecordJson : JsonSerializerContext;
