using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Access;

namespace Homeport.Hub.Access;

/// <summary>A named key pair with rights.</summary>
/// <param name="Name">The token's <c>skn</c>.</param>
/// <param name="Rights">What its keys may do.</param>
/// <param name="PrimaryKey">32 random bytes.</param>
/// <param name="SecondaryKey">32 random bytes; as good as the primary key, for rotation.</param>
public sealed record SharedAccessPolicy(string Name, Rights Rights, byte[] PrimaryKey, byte[] SecondaryKey)
{
    /// <summary>Length of a new key, in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>Makes a policy with random keys.</summary>
    public static SharedAccessPolicy Create(string name, Rights rights)
        => new(name, rights, RandomNumberGenerator.GetBytes(KeySize), RandomNumberGenerator.GetBytes(KeySize));

    /// <summary>The policies of a new hub.</summary>
    public static IReadOnlyList<SharedAccessPolicy> HubDefaults() =>
    [
        Create("iothubowner", Rights.RegistryWrite | Rights.ServiceConnect | Rights.DeviceConnect),
        Create("service", Rights.ServiceConnect),
        Create("device", Rights.DeviceConnect),
        Create("registryRead", Rights.RegistryRead),
        Create("registryReadWrite", Rights.RegistryWrite),
    ];

    /// <summary>The policies of a new provisioning service.</summary>
    public static IReadOnlyList<SharedAccessPolicy> ProvisioningDefaults() =>
    [
        Create("provisioningserviceowner", Rights.ServiceConfig | Rights.DeviceConnect | Rights.EnrollmentWrite | Rights.RegistrationStatusWrite),
        Create("enrollmentread", Rights.EnrollmentRead | Rights.RegistrationStatusRead),
        Create("enrollmentreadwrite", Rights.EnrollmentWrite | Rights.RegistrationStatusWrite),
    ];

    /// <summary>
    /// True when one of the keys made the token's signature. IoT clients sign with the key's bytes, those of Event Hubs with its Base64 text.
    /// </summary>
    public bool Signed(SharedAccessSignature token)
    {
        var signed = false;
        foreach (var key in (ReadOnlySpan<byte[]>)[PrimaryKey, SecondaryKey])
            signed |= token.IsSignedBy(key) | token.IsSignedBy(Encoding.ASCII.GetBytes(Convert.ToBase64String(key)));
        return signed;
    }

    /// <summary>Name only: the keys stay out of logs.</summary>
    public override string ToString() => Name;
}
