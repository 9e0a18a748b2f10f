using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Access.Certificates;

/// <summary>Lets in who shows a TLS client certificate: one whose thumbprint is registered, or one that a verified CA of the hub issued.</summary>
/// <param name="store">CAs of the hub; null when it has none.</param>
/// <param name="time">The clock.</param>
internal sealed class CertificateCheck(ICertificateStore? store, TimeProvider time)
{
    /// <summary>Checks what was shown against the identity.</summary>
    public async Task<Outcome<AuthenticatedDevice>> CheckAsync(DeviceCredentials shown, Identity? identity, CancellationToken token)
    {
        if (shown.Certificate is null)
            return Refuse($"{shown} sent neither a token nor a client certificate", "Send a token as password, or connect with the certificate.");
        if (identity is null)
            return Refuse($"{shown} is not registered", "Register it.");
        return identity.Authentication.Type switch
        {
            AuthenticationType.SelfSigned => CheckThumbprint(shown, shown.Certificate, identity, time.GetUtcNow()),
            AuthenticationType.CertificateAuthority => await CheckIssuerAsync(shown, shown.Certificate, identity, token),
            _ => Refuse($"{shown} showed a certificate, but is registered with authentication type {identity.Authentication.Type}",
                "Register the certificate's thumbprint with authentication type selfSigned, or set the type to certificateAuthority."),
        };
    }

    /// <summary>True when the CA that let a device in still does.</summary>
    public async Task<bool> StillHoldsAsync(AuthenticatedDevice device, CancellationToken token)
        => device.Authority is not { } authority
            || (store is not null && (await store.ListAsync(token)).Any(c => c.Verified && authority == ThumbprintOf(c.Certificate)));

    private static Outcome<AuthenticatedDevice> CheckThumbprint(DeviceCredentials shown, X509Certificate2 certificate, Identity identity, DateTimeOffset now)
    {
        var sha1 = certificate.GetCertHashString(HashAlgorithmName.SHA1);
        var sha256 = certificate.GetCertHashString(HashAlgorithmName.SHA256);
        var tried = new List<string>(2);
        foreach (var (name, thumbprint) in ((string, string?)[])[("primary", identity.Authentication.PrimaryThumbprint), ("secondary", identity.Authentication.SecondaryThumbprint)])
        {
            if (thumbprint is not null && (thumbprint.Equals(sha1, StringComparison.OrdinalIgnoreCase) || thumbprint.Equals(sha256, StringComparison.OrdinalIgnoreCase)))
            {
                return ChainCheck.TimeFailure(certificate, now) is { } late
                    ? Refuse($"{shown}: the certificate is the one that is registered, but {late}", "Give the device a new certificate and register its thumbprint; if it is new, set the clocks.", [.. tried, $"{name} thumbprint: match"])
                    : new AuthenticatedDevice(identity, MethodOf(shown), null);
            }
            tried.Add(thumbprint is null ? $"{name} thumbprint: not set" : $"{name} thumbprint {thumbprint}: no match");
        }
        return Refuse($"{shown}: Thumbprint does not match configuration. The certificate has SHA-1 {sha1} and SHA-256 {sha256}",
            "Register one of these thumbprints, or give the device the certificate that is registered.", tried);
    }

    private async Task<Outcome<AuthenticatedDevice>> CheckIssuerAsync(DeviceCredentials shown, X509Certificate2 leaf, Identity identity, CancellationToken token)
    {
        var known = store is null ? [] : await store.ListAsync(token);
        var intermediates = ReadIntermediates(shown.Intermediates);
        var authorities = known.Select(c => (Entry: c, Certificate: X509CertificateLoader.LoadCertificate(c.Certificate))).ToList();
        try
        {
            var issuers = intermediates.Prepend(leaf).Select(c => c.Issuer).ToHashSet(StringComparer.OrdinalIgnoreCase);
            var nearest = authorities.Where(a => issuers.Contains(a.Certificate.Subject)).OrderByDescending(a => a.Entry.Verified).ToList();
            return nearest.Count == 0
                ? RefuseStranger(shown, leaf, intermediates.Count, known)
                : CheckIssuer(shown, leaf, intermediates, nearest, identity);
        }
        finally
        {
            authorities.ForEach(a => a.Certificate.Dispose());
            intermediates.ForEach(c => c.Dispose());
        }
    }

    private Outcome<AuthenticatedDevice> CheckIssuer(
        DeviceCredentials shown, X509Certificate2 leaf, List<X509Certificate2> intermediates, List<(CaCertificate Entry, X509Certificate2 Certificate)> nearest, Identity identity)
    {
        var tried = new List<string>(nearest.Count);
        Refusal? first = null;
        foreach (var (entry, authority) in nearest)
        {
            var failure = new ChainCheck(authority, time.GetUtcNow()).Failure(leaf, intermediates, forClients: true);
            if (failure is null && entry.Verified)
                return CheckLeaf(shown, leaf, identity, entry);
            tried.Add($"CA '{entry.Name}': {failure ?? "issued it, but is not verified"}");
            first ??= failure is null
                ? Refuse($"{shown}: CA '{entry.Name}' issued the certificate, but is not verified", "Generate a verification code for the CA and verify it.")
                : Refuse($"{shown}: the certificate is not accepted under CA '{entry.Name}': {failure}", "Give the device a certificate that is valid now and that this CA issued, and let it send the whole chain.");
        }
        return first! with { Tried = tried, Nearest = nearest[0].Entry.Name };
    }

    private static Outcome<AuthenticatedDevice> CheckLeaf(DeviceCredentials shown, X509Certificate2 leaf, Identity identity, CaCertificate entry)
    {
        var tried = $"CA '{entry.Name}': issued it";
        if (ChainCheck.UsageFailure(leaf) is { } usage)
            return Refuse($"{shown}: the certificate cannot be used by a TLS client: {usage}", "Issue it with the key usage digitalSignature.", [tried], entry.Name);
        // A module has a certificate of its own: Azure asks for {device}/{module} as its common name.
        var wanted = identity.Key;
        var name = ChainCheck.CommonNameOf(leaf);
        if (!string.Equals(name, wanted, StringComparison.Ordinal))
        {
            return Refuse(name is null ? $"{shown}: the certificate has no common name of its own, or several" : $"{shown}: the certificate is for the common name '{Shorten(name)}'",
                $"Issue the certificate for the common name '{wanted}', or connect as the device that it is for.", [tried, "common name: no match"], entry.Name);
        }
        return new AuthenticatedDevice(identity, MethodOf(shown), null) { Authority = ThumbprintOf(entry.Certificate) };
    }

    private static Refusal RefuseStranger(DeviceCredentials shown, X509Certificate2 leaf, int intermediates, IReadOnlyList<CaCertificate> known)
        => Refuse($"{shown}: the hub has no CA certificate for the issuer '{Shorten(leaf.Issuer)}'; the client sent {intermediates} intermediate certificate(s)",
            "Upload and verify the CA, or let the device send the certificates between its own and a CA of the hub.",
            [$"CAs of the hub: {(known.Count == 0 ? "none" : string.Join(", ", known.Select(c => c.Name)))}"]);

    private static List<X509Certificate2> ReadIntermediates(IReadOnlyList<byte[]> shown)
    {
        var read = new List<X509Certificate2>(shown.Count);
        foreach (var bytes in shown)
            read.Add(X509CertificateLoader.LoadCertificate(bytes));
        return read;
    }

    private static AuthMethod MethodOf(DeviceCredentials shown) => new(shown.ModuleId is null ? "device" : "module", "x509");

    /// <summary>How connections name the CA that let them in.</summary>
    public static string ThumbprintOf(byte[] certificate) => Convert.ToHexString(SHA256.HashData(certificate));

    private static Refusal Refuse(string seen, string fix, IReadOnlyList<string>? tried = null, string? nearest = null)
        => new(HubErrors.IotHubUnauthorized, seen, fix, tried, nearest);

    private static string Shorten(string text) => text.Length <= 200 ? text : text[..200] + "...";
}
