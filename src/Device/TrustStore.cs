using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Device;

/// <summary>
/// The root certificates by which a device believes its server, in a file. They begin with those that the device was delivered with, and signed bundles of
/// the server replace them (<see cref="TrustBundle"/>). Roots that a bundle leaves out stay believed until a server was verified by one of the new ones: a
/// bundle that does not fit its server cuts nobody off. After that they are kept in the file and not believed; <see cref="GoBack"/> takes them again.
/// </summary>
/// <remarks><code>
///   Confirmed ──bundle with other roots──► Trial (new and previous are believed) ──server verified by a new one──► Confirmed
///                                            └──another bundle──► Trial (the same previous ones)
/// </code></remarks>
public sealed partial class TrustStore
{
    private readonly string _path;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private TrustState _state;
    private X509Certificate2Collection _roots = [];
    private X509Certificate2Collection _believed = [];

    private TrustStore(string path, TrustState state, bool useSystem, ILogger logger)
    {
        _path = path;
        _logger = logger;
        _state = state;
        Load();
        Trust = ServerTrust.Of(this, useSystem);
    }

    /// <summary>Believes what the store holds, at each connection anew. A <see cref="Client.DeviceClient"/> with it keeps the store up to date.</summary>
    public ServerTrust Trust { get; }

    /// <summary>False while the previous roots are believed beside the new ones.</summary>
    public bool IsConfirmed
    {
        get
        {
            lock (_gate)
                return _state.IsConfirmed;
        }
    }

    /// <summary>SHA-256 of the roots, in lower-case hexadecimal, as a server's report of trust names them.</summary>
    public IReadOnlyList<string> Thumbprints
    {
        get
        {
            lock (_gate)
                return [.. _roots.Select(Thumbprint)];
        }
    }

    /// <summary>Opens the store. A missing or damaged file begins anew with the given roots; other given roots than at the last time replace what is there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="firstRoots">PEM file of the roots that the device is delivered with.</param>
    /// <param name="useSystem">Believes those of the system's store as well.</param>
    /// <param name="logger">Says what changes.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="FormatException">The first roots are no certificates in PEM form.</exception>
    public static TrustStore Open(string path, string firstRoots, bool useSystem = false, ILogger<TrustStore>? logger = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ILogger log = logger ?? NullLogger<TrustStore>.Instance;
        var pem = string.Concat(ServerTrust.ReadPem(firstRoots).Select(static root => root.ExportCertificatePem() + "\n"));
        var first = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(pem)));
        var kept = Read(path, log);
        return new TrustStore(path, kept?.First == first ? kept : new TrustState(first, pem, null, IsConfirmed: true), useSystem, log);
    }

    /// <summary>Takes the roots of a signed bundle. False: they are those that the store has.</summary>
    /// <exception cref="FormatException">It is no bundle, or none of the believed roots signed it; nothing changed.</exception>
    /// <exception cref="IOException">The file cannot be written; nothing changed.</exception>
    public bool Take(byte[] bundle)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        lock (_gate)
        {
            var pem = TrustBundle.Verify(bundle, _believed);
            var roots = Parse(pem);
            if (roots.Select(Thumbprint).ToHashSet(StringComparer.Ordinal).SetEquals(_roots.Select(Thumbprint)))
                return false;
            // Only roots by which a server was verified are worth falling back to.
            Change(_state with { Roots = pem, Previous = _state.IsConfirmed ? _state.Roots : _state.Previous, IsConfirmed = false });
            LogTaken(roots.Count, string.Join(", ", roots.Select(static root => root.Subject)));
            return true;
        }
    }

    /// <summary>Takes the previous roots again, as when a server was set back to an earlier state. False: there are none.</summary>
    /// <exception cref="IOException">The file cannot be written; nothing changed.</exception>
    public bool GoBack()
    {
        lock (_gate)
        {
            if (_state.Previous is null)
                return false;
            Change(_state with { Roots = _state.Previous, Previous = _state.Roots, IsConfirmed = true });
            LogBack();
            return true;
        }
    }

    /// <summary>The roots to believe now.</summary>
    internal X509Certificate2Collection Believed()
    {
        lock (_gate)
            return _believed;
    }

    /// <summary>A server was verified by this root.</summary>
    internal void Confirm(X509Certificate2 root)
    {
        lock (_gate)
        {
            if (_state.IsConfirmed || !_roots.Contains(root))
                return;
            try
            {
                Change(_state with { IsConfirmed = true });
                LogConfirmed(root.Subject);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The connection is good all the same; the next one confirms again.
                LogUnwritten(_path, e.Message);
            }
        }
    }

    private void Change(TrustState state)
    {
        Write(state);
        _state = state;
        Load();
    }

    private void Load()
    {
        _roots = Parse(_state.Roots);
        _believed = [.. _roots];
        if (!_state.IsConfirmed && _state.Previous is { } previous)
            _believed.AddRange(Parse(previous).Where(root => !_roots.Contains(root)).ToArray());
    }

    private void Write(TrustState state)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(_path))!);
        var temporary = _path + ".new";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, state, TrustStateJson.Default.TrustState);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, _path, overwrite: true);
    }

    private static TrustState? Read(string path, ILogger logger)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            var state = JsonSerializer.Deserialize(File.ReadAllBytes(path), TrustStateJson.Default.TrustState) ?? throw new JsonException("It is null.");
            _ = Parse(state.Roots);
            if (state.Previous is not null)
                _ = Parse(state.Previous);
            return state;
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            LogDamaged(logger, path, e.Message);
            return null;
        }
    }

    private static X509Certificate2Collection Parse(string pem)
    {
        var roots = new X509Certificate2Collection();
        try
        {
            roots.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new FormatException("A root is no certificate.", e);
        }

        return roots.Count > 0 ? roots : throw new FormatException("There are no roots.");
    }

    private static string Thumbprint(X509Certificate2 root) => root.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant();

    [LoggerMessage(80, LogLevel.Information, "The server gave {Count} root certificates: {Roots}. The previous ones stay believed until a server was verified by these")]
    private partial void LogTaken(int count, string roots);

    [LoggerMessage(81, LogLevel.Information, "The server was verified by {Root}: the previous root certificates are not believed any more")]
    private partial void LogConfirmed(string root);

    [LoggerMessage(82, LogLevel.Warning, "The previous root certificates are believed again, and no others")]
    private partial void LogBack();

    [LoggerMessage(83, LogLevel.Warning, "{Path} cannot be written: {Reason}")]
    private partial void LogUnwritten(string path, string reason);

    [LoggerMessage(84, LogLevel.Warning, "{Path} is damaged ({Reason}): the roots that the device was delivered with are believed")]
    private static partial void LogDamaged(ILogger logger, string path, string reason);
}

/// <summary>The content of the file.</summary>
/// <param name="First">SHA-256 of the roots that it began with.</param>
/// <param name="Roots">PEM.</param>
/// <param name="Previous">PEM of those before; null for none.</param>
/// <param name="IsConfirmed">A server was verified by one of the roots.</param>
internal sealed record TrustState(string First, string Roots, string? Previous, bool IsConfirmed);

/// <summary>Source-generated serialization of the file.</summary>
[JsonSerializable(typeof(TrustState))]
internal sealed partial class TrustStateJson : JsonSerializerContext;
