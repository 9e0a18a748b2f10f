using System.Security.Cryptography;
using System.Text;
using Homeport.Hub.Files;

namespace Homeport.Storage.Files;

/// <summary>
/// Where blobs are on the disk. No part of a path is a name from outside: a blob's file is named by the SHA-256 of its name, a staged
/// block's by the hexadecimal digits of its id.
/// </summary>
/// <remarks><c>{root}/{container}/{2 digits}/{64 digits}.blob</c>, <c>.../{64 digits}.blocks/{id}</c>, and <c>{root}/_new</c> for what is being written.</remarks>
internal sealed class BlobPaths
{
    public const string BlobExtension = ".blob";
    public const string BlocksExtension = ".blocks";

    public BlobPaths(string root)
    {
        Root = Path.GetFullPath(root);
        // An underscore is in no container's name.
        New = Path.Combine(Root, "_new");
    }

    public string Root { get; }

    /// <summary>Files that are being written; what is left here at a start is rubbish.</summary>
    public string New { get; }

    /// <summary>Name of the blob for locks, too.</summary>
    public static string KeyOf(BlobAddress blob)
    {
        if (BlobAddress.CheckContainer(blob.Container) is { } container)
            throw new ArgumentException(container, nameof(blob));
        if (BlobAddress.CheckName(blob.Name) is { } name)
            throw new ArgumentException(name, nameof(blob));
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(blob.Name)));
        return $"{blob.Container}/{hash[..2]}/{hash}";
    }

    public string BlobOf(string key) => Path.Combine(Root, key + BlobExtension);

    public string BlocksOf(string key) => Path.Combine(Root, key + BlocksExtension);

    public string BlockOf(string key, byte[] id) => Path.Combine(BlocksOf(key), Convert.ToHexStringLower(id));

    public string NewFile() => Path.Combine(New, Guid.NewGuid().ToString("N"));

    /// <summary>The committed blobs of a container.</summary>
    public IEnumerable<string> Blobs(string container)
    {
        if (BlobAddress.CheckContainer(container) is { } bad)
            throw new ArgumentException(bad, nameof(container));
        var folder = Path.Combine(Root, container);
        return Directory.Exists(folder) ? Directory.EnumerateDirectories(folder).SelectMany(shard => Directory.EnumerateFiles(shard, "*" + BlobExtension)) : [];
    }

    /// <summary>The folders of staged blocks, by the key of their blob.</summary>
    public IEnumerable<(string Key, string Folder)> Staged()
        => from container in Directory.EnumerateDirectories(Root)
           where container != New
           from shard in Directory.EnumerateDirectories(container)
           from folder in Directory.EnumerateDirectories(shard, "*" + BlocksExtension)
           select ($"{Path.GetFileName(container)}/{Path.GetFileName(shard)}/{Path.GetFileNameWithoutExtension(folder)}", folder);
}
