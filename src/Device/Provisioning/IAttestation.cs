using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Access;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Device.Client;
using Homeport.Device.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;

namespace Homeport.Device.Provisioning;

/// <summary>How a device proves to a provisioning service who it is.</summary>
public interface IAttestation
{
    /// <summary>The registration id and what else the register call carries.</summary>
    Task<RegisterRequest> BeginAsync(CancellationToken cancellationToken);

    /// <summary>The token of the first call, or null when the service has to challenge first.</summary>
    Task<string?> AuthorizeAsync(string idScope, string registrationId, DateTimeOffset expiry, CancellationToken cancellationToken);

    /// <summary>The token that answers a challenge, or null when this kind of proof knows none.</summary>
    Task<string?> AnswerAsync(byte[] challenge, string idScope, string registrationId, DateTimeOffset expiry, CancellationToken cancellationToken);

    /// <summary>The certificate that TLS shows, or null.</summary>
    SslStreamCertificateContext? Certificate => null;

    /// <summary>Takes over the assignment and returns how the device shows its hub who it is.</summary>
    Task<IAuthenticationMethod> CompleteAsync(RegistrationStateDescription state, CancellationToken cancellationToken);
}

/// <summary>A symmetric key: an individual enrollment's, or derived from that of a group.</summary>
public sealed class SymmetricKeyAttestation : IAttestation
{
    private readonly string _registrationId;
    private readonly SymmetricDeviceKey _key;

    /// <summary>Attests with the device's own key.</summary>
    /// <exception cref="ArgumentException">The registration id is malformed.</exception>
    public SymmetricKeyAttestation(string registrationId, ReadOnlySpan<byte> key)
        : this(registrationId, new SymmetricDeviceKey(key))
    {
    }

    private SymmetricKeyAttestation(string registrationId, SymmetricDeviceKey key)
    {
        RegistrationIds.Check(registrationId);
        _registrationId = registrationId;
        _key = key;
    }

    /// <summary>Derives the device's key from that of its group. Only for devices that may hold the group's key; otherwise derive it elsewhere.</summary>
    public static SymmetricKeyAttestation FromGroupKey(string registrationId, ReadOnlySpan<byte> groupKey)
        => new(registrationId, SymmetricDeviceKey.FromGroupKey(groupKey, registrationId));

    /// <inheritdoc/>
    public Task<RegisterRequest> BeginAsync(CancellationToken cancellationToken)
        => Task.FromResult(new RegisterRequest { RegistrationId = _registrationId });

    /// <inheritdoc/>
    public Task<string?> AuthorizeAsync(string idScope, string registrationId, DateTimeOffset expiry, CancellationToken cancellationToken)
        => Task.FromResult<string?>(SharedAccessSignature.Create($"{idScope}/registrations/{registrationId}", _key.Sign, expiry, "registration"));

    /// <inheritdoc/>
    public Task<string?> AnswerAsync(byte[] challenge, string idScope, string registrationId, DateTimeOffset expiry, CancellationToken cancellationToken)
        => Task.FromResult<string?>(null);

    /// <inheritdoc/>
    public Task<IAuthenticationMethod> CompleteAsync(RegistrationStateDescription state, CancellationToken cancellationToken)
        => Task.FromResult<IAuthenticationMethod>(new DeviceAuthenticationWithKey(state.DeviceId!, _key));
}

/// <summary>
/// A TPM: shows its endorsement key, opens the nonce that only it can open, and afterwards holds the device key as logical device 0
/// (<see cref="TpmDevice"/>). The key of an earlier registration stays usable until the new one is in place.
/// </summary>
public sealed class TpmAttestation : IAttestation
{
    private readonly TpmSource _source;
    private readonly string? _registrationId;

    /// <summary>Attests with a TPM.</summary>
    /// <param name="source">The TPM.</param>
    /// <param name="registrationId">Null: derived from the endorsement key, see <see cref="EndorsementKeyId.DefaultRegistrationId"/>.</param>
    /// <exception cref="ArgumentException">The registration id is malformed.</exception>
    public TpmAttestation(TpmSource source, string? registrationId = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (registrationId is not null)
            RegistrationIds.Check(registrationId);
        _source = source;
        _registrationId = registrationId;
    }

    /// <inheritdoc/>
    public Task<RegisterRequest> BeginAsync(CancellationToken cancellationToken) => Task.Run(
        () => _source.Use(tpm =>
        {
            var keys = new TpmKeys(tpm);
            var endorsementKey = keys.GetEndorsementKey().Encode();
            return new RegisterRequest
            {
                RegistrationId = _registrationId ?? EndorsementKeyId.DefaultRegistrationId(endorsementKey),
                Tpm = new TpmAttestationDescription(Convert.ToBase64String(endorsementKey), Convert.ToBase64String(keys.GetStorageRootKey().Encode()))
                {
                    // A service that trusts the chip's manufacturer needs no enrollment for the chip; others do not look at it.
                    EndorsementCertificate = keys.ReadEndorsementCertificate() is { } stored && LengthOf(stored) is { } length ? Convert.ToBase64String(stored, 0, length) : null,
                },
            };
        }),
        cancellationToken);

    /// <inheritdoc/>
    public Task<string?> AuthorizeAsync(string idScope, string registrationId, DateTimeOffset expiry, CancellationToken cancellationToken)
        => Task.FromResult<string?>(null);

    /// <inheritdoc/>
    public async Task<string?> AnswerAsync(
        byte[] challenge, string idScope, string registrationId, DateTimeOffset expiry, CancellationToken cancellationToken)
        => await Task.Run(
            () => SharedAccessSignature.Create(
                $"{idScope}/registrations/{registrationId}",
                message => _source.Use(tpm => new TpmKeys(tpm).SignOnce(challenge, message)),
                expiry,
                "registration"),
            cancellationToken);

    /// <summary>Length of the certificate at the front of what is stored: makers fill the rest of the room with anything. Null when there is none.</summary>
    private static int? LengthOf(byte[] stored)
        => stored.Length > 4 && stored[0] == 0x30 && stored[1] == 0x82 && (stored[2] << 8 | stored[3]) + 4 is var length && length <= stored.Length ? length : null;

    /// <inheritdoc/>
    public async Task<IAuthenticationMethod> CompleteAsync(RegistrationStateDescription state, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(state.Tpm?.AuthenticationKey))
        {
            throw new ProvisioningException(
                ProvisioningFailure.Protocol, "The service assigned a hub but sent no key for the TPM. Is the enrollment of the attestation type TPM?");
        }

        var blob = ProvisioningBody.DecodeKey(state.Tpm.AuthenticationKey);
        await Task.Run(() => new TpmDevice(0, _source).Adopt(blob, state.AssignedHub!, state.DeviceId!), cancellationToken);
        return new DeviceAuthenticationWithKey(state.DeviceId!, new TpmDeviceKey(_source));
    }
}

/// <summary>A certificate: an individual enrollment's, or one whose chain leads to that of a group. Its common name is the registration id.</summary>
public sealed class X509Attestation : IAttestation
{
    private readonly X509Certificate2 _certificate;
    private readonly X509Certificate2Collection? _chain;
    private readonly string _registrationId;

    /// <summary>Attests with a certificate.</summary>
    /// <param name="certificate">With its private key, which may be in a hardware module.</param>
    /// <param name="chain">The certificates between it and the one that the service knows.</param>
    /// <exception cref="ArgumentException">There is no private key, or the common name is no registration id.</exception>
    public X509Attestation(X509Certificate2 certificate, X509Certificate2Collection? chain = null)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        if (!certificate.HasPrivateKey)
            throw new ArgumentException($"The certificate {certificate.Subject} comes without its private key.", nameof(certificate));
        _certificate = certificate;
        _chain = chain;
        _registrationId = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        RegistrationIds.Check(_registrationId);
        Certificate = SslStreamCertificateContext.Create(certificate, chain, offline: true);
    }

    /// <inheritdoc/>
    public SslStreamCertificateContext? Certificate { get; }

    /// <summary>From PEM files: the certificate with what stands behind it as its chain, and the key.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="System.Security.Cryptography.CryptographicException">A file is no PEM, or the key belongs to another certificate.</exception>
    public static X509Attestation FromPemFiles(string certificateFile, string keyFile)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(certificateFile);
        using var pem = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
        // Windows takes no key that lives in memory only.
        var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pfx), null);
        return new X509Attestation(certificate, [.. all.Skip(1)]);
    }

    /// <inheritdoc/>
    public Task<RegisterRequest> BeginAsync(CancellationToken cancellationToken)
        => Task.FromResult(new RegisterRequest { RegistrationId = _registrationId });

    /// <inheritdoc/>
    public Task<string?> AuthorizeAsync(string idScope, string registrationId, DateTimeOffset expiry, CancellationToken cancellationToken)
        => Task.FromResult<string?>(null);

    /// <inheritdoc/>
    public Task<string?> AnswerAsync(byte[] challenge, string idScope, string registrationId, DateTimeOffset expiry, CancellationToken cancellationToken)
        => Task.FromResult<string?>(null);

    /// <inheritdoc/>
    public Task<IAuthenticationMethod> CompleteAsync(RegistrationStateDescription state, CancellationToken cancellationToken)
        => Task.FromResult<IAuthenticationMethod>(new DeviceAuthenticationWithX509Certificate(state.DeviceId!, _certificate, _chain));
}

internal static class RegistrationIds
{
    public static void Check(string registrationId)
    {
        if (RegistrationIdRules.Check(registrationId) is { } reason)
            throw new ArgumentException(reason, nameof(registrationId));
    }
}
