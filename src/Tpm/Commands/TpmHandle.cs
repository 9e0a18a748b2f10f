namespace Homeport.Tpm.Commands;

/// <summary>Permanent handles (TPM 2.0 Library Part 2, 7.4) and the persistent ones that the Azure IoT SDKs and Windows IoT Core agree on.</summary>
public static class TpmHandle
{
    public const uint Owner = 0x4000_0001;
    public const uint Null = 0x4000_0007;
    public const uint Password = 0x4000_0009;
    public const uint Lockout = 0x4000_000A;
    public const uint Endorsement = 0x4000_000B;
    public const uint Platform = 0x4000_000C;

    /// <summary>The persistent storage root key.</summary>
    public const uint StorageRootKey = 0x8100_0001;

    /// <summary>The identity key that provisioning activates; also the key of logical device 0.</summary>
    public const uint IdentityKey = 0x8100_0100;

    /// <summary>The persistent RSA endorsement key.</summary>
    public const uint EndorsementKey = 0x8101_0001;

    /// <summary>The NV index with <c>host/deviceId</c> of logical device 0.</summary>
    public const uint DeviceRecord = 0x0140_0100;

    /// <summary>The NV index of the X.509 certificate of the RSA-2048 endorsement key (TCG EK Credential Profile, 2.2.1.4).</summary>
    public const uint EndorsementCertificate = 0x01C0_0002;

    public const uint FirstPersistent = 0x8100_0000;
    public const uint FirstTransient = 0x8000_0000;
    public const uint FirstNonVolatile = 0x0100_0000;
    public const uint FirstLoadedSession = 0x0200_0000;
}
