namespace Homeport.Tpm.Structures;

/// <summary>Object attributes, TPM 2.0 Library Part 2, 8.3 (TPMA_OBJECT).</summary>
[Flags]
public enum TpmObjectAttributes : uint
{
    None = 0,

    /// <summary>The key never leaves this TPM.</summary>
    FixedTpm = 0x0000_0002,

    StClear = 0x0000_0004,

    /// <summary>The key cannot be moved to another parent.</summary>
    FixedParent = 0x0000_0010,

    /// <summary>The TPM made the secret part itself.</summary>
    SensitiveDataOrigin = 0x0000_0020,

    UserWithAuth = 0x0000_0040,
    AdminWithPolicy = 0x0000_0080,

    /// <summary>Not subject to the dictionary-attack lockout.</summary>
    NoDictionaryAttack = 0x0000_0400,

    EncryptedDuplication = 0x0000_0800,

    /// <summary>The key handles only structures of known form (it is a storage key when also <see cref="Decrypt"/>).</summary>
    Restricted = 0x0001_0000,

    Decrypt = 0x0002_0000,
    Sign = 0x0004_0000,
    X509Sign = 0x0008_0000,
}
