using Homeport.Tpm.Structures;

namespace Homeport.Tpm;

/// <summary>Which creation template a primary key comes from. The same TPM makes a different key from each.</summary>
public enum TemplateForm
{
    /// <summary>256 zero bytes in the unique field: the TCG profile, the C# SDK, tpm2-tools, swtpm_setup.</summary>
    Tcg,

    /// <summary>An empty unique field: the C and Node SDKs.</summary>
    EmptyUnique,
}

/// <summary>Public areas from which a TPM creates the keys of this library.</summary>
internal static class TpmTemplates
{
    /// <summary>PolicySecret(TPM_RH_ENDORSEMENT), TCG EK Credential Profile, annex B.6.2.</summary>
    private static readonly byte[] EndorsementPolicy
        = Convert.FromHexString("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa");

    /// <summary>An HMAC-SHA256 key whose bytes come from outside.</summary>
    public static TpmPublic HmacKey { get; } = new()
    {
        Type = TpmAlgorithm.KeyedHash,
        Attributes = TpmObjectAttributes.UserWithAuth | TpmObjectAttributes.NoDictionaryAttack | TpmObjectAttributes.Sign,
        Scheme = TpmScheme.HmacSha256,
    };

    public static TpmPublic EndorsementKey(TemplateForm form) => new()
    {
        Type = TpmAlgorithm.Rsa,
        Attributes = TpmObjectAttributes.FixedTpm | TpmObjectAttributes.FixedParent | TpmObjectAttributes.SensitiveDataOrigin
            | TpmObjectAttributes.AdminWithPolicy | TpmObjectAttributes.Restricted | TpmObjectAttributes.Decrypt,
        AuthPolicy = EndorsementPolicy,
        Symmetric = TpmSymmetric.Aes128Cfb,
        RsaKeyBits = 2048,
        Unique = new byte[form == TemplateForm.Tcg ? 256 : 0],
    };

    public static TpmPublic StorageRootKey(TemplateForm form) => new()
    {
        Type = TpmAlgorithm.Rsa,
        Attributes = TpmObjectAttributes.FixedTpm | TpmObjectAttributes.FixedParent | TpmObjectAttributes.SensitiveDataOrigin
            | TpmObjectAttributes.UserWithAuth | TpmObjectAttributes.NoDictionaryAttack
            | TpmObjectAttributes.Restricted | TpmObjectAttributes.Decrypt,
        Symmetric = TpmSymmetric.Aes128Cfb,
        RsaKeyBits = 2048,
        Unique = new byte[form == TemplateForm.Tcg ? 256 : 0],
    };
}
