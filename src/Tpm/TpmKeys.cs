using System.Security.Cryptography;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Commands;
using Homeport.Tpm.Structures;

namespace Homeport.Tpm;

/// <summary>
/// A key under the storage root key of one TPM, encrypted by it: may lie on a disk, since only that TPM can load it.
/// </summary>
/// <param name="Private">TPM2B_PRIVATE without its size.</param>
/// <param name="Public">TPMT_PUBLIC.</param>
public sealed record WrappedKey(ReadOnlyMemory<byte> Private, ReadOnlyMemory<byte> Public);

/// <summary>
/// The keys that a device identity needs, at the handles that the Azure IoT SDKs share (<see cref="TpmHandle"/>): reads or makes the endorsement key
/// and the storage root key, activates what a server wrapped, imprints, and signs. Every method leaves no session and no transient object behind,
/// also when it fails.
/// </summary>
public sealed class TpmKeys(Tpm2 tpm)
{
    /// <summary>The most bytes that one TPM2_HMAC or TPM2_SequenceUpdate takes (TPM2B_MAX_BUFFER, PC Client profile).</summary>
    private const int MaxBufferBytes = 1024;

    private const int NonceBytes = 20;

    /// <summary>
    /// The endorsement key: the persistent one whatever its template, otherwise made from the TCG template and kept. Its encoded bytes identify the TPM.
    /// </summary>
    /// <exception cref="TpmException">Among others <see cref="TpmFailure.Unsuitable"/> when the key at 0x81010001 is no RSA key.</exception>
    public TpmPublic GetEndorsementKey()
        => ReadPublic(TpmHandle.EndorsementKey)
            ?? MakePersistent(
                TpmHandle.Endorsement, tpm.EndorsementAuthorization, TpmTemplates.EndorsementKey(TemplateForm.Tcg), TpmHandle.EndorsementKey);

    /// <summary>The storage root key: the persistent one, otherwise made and kept. Clearing the TPM changes it.</summary>
    public TpmPublic GetStorageRootKey()
        => ReadPublic(TpmHandle.StorageRootKey)
            ?? MakePersistent(TpmHandle.Owner, tpm.OwnerAuthorization, TpmTemplates.StorageRootKey(TemplateForm.Tcg), TpmHandle.StorageRootKey);

    /// <summary>
    /// The endorsement key that a template gives, without keeping it: lets an operator enrol a device before anybody decided which software runs on it.
    /// Takes as long as making an RSA key.
    /// </summary>
    public TpmPublic DeriveEndorsementKey(TemplateForm form)
    {
        var made = tpm.Execute(new CreatePrimaryCommand(TpmHandle.Endorsement, tpm.EndorsementAuthorization, TpmTemplates.EndorsementKey(form)));
        tpm.FlushQuietly(made.Handle);
        return Parse(made.Public, made.Name, TpmHandle.EndorsementKey);
    }

    /// <summary>The DER certificate of the endorsement key from NV 0x01C00002, or null when the maker put none there. At most 2,048 bytes as a rule.</summary>
    public byte[]? ReadEndorsementCertificate() => new TpmStorage(tpm).Read(TpmHandle.EndorsementCertificate);

    /// <summary>The key at a persistent handle, or null when none is there.</summary>
    public TpmPublic? ReadPublic(uint handle)
    {
        try
        {
            var area = tpm.Execute(new ReadPublicCommand(handle));
            return Parse(area.Encoded, area.Name, handle);
        }
        catch (TpmException e) when (e.Code == TpmResponseCode.Handle)
        {
            return null;
        }
    }

    /// <summary>
    /// Opens a challenge or a device key that a server wrapped for this TPM and keeps the HMAC key at <paramref name="handle"/>, in place of what was there.
    /// The key is not replaced before the new one is loaded. Takes about 13 ms in a software TPM.
    /// </summary>
    /// <exception cref="TpmException">
    /// <see cref="TpmResponseCode.Integrity"/>: wrapped for another TPM or another storage root key; <see cref="TpmFailure.Malformed"/>: not a blob.
    /// </exception>
    public void Activate(ReadOnlySpan<byte> authenticationKey, uint handle = TpmHandle.IdentityKey)
        => Keep(Open(authenticationKey), handle);

    /// <summary>Opens a device key that a server wrapped for this TPM, without keeping it: <see cref="Keep"/> does.</summary>
    /// <exception cref="TpmException">As <see cref="Activate"/>.</exception>
    public WrappedKey Open(ReadOnlySpan<byte> authenticationKey)
    {
        var (secret, area) = Import(authenticationKey);
        return new WrappedKey(secret, area);
    }

    /// <summary>
    /// Opens a challenge and signs with its key once, without keeping it: answers the nonce of a provisioning service while the key at
    /// <see cref="TpmHandle.IdentityKey"/> stays usable.
    /// </summary>
    /// <param name="authenticationKey">The blob of the challenge.</param>
    /// <param name="message">At most 1,024 bytes.</param>
    /// <exception cref="TpmException">As <see cref="Activate"/>.</exception>
    public byte[] SignOnce(ReadOnlySpan<byte> authenticationKey, ReadOnlySpan<byte> message)
    {
        var (secret, area) = Import(authenticationKey);
        var loaded = tpm.Execute(new LoadCommand(TpmHandle.StorageRootKey, TpmAuthorization.Empty, secret, area));
        try
        {
            return tpm.Execute(new HmacCommand(loaded.Handle, TpmAuthorization.Empty, message.ToArray()));
        }
        finally
        {
            tpm.FlushQuietly(loaded.Handle);
        }
    }

    /// <summary>
    /// Puts a known HMAC-SHA256 key of 1 to 64 bytes into the TPM at <paramref name="handle"/>, in place of what was there. It cannot be read back.
    /// </summary>
    public void Imprint(ReadOnlySpan<byte> hmacKey, uint handle) => Keep(Wrap(hmacKey), handle);

    /// <summary>Hands a known HMAC-SHA256 key of 1 to 64 bytes to the TPM and takes it back wrapped: nothing in the TPM changes yet.</summary>
    public WrappedKey Wrap(ReadOnlySpan<byte> hmacKey)
    {
        if (hmacKey.Length is 0 or > Challenge.MaxKeyBytes)
            throw new TpmException(TpmFailure.Malformed, $"A device key of {hmacKey.Length} bytes does not fit into a TPM, which takes 1 to 64.");
        _ = GetStorageRootKey();
        var copy = hmacKey.ToArray();
        try
        {
            var made = tpm.Execute(new CreateCommand(TpmHandle.StorageRootKey, TpmAuthorization.Empty, copy, TpmTemplates.HmacKey));
            return new WrappedKey(made.Private, made.Public);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(copy);
        }
    }

    /// <summary>Deletes a persistent key; false when there was none.</summary>
    public bool Remove(uint handle)
    {
        try
        {
            tpm.Execute(new EvictControlCommand(tpm.OwnerAuthorization, handle, handle));
            return true;
        }
        catch (TpmException e) when (e.Code == TpmResponseCode.Handle)
        {
            return false;
        }
    }

    /// <summary>HMAC-SHA256 with a key that never leaves the TPM. Any length; more than 1,024 bytes go through a sequence.</summary>
    /// <returns>32 bytes.</returns>
    public byte[] Sign(ReadOnlySpan<byte> message, uint handle = TpmHandle.IdentityKey)
        => message.Length <= MaxBufferBytes
            ? tpm.Execute(new HmacCommand(handle, TpmAuthorization.Empty, message.ToArray()))
            : SignSequence(message, handle);

    private (byte[] Private, ReadOnlyMemory<byte> Public) Import(ReadOnlySpan<byte> authenticationKey)
    {
        if (!AuthenticationKeyBlob.TryParse(authenticationKey, out var blob, out var error))
            throw new TpmException(TpmFailure.Malformed, error);
        _ = GetEndorsementKey();
        _ = GetStorageRootKey();
        var wrapKey = ActivateCredential(blob);
        try
        {
            var imported = tpm.Execute(new ImportCommand(TpmHandle.StorageRootKey, TpmAuthorization.Empty)
            {
                EncryptionKey = wrapKey,
                Public = blob.KeyPublic,
                Duplicate = blob.Duplicate,
                Secret = blob.DuplicateSecret,
            });
            return (imported, blob.KeyPublic);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(wrapKey);
        }
    }

    private byte[] SignSequence(ReadOnlySpan<byte> message, uint handle)
    {
        var sequence = tpm.Execute(new HmacStartCommand(handle, TpmAuthorization.Empty));
        var completed = false;
        try
        {
            while (message.Length > MaxBufferBytes)
            {
                tpm.Execute(new SequenceUpdateCommand(sequence, message[..MaxBufferBytes].ToArray()));
                message = message[MaxBufferBytes..];
            }

            var result = tpm.Execute(new SequenceCompleteCommand(sequence, message.ToArray()));
            completed = true;
            return result;
        }
        finally
        {
            if (!completed)
                tpm.FlushQuietly(sequence);
        }
    }

    private byte[] ActivateCredential(AuthenticationKeyBlob blob)
    {
        var session = tpm.Execute(new StartPolicySessionCommand(RandomNumberGenerator.GetBytes(NonceBytes)));
        var consumed = false;
        try
        {
            tpm.Execute(new PolicySecretCommand(TpmHandle.Endorsement, tpm.EndorsementAuthorization, session));
            var wrapKey = tpm.Execute(new ActivateCredentialCommand(
                TpmHandle.StorageRootKey, TpmAuthorization.Empty,
                TpmHandle.EndorsementKey, TpmAuthorization.Policy(session),
                blob.IdObject, blob.CredentialSecret));
            consumed = true;
            return wrapKey;
        }
        finally
        {
            // A session survives the failure of its command, and a TPM has few of them.
            if (!consumed)
                tpm.FlushQuietly(session);
        }
    }

    /// <summary>Loads a wrapped key and keeps it at <paramref name="handle"/>, in place of what was there.</summary>
    /// <exception cref="TpmException"><see cref="TpmResponseCode.Integrity"/>: wrapped by another TPM, or before this one was cleared.</exception>
    public void Keep(WrappedKey key, uint handle)
    {
        ArgumentNullException.ThrowIfNull(key);
        var loaded = tpm.Execute(new LoadCommand(TpmHandle.StorageRootKey, TpmAuthorization.Empty, key.Private, key.Public));
        try
        {
            Remove(handle);
            tpm.Execute(new EvictControlCommand(tpm.OwnerAuthorization, loaded.Handle, handle));
        }
        finally
        {
            tpm.FlushQuietly(loaded.Handle);
        }
    }

    private TpmPublic MakePersistent(uint hierarchy, TpmAuthorization authorization, TpmPublic template, uint handle)
    {
        var made = tpm.Execute(new CreatePrimaryCommand(hierarchy, authorization, template));
        try
        {
            tpm.Execute(new EvictControlCommand(tpm.OwnerAuthorization, made.Handle, handle));
        }
        finally
        {
            tpm.FlushQuietly(made.Handle);
        }

        return Parse(made.Public, made.Name, handle);
    }

    private static TpmPublic Parse(byte[] encoded, byte[] name, uint handle)
    {
        if (!TpmPublic.TryParse(encoded, out var key, out var error))
            throw new TpmException(TpmFailure.Unsuitable, $"The key at handle 0x{handle:x8}: {error}");
        if (!key.Name.AsSpan().SequenceEqual(name))
            throw new TpmException(TpmFailure.Malformed, $"The name of the key at handle 0x{handle:x8} does not match its public area.");
        return key;
    }
}
