using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Hub.Access.Certificates;

/// <summary>
/// The CAs whose certificates let devices in. A CA counts once its owner has shown, with a certificate for a code of ours, that they
/// hold its private key: else anybody could claim a public CA.
/// </summary>
public sealed class CertificateAuthorities(ICertificateStore store, IIdentityStore identities, LiveConnections live, TimeProvider time)
{
    /// <summary>CA certificates that a hub may have, as in Azure.</summary>
    public const int MaxCertificates = 25;

    private const int MaxName = 64;
    private const int CodeSize = 24;

    /// <summary>All CA certificates in the order of their names.</summary>
    public Task<IReadOnlyList<CaCertificate>> ListAsync(CancellationToken token) => store.ListAsync(token);

    /// <summary>Finds one.</summary>
    public async Task<Outcome<CaCertificate>> GetAsync(string name, CancellationToken token)
        => await store.FindAsync(name, token) is { } found ? found : NotFound(name);

    /// <summary>Adds a CA certificate, or replaces one that matches the condition. Another certificate has to be verified anew.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="text">PEM, or DER in Base64.</param>
    /// <param name="condition">From If-Match; needed to replace.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<CaCertificate>> PutAsync(string name, string? text, IfMatch condition, CancellationToken token)
    {
        if (CheckName(name) is { } bad)
            return bad;
        if (!CertificateText.Read(text).Succeeded(out var certificate, out var refusal))
            return refusal;
        using (certificate)
        {
            if (CheckAuthority(certificate) is { } reason)
                return new Refusal(HubErrors.ArgumentInvalid, $"The certificate '{certificate.Subject}' cannot be a CA of this hub: {reason}", "Upload the certificate of the CA that issues the devices' certificates.");
            var der = certificate.RawData;
            foreach (var other in await store.ListAsync(token))
            {
                if (!SameName(other.Name, name) && other.Certificate.AsSpan().SequenceEqual(der))
                    return new Refusal(HubErrors.ArgumentInvalid, $"The certificate is registered as '{other.Name}'", "Use that entry, or delete it first.");
            }
            return await store.FindAsync(name, token) is { } existing
                ? await ReplaceAsync(existing, der, condition, token)
                : await InsertAsync(name, der, condition, token);
        }
    }

    /// <summary>Deletes one; ends the connections of the devices that came by it. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string name, IfMatch condition, CancellationToken token)
    {
        while (true)
        {
            if (await store.FindAsync(name, token) is not { } existing)
                return NotFound(name);
            if (!condition.Matches(existing.ETag))
                return Changed(existing);
            if (await store.DeleteAsync(name, existing.ETag, token))
            {
                await CloseAsync(existing, CancellationToken.None);
                return null;
            }
            if (condition.IsConditional)
                return Changed(existing);
        }
    }

    /// <summary>Makes a new code for the proof of possession; an earlier one is worth nothing any more.</summary>
    public async Task<Outcome<CaCertificate>> GenerateCodeAsync(string name, IfMatch condition, CancellationToken token)
    {
        if (await store.FindAsync(name, token) is not { } existing)
            return NotFound(name);
        if (!condition.Matches(existing.ETag))
            return Changed(existing);
        var changed = Touch(existing) with { VerificationCode = RandomNumberGenerator.GetHexString(CodeSize * 2) };
        return await store.ReplaceAsync(changed, existing.ETag, token) ? changed : Changed(existing);
    }

    /// <summary>Takes the proof of possession: a certificate that the CA signed, with the code as common name. The code is then used up.</summary>
    public async Task<Outcome<CaCertificate>> VerifyAsync(string name, string? proof, IfMatch condition, CancellationToken token)
    {
        if (await store.FindAsync(name, token) is not { } existing)
            return NotFound(name);
        if (!condition.Matches(existing.ETag))
            return Changed(existing);
        if (existing.VerificationCode is not { } code)
            return new Refusal(HubErrors.ArgumentInvalid, $"CA certificate '{name}' waits for no proof", "Generate a verification code first; each is good for one proof.");
        if (!CertificateText.Read(proof).Succeeded(out var shown, out var refusal))
            return refusal;
        using (shown)
        {
            if (CheckProof(existing, shown, code) is { } wrong)
                return wrong;
        }
        var verified = Touch(existing) with { Verified = true, VerificationCode = null };
        // A code that was replaced meanwhile has another ETag, so the proof is not taken.
        return await store.ReplaceAsync(verified, existing.ETag, token) ? verified : Changed(existing);
    }

    private async Task<Outcome<CaCertificate>> InsertAsync(string name, byte[] der, IfMatch condition, CancellationToken token)
    {
        if (!condition.IsAbsent)
            return NotFound(name);
        var now = time.GetUtcNow();
        var created = new CaCertificate { Name = name, ETag = NewETag(), Certificate = der, Created = now, Updated = now };
        if (await store.InsertAsync(created, MaxCertificates, token))
            return created;
        return await store.FindAsync(name, token) is { } raced
            ? Exists(raced)
            : new Refusal(HubErrors.IotHubQuotaExceeded, $"The hub has {MaxCertificates} CA certificates, which is the limit", "Delete one that is not used any more.");
    }

    private async Task<Outcome<CaCertificate>> ReplaceAsync(CaCertificate existing, byte[] der, IfMatch condition, CancellationToken token)
    {
        if (condition.IsAbsent)
            return Exists(existing);
        if (!condition.Matches(existing.ETag))
            return Changed(existing);
        var same = existing.Certificate.AsSpan().SequenceEqual(der);
        var replaced = Touch(existing) with
        {
            Certificate = der,
            Verified = same && existing.Verified,
            VerificationCode = same ? existing.VerificationCode : null,
        };
        if (!await store.ReplaceAsync(replaced, existing.ETag, token))
            return Changed(existing);
        if (existing.Verified && !same)
            await CloseAsync(existing, CancellationToken.None);
        return replaced;
    }

    /// <summary>
    /// Ends the live connections that this CA let in. Where a door does not say which one it was, those of all identities that are
    /// registered for a CA: those of other CAs connect again at once.
    /// </summary>
    private async Task CloseAsync(CaCertificate gone, CancellationToken token)
    {
        var thumbprint = CertificateCheck.ThumbprintOf(gone.Certificate);
        // First, so that a door that enters a connection behind this pass asks whether it still holds.
        live.NoteChange();
        foreach (var link in live.All)
        {
            if (link.Authority is { } authority)
            {
                if (authority == thumbprint)
                    link.Close(CloseReason.IdentityChanged);
                continue;
            }
            var slash = link.Key.IndexOf('/', StringComparison.Ordinal);
            var identity = slash < 0
                ? await identities.FindAsync(link.Key, null, token)
                : await identities.FindAsync(link.Key[..slash], link.Key[(slash + 1)..], token);
            if (identity is null || identity.Authentication.Type == AuthenticationType.CertificateAuthority)
                link.Close(CloseReason.IdentityChanged);
        }
    }

    private string? CheckAuthority(X509Certificate2 certificate)
    {
        if (certificate.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault() is not { CertificateAuthority: true })
            return "its basic constraints do not say that it is a CA";
        if (certificate.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault() is { } usage && !usage.KeyUsages.HasFlag(X509KeyUsageFlags.KeyCertSign))
            return $"its key usage is {usage.KeyUsages}, without KeyCertSign";
        if (ChainCheck.TimeFailure(certificate, time.GetUtcNow()) is { } late)
            return late;
        using var rsa = certificate.GetRSAPublicKey();
        using var ecdsa = certificate.GetECDsaPublicKey();
        if (rsa is null && ecdsa is null)
            return $"its key is of the kind {certificate.PublicKey.Oid.Value}, not RSA or ECDSA";
        return rsa?.KeySize < 2048 ? $"its RSA key has {rsa.KeySize} bits, fewer than 2048" : null;
    }

    private Refusal? CheckProof(CaCertificate existing, X509Certificate2 shown, string code)
    {
        var name = ChainCheck.CommonNameOf(shown);
        if (name is null || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(code)))
            return Unproven(existing, "its common name is not the code that was generated last", "Make the certificate for the code, in upper case and with nothing else in the common name.");
        using var authority = X509CertificateLoader.LoadCertificate(existing.Certificate);
        return new ChainCheck(authority, time.GetUtcNow()).Failure(shown, [], forClients: false) is { } failure
            ? Unproven(existing, failure, $"Sign it with the key of '{authority.Subject}' itself, valid now.")
            : null;
    }

    private static Refusal Unproven(CaCertificate existing, string reason, string fix)
        => new(HubErrors.ArgumentInvalid, $"The certificate does not prove that you have the key of the CA '{existing.Name}': {reason}", fix);

    private static Refusal? CheckName(string name)
        => name.Length is > 0 and <= MaxName && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_')
            ? null
            : new Refusal(HubErrors.ArgumentInvalid, "The name of the certificate is not allowed", $"Use 1 to {MaxName} characters of A-Z a-z 0-9 - . _.");

    private CaCertificate Touch(CaCertificate certificate) => certificate with { ETag = NewETag(), Updated = time.GetUtcNow() };

    private static string NewETag() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(9));

    private static bool SameName(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);

    private static Refusal NotFound(string name)
        => new(HubErrors.NotFound, $"The hub has no CA certificate '{(name.Length <= MaxName ? name : name[..MaxName] + "...")}'", "Correct the name, or upload it without If-Match.");

    private static Refusal Exists(CaCertificate existing)
        => new(HubErrors.PreconditionFailed, $"CA certificate '{existing.Name}' is there already", "To replace it, send the header If-Match with its ETag or *.");

    private static Refusal Changed(CaCertificate existing)
        => new(HubErrors.PreconditionFailed, $"CA certificate '{existing.Name}' has another ETag than If-Match asks for, or was changed in this moment", "Read it again and repeat the call.");
}
