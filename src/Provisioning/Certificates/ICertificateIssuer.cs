using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Certificates;

/// <summary>Signs certificates of devices: a CA of this server, or a program that an operator named.</summary>
public interface ICertificateIssuer
{
    /// <summary>Issues a certificate. Gives it and those above it, up to a CA that the devices' side may want.</summary>
    Task<Outcome<X509Certificate2Collection>> IssueAsync(SigningOrder order, CancellationToken token);
}

/// <summary>A request that was checked.</summary>
/// <param name="Request">PKCS #10, DER, with a good signature.</param>
/// <param name="Key">The key of the request.</param>
/// <param name="CommonName">Subject of the certificate: the device's name in its hub.</param>
/// <param name="RegistrationId">Who asks.</param>
public sealed record SigningOrder(byte[] Request, PublicKey Key, string CommonName, string RegistrationId);

/// <summary>What a device asks for.</summary>
/// <param name="Authority">CA that its enrollment names.</param>
/// <param name="Request">PKCS #10, DER.</param>
/// <param name="RegistrationId">Who asks.</param>
/// <param name="DeviceId">Its name in the hub.</param>
internal sealed record CertificateOrder(string Authority, byte[] Request, string RegistrationId, string DeviceId);

/// <summary>A certificate that was issued to a device.</summary>
public sealed record IssuedCertificate
{
    /// <summary>Upper-case hex.</summary>
    public required string SerialNumber { get; init; }

    public required string RegistrationId { get; init; }

    public required string DeviceId { get; init; }

    /// <summary>Hub that knows it by its thumbprint.</summary>
    public required string Hub { get; init; }

    /// <summary>Name of the CA.</summary>
    public required string Authority { get; init; }

    /// <summary>SHA-256, upper-case hex.</summary>
    public required string Thumbprint { get; init; }

    public required DateTimeOffset NotBefore { get; init; }

    public required DateTimeOffset NotAfter { get; init; }

    public required DateTimeOffset Issued { get; init; }

    /// <summary>When it was revoked, or null.</summary>
    public DateTimeOffset? Revoked { get; init; }

    public string? Reason { get; init; }

    /// <summary>Base64 of DER, its own first; only when it was just issued.</summary>
    public IReadOnlyList<string>? Chain { get; init; }
}

/// <summary>Keeps what was issued by one application. Writes are durable when they return.</summary>
public interface IIssuedCertificateStore
{
    /// <summary>Adds one, and drops the oldest ones of its registration beyond <paramref name="max"/>.</summary>
    Task AddAsync(IssuedCertificate certificate, int max, CancellationToken token);

    /// <summary>Finds one by its serial number.</summary>
    Task<IssuedCertificate?> FindAsync(string serialNumber, CancellationToken token);

    /// <summary>Those of a registration, the newest first.</summary>
    Task<IReadOnlyList<IssuedCertificate>> OfAsync(string registrationId, CancellationToken token);

    /// <summary>Those behind <paramref name="after"/>, in the order of their serial numbers.</summary>
    Task<IReadOnlyList<IssuedCertificate>> ListAsync(string? after, int max, CancellationToken token);

    /// <summary>Revokes one; the first time and reason stay. False when there is none.</summary>
    Task<bool> RevokeAsync(string serialNumber, DateTimeOffset time, string? reason, CancellationToken token);
}
