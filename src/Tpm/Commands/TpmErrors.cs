using System.Globalization;
using System.Text;

namespace Homeport.Tpm.Commands;

/// <summary>The anatomy of response codes (Part 1, 39; Part 2, 6.6) and what a person can do about the frequent ones.</summary>
public static class TpmErrors
{
    private const uint FormatOne = 0x080;
    private const uint ParameterFlag = 0x040;
    private const uint SessionFlag = 0x800;

    /// <summary>A resource manager or driver puts its own number into the bits above the TPM's twelve.</summary>
    private const uint TpmBits = 0xFFF;

    /// <summary>The code without the number of the handle, session or parameter.</summary>
    public static TpmResponseCode Normalize(uint rawCode)
    {
        var code = rawCode & TpmBits;
        return (TpmResponseCode)((code & FormatOne) != 0 ? code & 0x0BF : code);
    }

    /// <summary>True for the codes that ask for the same command again, unchanged.</summary>
    public static bool IsRetry(uint rawCode)
        => Normalize(rawCode) is TpmResponseCode.Retry or TpmResponseCode.Yielded or TpmResponseCode.Testing or TpmResponseCode.NvRate;

    /// <summary>Name, number, position and, for known codes, cause and fix: <c>TPM_RC_HANDLE (0x28b), handle 2: …</c>.</summary>
    public static string Describe(uint rawCode)
    {
        var code = Normalize(rawCode);
        var text = new StringBuilder("TPM_RC_");
        text.Append(Enum.IsDefined(code) ? Name(code) : "unnamed")
            .Append(CultureInfo.InvariantCulture, $" (0x{rawCode:x3})");
        if (Position(rawCode) is { } position)
            text.Append(", ").Append(position);
        if (Explain(code) is { } explanation)
            text.Append(": ").Append(explanation);
        if (rawCode > TpmBits)
            text.Append(CultureInfo.InvariantCulture, $" Reported by software layer {rawCode >> 16} in front of the TPM.");
        return text.ToString();
    }

    private static string? Position(uint rawCode)
    {
        if ((rawCode & FormatOne) == 0)
            return null;
        var number = (rawCode >> 8) & 0xF;
        if ((rawCode & ParameterFlag) != 0)
            return $"parameter {number}";
        if ((rawCode & SessionFlag) != 0)
            return $"session {number & 7}";
        return number == 0 ? null : $"handle {number}";
    }

    private static string Name(TpmResponseCode code)
    {
        var name = new StringBuilder();
        foreach (var letter in code.ToString())
        {
            if (char.IsUpper(letter) && name.Length > 0)
                name.Append('_');
            name.Append(char.ToUpperInvariant(letter));
        }

        return name.ToString();
    }

    private static string? Explain(TpmResponseCode code) => code switch
    {
        TpmResponseCode.Initialize => "the TPM was not started, or it was started already.",
        TpmResponseCode.Failure => "the TPM is in failure mode, or refused an encrypted secret. Restart it; "
            + "a software TPM does this when it cannot write its state directory.",
        TpmResponseCode.Attributes => "the object must not have these attributes here.",
        TpmResponseCode.AuthUnavailable => "this key cannot be used with a password; the endorsement key needs its policy session.",
        TpmResponseCode.AuthFail => "wrong password. Each further attempt counts towards the lockout.",
        TpmResponseCode.BadAuth => "wrong password. Somebody set an owner, endorsement or lockout password: configure it here, or clear the TPM.",
        TpmResponseCode.Handle => "nothing exists at this handle.",
        TpmResponseCode.Integrity => "the integrity check failed: the blob was made for another TPM or for another storage root key, or it was altered. "
            + "Register again with the keys that the TPM shows now.",
        TpmResponseCode.KeySize => "a key has a size that the TPM does not take; HMAC keys have 1 to 64 bytes.",
        TpmResponseCode.Type => "a key has the wrong type; an endorsement key that may sign cannot activate. Create it without --allow-signing.",
        TpmResponseCode.Size => "a field has a size that the TPM does not take.",
        TpmResponseCode.Disabled => "the platform firmware disabled this, for example clearing. Enable it in the firmware setup.",
        TpmResponseCode.CommandCode => "the TPM does not have this command, or the operating system blocks it.",
        TpmResponseCode.NvRange => "reading or writing beyond the end of the NV index.",
        TpmResponseCode.NvLocked => "the NV index is locked.",
        TpmResponseCode.NvAuthorization => "the NV index does not permit this authorization.",
        TpmResponseCode.NvUninitialized => "the NV index was never written.",
        TpmResponseCode.NvSpace => "the non-volatile memory is full; remove keys or NV indices that nobody uses.",
        TpmResponseCode.NvDefined => "the NV index or persistent handle is in use; remove it first.",
        TpmResponseCode.ObjectMemory => "too many objects are loaded; another program left some behind. Use /dev/tpmrm0, or flush them.",
        TpmResponseCode.SessionMemory => "too many sessions are open; another program left some behind. Use /dev/tpmrm0, or flush them.",
        TpmResponseCode.Lockout => "the TPM is locked after too many wrong passwords. Wait, or reset the lockout with the lockout password.",
        TpmResponseCode.Retry or TpmResponseCode.Yielded or TpmResponseCode.Testing or TpmResponseCode.NvRate
            => "the TPM stayed busy. Try again later.",
        TpmResponseCode.NvUnavailable => "the non-volatile memory cannot be written now. Try again later.",
        _ => null,
    };
}
