using System.Diagnostics.CodeAnalysis;
using Homeport.Tpm.Structures;

namespace Homeport.Tpm.Attestation;

/// <summary>
/// The <c>authenticationKey</c> of the Device Provisioning Service: six TPM2B fields one after the other, without anything behind them.
/// Every property holds the content of a field without its size. <see cref="Challenge"/> makes one; a device activates it in its TPM.
/// </summary>
public sealed record AuthenticationKeyBlob
{
    /// <summary>The largest accepted blob in bytes. Genuine ones have 766 (empty URI, key of 32 bytes) to about 1,000.</summary>
    public const int MaxBytes = 4096;

    private const int MaxFieldBytes = 1024;

    /// <summary>TPM2B_ID_OBJECT: the credential (an AES key), for TPM2_ActivateCredential.</summary>
    public required ReadOnlyMemory<byte> IdObject { get; init; }

    /// <summary>TPM2B_ENCRYPTED_SECRET: the seed of the credential, encrypted to the endorsement key.</summary>
    public required ReadOnlyMemory<byte> CredentialSecret { get; init; }

    /// <summary>TPM2B_PRIVATE: the doubly wrapped HMAC key, for TPM2_Import.</summary>
    public required ReadOnlyMemory<byte> Duplicate { get; init; }

    /// <summary>TPM2B_ENCRYPTED_SECRET: the seed of the outer wrap, encrypted to the storage root key.</summary>
    public required ReadOnlyMemory<byte> DuplicateSecret { get; init; }

    /// <summary>The public area of the HMAC key, without size.</summary>
    public required ReadOnlyMemory<byte> KeyPublic { get; init; }

    /// <summary>Text encrypted with the credential; no SDK uses it, but all demand the field. May be empty.</summary>
    public ReadOnlyMemory<byte> EncryptedUri { get; init; }

    public byte[] Encode() => new TpmWriter()
        .Sized(IdObject.Span).Sized(CredentialSecret.Span).Sized(Duplicate.Span)
        .Sized(DuplicateSecret.Span).Sized(KeyPublic.Span).Sized(EncryptedUri.Span)
        .ToArray();

    /// <summary>Parses a blob of untrusted bytes; <paramref name="error"/> names the field that is wrong.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out AuthenticationKeyBlob? blob, [NotNullWhen(false)] out string? error)
    {
        blob = null;
        if (bytes.Length > MaxBytes)
        {
            error = $"The authenticationKey has {bytes.Length} bytes, more than {MaxBytes}.";
            return false;
        }

        ReadOnlySpan<string> names = ["credential", "credential secret", "duplicate", "duplicate secret", "public", "uri"];
        var fields = new ReadOnlyMemory<byte>[names.Length];
        var reader = new TpmReader(bytes);
        for (var i = 0; i < names.Length; i++)
        {
            var field = reader.Sized();
            if (reader.Failed || field.Length > MaxFieldBytes || (field.IsEmpty && i != names.Length - 1))
            {
                error = $"Field {i + 1} of 6 ({names[i]}) of the authenticationKey is {(reader.Failed ? "cut off" : "empty or too long")}.";
                return false;
            }

            fields[i] = field.ToArray();
        }

        if (!reader.Complete)
        {
            error = $"{reader.Remaining} bytes follow the authenticationKey.";
            return false;
        }

        blob = new AuthenticationKeyBlob
        {
            IdObject = fields[0],
            CredentialSecret = fields[1],
            Duplicate = fields[2],
            DuplicateSecret = fields[3],
            KeyPublic = fields[4],
            EncryptedUri = fields[5],
        };
        error = null;
        return true;
    }
}
