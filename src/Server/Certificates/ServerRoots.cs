using System.Buffers.Text;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Gateway.Http.Trust;
using Homeport.Server.Options;
using Homeport.Storage;

namespace Homeport.Server.Certificates;

/// <summary>
/// The private CA of the doors and, while it is changed, the next one. Each has files of its own; one small file says which counts, so
/// that every step is there whole or not at all.
/// </summary>
internal sealed class ServerRoots : IServerTrust
{
    private const string StateFile = "ca.state";
    private const string BundleFile = "trust.pem";
    private readonly Lock _lock = new();
    private readonly ServerOptions _options;
    private readonly SecretSeal _seal;
    private readonly TimeProvider _time;
    private Roots _roots;

    public ServerRoots(ServerOptions options, SecretSeal seal, TimeProvider time)
    {
        (_options, _seal, _time) = (options, seal, time);
        _roots = Open(ReadState());
        WriteBundleFile();
    }

    /// <summary>Called when the doors need another certificate.</summary>
    public Action? Changed { get; set; }

    /// <summary>The CA that issues the certificate of the doors.</summary>
    public CertificateAuthority Issuer => Present is { IsCrossed: true, Next: { } next } ? next : Present.Current;

    /// <summary>The CA that clients trust today.</summary>
    public CertificateAuthority Current => Present.Current;

    /// <summary>
    /// The certificate by which the current root vouches for the next one, while that is needed. TLS sends what lies between a certificate
    /// and its root, so the root is with it.
    /// </summary>
    public X509Certificate2Collection? Intermediates
        => Present is { IsCrossed: true, Cross: { } cross } roots ? [cross, X509CertificateLoader.LoadCertificate(roots.Current.Certificate.RawData)] : null;

    /// <inheritdoc/>
    public TrustState State => Present is { Next: { } next } roots
        ? new TrustState(roots.IsCrossed ? "crossed" : "staged", [Describe(roots.Current), Describe(next)])
        : new TrustState("single", [Describe(Present.Current)]);

    private Roots Present
    {
        get
        {
            lock (_lock)
                return _roots;
        }
    }

    /// <summary>The revocation list at a path of the plain port, or null.</summary>
    public byte[]? RevocationList(string path)
    {
        var roots = Present;
        return new[] { roots.Current, roots.Next }.FirstOrDefault(ca => ca?.CrlPath == path)?.RevocationList();
    }

    /// <summary>Where the revocation list of a CA is.</summary>
    public Uri RevocationListOf(CertificateAuthority authority) => new UriBuilder(Uri.UriSchemeHttp, _options.Hosts[0], _options.CrlPort, authority.CrlPath).Uri;

    /// <inheritdoc/>
    public byte[] SignBundle()
    {
        var (roots, state) = (Present, State);
        var described = state.Roots.Select(r => new TrustRootDescription(r.Thumbprint, r.Subject, new ServiceTime(r.NotAfter), r.Pem)).ToList();
        var content = new TrustBundlePayload(_options.Hosts[0], _time.GetUtcNow().ToUnixTimeSeconds(), state.Stage, described);
        var payload = Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(content, Json.Default.TrustBundlePayload));
        var signatures = new List<BundleSignature>();
        foreach (var authority in new[] { roots.Current, roots.Next }.OfType<CertificateAuthority>())
        {
            var header = new JsonObject { ["alg"] = "ES256", ["x5t#S256"] = Base64Url.EncodeToString(Convert.FromHexString(authority.Thumbprint)) };
            var protectedHeader = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()));
            signatures.Add(new BundleSignature(protectedHeader, Base64Url.EncodeToString(authority.Sign(Encoding.ASCII.GetBytes($"{protectedHeader}.{payload}")))));
        }
        return JsonSerializer.SerializeToUtf8Bytes(new SignedBundle(payload, signatures), Json.Default.SignedBundle);
    }

    /// <inheritdoc/>
    public Refusal? Take(TrustStep step)
    {
        if (_options.CertificateFile is not null)
            return Refuse("The doors have a certificate of the operator's own", "Change it with --certificate and --certificate-key, where its chain may have a cross certificate as well.");
        lock (_lock)
        {
            if (NextState(step, _roots) is not { } state)
                return Refuse($"The step '{step.ToString().ToLowerInvariant()}' does not follow on '{(_roots.Next is null ? "single" : _roots.IsCrossed ? "crossed" : "staged")}'", "The steps are stage, cross, complete; cancel goes back.");
            if (step == TrustStep.Cross && !_roots.Current.CanCrossSign)
                return Refuse("The current root was made by an early version and may certify no other CA (path length 0)", "Let all devices fetch the trust bundle, then complete; there is no step between.");
            var opened = Open(state);
            PrivateFile.Write(PathOf(StateFile), JsonSerializer.SerializeToUtf8Bytes(state, StateJson.Default.RootsState));
            _roots = opened;
        }
        WriteBundleFile();
        Changed?.Invoke();
        return null;
    }

    private static RootsState? NextState(TrustStep step, Roots roots) => step switch
    {
        TrustStep.Stage when roots.Next is null => new RootsState(roots.Current.Name, NextName(roots.Current.Name), false),
        TrustStep.Cross when roots is { Next: { } next, IsCrossed: false } => new RootsState(roots.Current.Name, next.Name, true),
        TrustStep.Complete when roots is { Next: { } next } && (roots.IsCrossed || !roots.Current.CanCrossSign) => new RootsState(next.Name, null, false),
        TrustStep.Cancel when roots.Next is not null => new RootsState(roots.Current.Name, null, false),
        _ => null,
    };

    /// <summary>After a change that was cancelled the same name, and with it the same root, is taken up again.</summary>
    private static string NextName(string current)
        => current == CertificateAuthority.Server ? $"{CertificateAuthority.Server}-2" : $"{CertificateAuthority.Server}-{int.Parse(current.AsSpan(CertificateAuthority.Server.Length + 1), System.Globalization.CultureInfo.InvariantCulture) + 1}";

    private RootsState ReadState()
    {
        var path = PathOf(StateFile);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), StateJson.Default.RootsState)! : new RootsState(CertificateAuthority.Server, null, false);
        }
        catch (JsonException e)
        {
            throw new ServerStartException($"The file '{path}' cannot be read: {e.Message} Restore it from a backup.", e);
        }
    }

    private Roots Open(RootsState state)
    {
        var current = CertificateAuthority.Open(_options.DataDirectory, _seal, _time, state.Current);
        if (state.Next is null)
            return new Roots(current, null, false, null);
        var next = CertificateAuthority.Open(_options.DataDirectory, _seal, _time, state.Next);
        return new Roots(current, next, state.IsCrossed, current.CrossSign(next, RevocationListOf(current)));
    }

    /// <summary>For people and scripts that take a file: all roots that count, beside the one of each CA.</summary>
    private void WriteBundleFile() => PrivateFile.Write(PathOf(BundleFile), Encoding.ASCII.GetBytes(string.Concat(State.Roots.Select(r => r.Pem))));

    private string PathOf(string file) => Path.Combine(_options.DataDirectory, file);

    private static TrustRoot Describe(CertificateAuthority authority) => new(
        authority.Thumbprint, authority.Certificate.Subject, new DateTimeOffset(authority.Certificate.NotAfter.ToUniversalTime(), TimeSpan.Zero), authority.Certificate.ExportCertificatePem() + "\n");

    private static Refusal Refuse(string seen, string fix) => new(HubErrors.InvalidOperation, seen, fix);

    private sealed record Roots(CertificateAuthority Current, CertificateAuthority? Next, bool IsCrossed, X509Certificate2? Cross);
}

/// <summary>Which CAs count.</summary>
internal sealed record RootsState(string Current, string? Next, bool IsCrossed);

/// <summary>The file of <see cref="RootsState"/>.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(RootsState))]
internal sealed partial class StateJson : System.Text.Json.Serialization.JsonSerializerContext;
