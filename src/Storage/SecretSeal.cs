using System.Security.Cryptography;
using System.Text;

namespace Homeport.Storage;

/// <summary>
/// Seals secrets (device keys, policy keys, private keys) for the disk with AES-256-GCM. The key is in a file of its own, so that
/// a copy of the database alone gives nothing away.
/// </summary>
/// <remarks>Layout: <c>version (1) | nonce (12) | tag (16) | cipher text</c>. The context, such as the row's name, is authenticated: a sealed value cannot be moved to another row.</remarks>
public sealed class SecretSeal : IDisposable
{
    private const byte Version = 1;
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private const int HeaderSize = 1 + NonceSize + TagSize;
    private readonly Lock _lock = new();
    private readonly AesGcm _cipher;

    private SecretSeal(byte[] key) => _cipher = new AesGcm(key, TagSize);

    /// <summary>Opens the key file, or makes one that only its owner can read.</summary>
    /// <exception cref="InvalidDataException">The file does not hold a key.</exception>
    public static SecretSeal Open(string keyFile)
    {
        if (!File.Exists(keyFile))
            Create(keyFile);
        var key = new byte[32];
        if (!Convert.TryFromBase64String(File.ReadAllText(keyFile).Trim(), key, out var length) || length != 32)
            throw new InvalidDataException($"'{keyFile}' does not hold the Base64 text of 32 bytes. Restore it from a backup: without it the stored keys cannot be read.");
        return new SecretSeal(key);
    }

    /// <summary>Seals a secret; null stays null.</summary>
    public byte[]? Seal(byte[]? secret, string context)
    {
        if (secret is null)
            return null;
        var sealedBytes = new byte[HeaderSize + secret.Length];
        sealedBytes[0] = Version;
        var nonce = sealedBytes.AsSpan(1, NonceSize);
        RandomNumberGenerator.Fill(nonce);
        // The cipher's context serves one thread at a time: two at once would fail, or seal what nobody can open again.
        lock (_lock)
            _cipher.Encrypt(nonce, secret, sealedBytes.AsSpan(HeaderSize), sealedBytes.AsSpan(1 + NonceSize, TagSize), Encoding.UTF8.GetBytes(context));
        return sealedBytes;
    }

    /// <summary>Opens a sealed secret; null stays null.</summary>
    /// <exception cref="CryptographicException">The key file is not the one that sealed it, or the value was changed.</exception>
    public byte[]? Unseal(byte[]? sealedBytes, string context)
    {
        if (sealedBytes is null)
            return null;
        if (sealedBytes.Length < HeaderSize || sealedBytes[0] != Version)
            throw new CryptographicException("A sealed secret has an unknown form.");
        var secret = new byte[sealedBytes.Length - HeaderSize];
        lock (_lock)
            _cipher.Decrypt(sealedBytes.AsSpan(1, NonceSize), sealedBytes.AsSpan(HeaderSize), sealedBytes.AsSpan(1 + NonceSize, TagSize), secret, Encoding.UTF8.GetBytes(context));
        return secret;
    }

    /// <inheritdoc/>
    public void Dispose() => _cipher.Dispose();

    private static void Create(string keyFile)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(keyFile, options);
        stream.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)) + "\n"));
        stream.Flush(flushToDisk: true);
    }
}
