using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Allocation;

namespace Homeport.Provisioning.Certificates;

/// <summary>
/// Issues operational certificates to devices that register, lists and revokes them. A hub knows the newest two of a device by their
/// thumbprints, so that every kind of hub takes them and a revocation counts at once.
/// </summary>
/// <param name="issuers">Those that sign, by the name that enrollments give.</param>
/// <param name="store">What was issued.</param>
/// <param name="allocator">Finds the hub of a device.</param>
/// <param name="time">The clock.</param>
public sealed class CertificateIssuance(IReadOnlyDictionary<string, ICertificateIssuer> issuers, IIssuedCertificateStore store, HubAllocator allocator, TimeProvider time)
{
    /// <summary>Certificates of a registration that are remembered.</summary>
    public const int MaxPerRegistration = 16;

    /// <summary>Certificates of a device that are good at once: the newest, and the one before until the device has changed over.</summary>
    private const int GoodAtOnce = 2;

    private const int MaxReason = 128;

    /// <summary>Null when there is an issuer of this name, else what is wrong.</summary>
    public string? CheckAuthority(string name) => issuers.ContainsKey(name) ? null : $"there is no CA '{Shown.Text(name)}'; there are {string.Join(", ", issuers.Keys)}";

    /// <summary>One of those that were issued.</summary>
    public async Task<Outcome<IssuedCertificate>> GetAsync(string serialNumber, CancellationToken token)
        => await store.FindAsync(Normal(serialNumber), token) is { } found ? found : NotFound(serialNumber);

    /// <summary>Those of a registration, the newest first.</summary>
    public Task<IReadOnlyList<IssuedCertificate>> OfAsync(string registrationId, CancellationToken token) => store.OfAsync(registrationId, token);

    /// <summary>One page of all, in the order of their serial numbers.</summary>
    public Task<IReadOnlyList<IssuedCertificate>> ListAsync(string? after, int max, CancellationToken token) => store.ListAsync(after is null ? null : Normal(after), max, token);

    /// <summary>
    /// Revokes a certificate: it is written down first, then the hub forgets it and ends the connections that came by it. When the hub
    /// cannot be reached the refusal says so; calling again goes on from there.
    /// </summary>
    public async Task<Outcome<IssuedCertificate>> RevokeAsync(string serialNumber, string? reason, CancellationToken token)
    {
        if (reason?.Length > MaxReason)
            return new Refusal(ProvisioningErrors.InvalidArgument, $"reason: it has more than {MaxReason} characters", "Send a shorter one.");
        if (!await store.RevokeAsync(Normal(serialNumber), time.GetUtcNow(), reason, token))
            return NotFound(serialNumber);
        var revoked = (await store.FindAsync(Normal(serialNumber), token))!;
        if (allocator.Find(revoked.Hub) is not { } hub)
            return revoked;
        if (!(await hub.Devices.FindAsync(revoked.DeviceId, token)).Succeeded(out var device, out var refusal))
            return refusal;
        // A device that went, or that came by another proof since, has nothing to forget.
        if (device.Authentication is not { Type: AuthenticationType.SelfSigned } known || (known.PrimaryThumbprint != revoked.Thumbprint && known.SecondaryThumbprint != revoked.Thumbprint))
            return revoked;
        var rest = await AuthenticationAsync(revoked.RegistrationId, null, token);
        var update = new HubAssignment(revoked.DeviceId, rest, IotEdge: false, TwinContent.Empty, ReplaceTwin: false) { KeepsCapabilities = true };
        return await hub.Devices.AssignAsync(update, token) is { } failed ? failed : revoked;
    }

    /// <summary>What a certificate counts for now.</summary>
    public async Task<string> StatusAsync(IssuedCertificate certificate, CancellationToken token)
    {
        if (certificate.Revoked is not null)
            return "revoked";
        if (certificate.NotAfter < time.GetUtcNow())
            return "expired";
        return (await GoodAsync(certificate.RegistrationId, token)).Any(c => c.SerialNumber == certificate.SerialNumber) ? "valid" : "superseded";
    }

    /// <summary>Checks a request and has it signed. It is kept with <see cref="KeepAsync"/> once the hub knows it.</summary>
    internal async Task<Outcome<IssuedCertificate>> IssueAsync(CertificateOrder order, CancellationToken token)
    {
        if (!issuers.TryGetValue(order.Authority, out var issuer))
            return new Refusal(ProvisioningErrors.CertificateRequestRefused, $"The enrollment of '{order.RegistrationId}' asks for a CA that is not here: {CheckAuthority(order.Authority)}", "Correct clientCertificateIssuancePolicy of the enrollment.");
        if (!RequestCheck.Read(order.Request, order.RegistrationId, order.DeviceId).Succeeded(out var asked, out var refusal))
            return refusal;
        if (!(await issuer.IssueAsync(asked, token)).Succeeded(out var chain, out refusal))
            return refusal;
        try
        {
            if (Fault(chain, asked) is { } fault)
                return new Refusal(ProvisioningErrors.SignerFailed, $"CA '{order.Authority}' gave a certificate for '{order.RegistrationId}' that cannot be used: {fault}", "Mend the signer.");
            var leaf = chain[0];
            return new IssuedCertificate
            {
                SerialNumber = leaf.SerialNumber,
                RegistrationId = order.RegistrationId,
                DeviceId = order.DeviceId,
                Hub = "",
                Authority = order.Authority,
                Thumbprint = leaf.GetCertHashString(HashAlgorithmName.SHA256),
                NotBefore = new DateTimeOffset(leaf.NotBefore.ToUniversalTime(), TimeSpan.Zero),
                NotAfter = new DateTimeOffset(leaf.NotAfter.ToUniversalTime(), TimeSpan.Zero),
                Issued = StoredTime.Now(time),
                Chain = [.. chain.Select(c => Convert.ToBase64String(c.RawData))],
            };
        }
        finally
        {
            foreach (var certificate in chain)
                certificate.Dispose();
        }
    }

    /// <summary>Remembers a certificate that is on its way to the device.</summary>
    internal Task KeepAsync(IssuedCertificate certificate, CancellationToken token) => store.AddAsync(certificate, MaxPerRegistration, token);

    /// <summary>By what a hub lets the device in: its newest certificates. None is a device that gets in by nothing of its own.</summary>
    internal async Task<Authentication> AuthenticationAsync(string registrationId, IssuedCertificate? added, CancellationToken token)
    {
        var good = await GoodAsync(registrationId, token);
        List<IssuedCertificate> known = added is null ? good : [added, .. good];
        return known.Count == 0
            ? new Authentication(AuthenticationType.None)
            : new Authentication(AuthenticationType.SelfSigned, PrimaryThumbprint: known[0].Thumbprint, SecondaryThumbprint: known.Count > 1 ? known[1].Thumbprint : null);
    }

    private async Task<List<IssuedCertificate>> GoodAsync(string registrationId, CancellationToken token)
        => [.. (await store.OfAsync(registrationId, token)).Where(c => c.Revoked is null && c.NotAfter > time.GetUtcNow()).Take(GoodAtOnce)];

    private string? Fault(X509Certificate2Collection chain, SigningOrder asked)
    {
        if (chain.Count == 0)
            return "there is none";
        var leaf = chain[0];
        if (!leaf.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(asked.Key.ExportSubjectPublicKeyInfo()))
            return "it is for another key than the request";
        if (RequestCheck.CommonNameOf(leaf.SubjectName) is var name && name != asked.CommonName)
            return $"its common name is '{Shown.Text(name)}', not '{asked.CommonName}'";
        var now = time.GetUtcNow().UtcDateTime;
        if (leaf.NotBefore.ToUniversalTime() > now || leaf.NotAfter.ToUniversalTime() < now)
            return $"it is valid from {leaf.NotBefore.ToUniversalTime():u} to {leaf.NotAfter.ToUniversalTime():u}";
        return null;
    }

    private static string Normal(string serialNumber) => serialNumber.Replace(":", "", StringComparison.Ordinal).ToUpperInvariant();

    private static Refusal NotFound(string serialNumber)
        => new(ProvisioningErrors.CertificateNotFound, $"No certificate with the serial number '{Shown.Text(serialNumber)}' was issued here", "List them with GET /homeport/v1/issuedCertificates.");
}
