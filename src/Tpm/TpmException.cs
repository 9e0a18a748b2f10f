using System.Globalization;
using Homeport.Tpm.Commands;

namespace Homeport.Tpm;

/// <summary>Why a TPM operation failed.</summary>
public enum TpmFailure
{
    /// <summary>The TPM answered with an error, see <see cref="TpmException.Code"/>.</summary>
    Refused,

    /// <summary>The bytes of a response, or of what was to be sent, do not have the form that the specification demands.</summary>
    Malformed,

    /// <summary>No TPM at the given place, no permission, or the connection broke.</summary>
    Unreachable,

    /// <summary>The TPM did not answer in time.</summary>
    TimedOut,

    /// <summary>A program that is needed, such as swtpm, is not installed.</summary>
    NotInstalled,

    /// <summary>The TPM works but lacks what the operation needs, or holds something unsuitable.</summary>
    Unsuitable,
}

/// <summary>The one exception of this library: names the cause and, where there is one, the fix. Holds no key material.</summary>
#pragma warning disable RCS1194 // An exception without a failure kind would say nothing.
public sealed class TpmException : Exception
#pragma warning restore RCS1194
{
    public TpmException(TpmFailure failure, string message, Exception? inner = null)
        : base(message, inner)
        => Failure = failure;

    internal TpmException(TpmCommandCode command, uint rawCode)
        : base(string.Create(CultureInfo.InvariantCulture, $"TPM2_{command}: {TpmErrors.Describe(rawCode)}"))
    {
        Failure = TpmFailure.Refused;
        RawCode = rawCode;
        Code = TpmErrors.Normalize(rawCode);
    }

    public TpmFailure Failure { get; }

    /// <summary>The response code without its position; <see cref="TpmResponseCode.Success"/> when the TPM did not answer.</summary>
    public TpmResponseCode Code { get; }

    /// <summary>The response code as the TPM sent it.</summary>
    public uint RawCode { get; }
}
