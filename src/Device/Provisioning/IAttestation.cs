using Homeport.Contract.Access;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
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

    /// <summary>Takes over the assignment and returns the key for the hub.</summary>
    Task<IDeviceKey> CompleteAsync(RegistrationStateDescription state, CancellationToken cancellationToken);
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
    public Task<IDeviceKey> CompleteAsync(RegistrationStateDescription state, CancellationToken cancellationToken) => Task.FromResult<IDeviceKey>(_key);
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
    public async Task<IDeviceKey> CompleteAsync(RegistrationStateDescription state, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(state.Tpm?.AuthenticationKey))
        {
            throw new ProvisioningException(
                ProvisioningFailure.Protocol, "The service assigned a hub but sent no key for the TPM. Is the enrollment of the attestation type TPM?");
        }

        var blob = ProvisioningBody.DecodeKey(state.Tpm.AuthenticationKey);
        await Task.Run(() => new TpmDevice(0, _source).Adopt(blob, state.AssignedHub!, state.DeviceId!), cancellationToken);
        return new TpmDeviceKey(_source);
    }
}

internal static class RegistrationIds
{
    public static void Check(string registrationId)
    {
        if (RegistrationIdRules.Check(registrationId) is { } reason)
            throw new ArgumentException(reason, nameof(registrationId));
    }
}
