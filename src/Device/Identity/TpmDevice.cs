using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Access;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Commands;

namespace Homeport.Device.Identity;

/// <summary>
/// The device identity in a TPM with the programming model of Windows IoT Core (<c>Microsoft.Devices.Tpm.TpmDevice</c>): same members, same storage
/// (key at 0x81000100 + n, NV record <c>host/deviceId</c> at 0x01400100 + n), same tokens, so either side reads what the other wrote.
/// Reading members return an empty value when the TPM refuses, as the original does; <see cref="LastFailure"/> then says why.
/// Logical device 0 is also the one that provisioning fills.
/// </summary>
public sealed class TpmDevice
{
    private const uint FirstUnsearchedDevice = 10;

    private readonly uint _logicalDeviceId;
    private readonly TpmSource _source;
    private readonly TimeProvider _time;

    /// <summary>A logical device of the TPM of this machine (<see cref="TpmLocator"/>).</summary>
    public TpmDevice(uint logicalDeviceId)
        : this(logicalDeviceId, TpmLocator.Choose())
    {
    }

    /// <summary>The first logical device, 0 to 9, whose <see cref="GetDeviceId"/> is the given text.</summary>
    /// <exception cref="IndexOutOfRangeException">There is none.</exception>
    public TpmDevice(string deviceId)
        : this(deviceId, TpmLocator.Choose())
    {
    }

    public TpmDevice(uint logicalDeviceId, TpmSource source, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(logicalDeviceId, 0xFFu);
        _logicalDeviceId = logicalDeviceId;
        _source = source;
        _time = time ?? TimeProvider.System;
    }

    /// <inheritdoc cref="TpmDevice(string)"/>
    [SuppressMessage("Usage", "CA2201", Justification = "The exception of the original API, which callers catch.")]
    [SuppressMessage("Design", "MA0012", Justification = "The exception of the original API, which callers catch.")]
    public TpmDevice(string deviceId, TpmSource source, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
        _time = time ?? TimeProvider.System;
        for (_logicalDeviceId = 0; _logicalDeviceId < FirstUnsearchedDevice; _logicalDeviceId++)
        {
            if (string.Equals(GetDeviceId(), deviceId, StringComparison.Ordinal))
                return;
        }

        throw new IndexOutOfRangeException($"No logical device 0 to 9 of the TPM {source.Name} has the device id '{deviceId}'.");
    }

    /// <summary>Why the last reading member returned an empty value; null when it did not.</summary>
    public TpmException? LastFailure { get; private set; }

    /// <summary>The key of this logical device, for those who sign.</summary>
    public IDeviceKey Key => new TpmDeviceKey(_source, _logicalDeviceId);

    private uint KeyHandle => TpmHandle.IdentityKey + _logicalDeviceId;

    private uint RecordIndex => TpmHandle.DeviceRecord + _logicalDeviceId;

    /// <summary>64 lower-case hexadecimal digits from the storage root key and the number of the logical device. Makes the storage root key when there is none.</summary>
    public string GetHardwareDeviceId() => Read("", tpm =>
    {
        Span<byte> slot = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(slot, _logicalDeviceId);
        return Convert.ToHexStringLower(SHA256.HashData([.. slot, .. new TpmKeys(tpm).GetStorageRootKey().Name]));
    });

    /// <summary>The device id of the record, or the hardware device id when it is empty or there is no record.</summary>
    public string GetDeviceId()
    {
        var record = GetRecord();
        var start = record.IndexOf('/', StringComparison.Ordinal) + 1;
        return record.Length > start ? record[start..] : GetHardwareDeviceId();
    }

    /// <summary>The host name of the hub, or "" when nothing is provisioned.</summary>
    public string GetHostName()
    {
        var record = GetRecord();
        var slash = record.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 ? record[..slash] : "";
    }

    /// <summary>A SAS token for the hub, or "" when the logical device is not provisioned or has no key.</summary>
    /// <param name="validity">Seconds.</param>
    /// <remarks>The resource is not percent-encoded and the signature has lower-case hexadecimal digits: byte for byte what the original makes.</remarks>
    public string GetSASToken(uint validity = 3600)
    {
        var hostName = GetHostName();
        if (hostName.Length == 0)
            return "";
        var deviceId = GetDeviceId();
        if (deviceId.Length == 0)
            return "";
        var expiry = (_time.GetUtcNow().ToUnixTimeSeconds() + validity).ToString(CultureInfo.InvariantCulture);
        var resource = $"{hostName}/devices/{deviceId}";
        var hmac = SignHmac(Encoding.UTF8.GetBytes($"{resource}\n{expiry}"));
        return hmac.Length == 0 ? "" : $"SharedAccessSignature sr={resource}&sig={EncodeLowerCase(hmac)}&se={expiry}";
    }

    /// <summary>As <see cref="GetSASToken"/>, and the reason when there is no token.</summary>
    public bool TryGetSASToken(uint validity, [NotNullWhen(true)] out string? token, [NotNullWhen(false)] out string? reason)
    {
        token = GetSASToken(validity);
        reason = null;
        if (token.Length > 0)
            return true;
        token = null;
        reason = LastFailure?.Message
            ?? $"Logical device {_logicalDeviceId} of the TPM {_source.Name} is not provisioned: register it, or call Provision with its key.";
        return false;
    }

    /// <summary><c>HostName=…;DeviceId=…;SharedAccessSignature=…</c>, or "" when there is no token.</summary>
    /// <param name="validity">Seconds.</param>
    public string GetConnectionString(uint validity = 3600)
    {
        var token = GetSASToken(validity);
        return token.Length == 0 ? "" : new ConnectionString(GetHostName(), DeviceId: GetDeviceId(), SharedAccessSignature: token).Reveal();
    }

    /// <summary>HMAC-SHA256 with the key of the logical device, 32 bytes; empty when it has none.</summary>
    [SuppressMessage("Performance", "CA1819", Justification = "The API of Windows IoT Core.")]
    public byte[] SignHmac(byte[] dataToSign) => Read([], tpm => new TpmKeys(tpm).Sign(dataToSign, KeyHandle));

    /// <summary>
    /// Imprints a key and its record, in place of what was there. When it fails, the old key and record are as before; when the TPM lost the old
    /// key on the way, the logical device is empty. Never a record without its key.
    /// </summary>
    /// <param name="encodedHmacKey">Base64 of 1 to 64 bytes.</param>
    /// <param name="hostName">Host of the hub, without a slash.</param>
    /// <param name="deviceId">Empty: the hardware device id serves as device id.</param>
    /// <exception cref="FormatException">The key is not Base64.</exception>
    /// <exception cref="ArgumentException">A text cannot be stored.</exception>
    /// <exception cref="TpmException">The TPM refuses.</exception>
    public void Provision(string encodedHmacKey, string hostName, string deviceId = "")
    {
        var record = EncodeRecord(hostName, deviceId);
        var key = Convert.FromBase64String(encodedHmacKey);
        try
        {
            if (key.Length is 0 or > Challenge.MaxKeyBytes)
                throw new ArgumentException($"The key has {key.Length} bytes; a TPM takes 1 to {Challenge.MaxKeyBytes}.", nameof(encodedHmacKey));
            _source.Use(tpm => Replace(tpm, record, new TpmKeys(tpm).Wrap(key)));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>Removes record and key. Both are tried; what is not there is no error.</summary>
    /// <exception cref="TpmException">The TPM refused to remove one of them.</exception>
    public void Destroy() => _source.Use(tpm =>
    {
        TpmException? failure = null;
        foreach (var remove in (ReadOnlySpan<Action>)[() => new TpmStorage(tpm).Remove(RecordIndex), () => new TpmKeys(tpm).Remove(KeyHandle)])
        {
            try
            {
                remove();
            }
            catch (TpmException e)
            {
                failure ??= e;
            }
        }

        if (failure is not null)
            throw new TpmException(failure.Failure, $"Logical device {_logicalDeviceId} was not removed completely: {failure.Message}", failure);
    });

    /// <summary>Takes over what a provisioning service assigned: activates its key and writes the record, as one change like <see cref="Provision"/>.</summary>
    internal void Adopt(byte[] authenticationKey, string hostName, string deviceId)
    {
        var record = EncodeRecord(hostName, deviceId);
        _source.Use(tpm => Replace(tpm, record, new TpmKeys(tpm).Open(authenticationKey)));
    }

    /// <summary>The key of <see cref="Provision"/>, handed to the TPM and wrapped by it; the logical device stays as it is.</summary>
    internal WrappedKey Wrap(ReadOnlySpan<byte> key)
    {
        var copy = key.ToArray();
        try
        {
            return _source.Use(tpm => new TpmKeys(tpm).Wrap(copy));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(copy);
        }
    }

    /// <summary>Puts a wrapped key and its record in place of what is there. May be done again after it broke off anywhere.</summary>
    internal void Replace(WrappedKey key, string hostName, string deviceId)
    {
        var record = EncodeRecord(hostName, deviceId);
        _source.Use(tpm => Replace(tpm, record, key));
    }

    /// <summary>
    /// The record is reserved before the key changes, so that a full TPM changes nothing, and written after it: should the power fail in between,
    /// the logical device has no record, never the record of another key.
    /// </summary>
    private void Replace(Tpm2 tpm, byte[] record, WrappedKey key)
    {
        var keys = new TpmKeys(tpm);
        var storage = new TpmStorage(tpm);
        var oldRecord = storage.Read(RecordIndex);
        var oldKey = keys.ReadPublic(KeyHandle)?.Name;
        storage.Remove(RecordIndex);
        try
        {
            storage.Reserve(RecordIndex, record.Length);
            keys.Keep(key, KeyHandle);
            storage.Fill(RecordIndex, record);
        }
        catch (TpmException e)
        {
            Restore(keys, storage, oldRecord, oldKey, e);
            throw;
        }
    }

    private void Restore(TpmKeys keys, TpmStorage storage, byte[]? oldRecord, byte[]? oldKey, TpmException cause)
    {
        try
        {
            storage.Remove(RecordIndex);
            var keyIsUntouched = oldKey is not null && keys.ReadPublic(KeyHandle)?.Name.AsSpan().SequenceEqual(oldKey) == true;
            if (keyIsUntouched && oldRecord is not null)
                storage.Create(RecordIndex, oldRecord);
            else if (!keyIsUntouched)
                keys.Remove(KeyHandle);
        }
        catch (TpmException second)
        {
            throw new TpmException(cause.Failure, $"{cause.Message} The former record could not be restored either: {second.Message}", cause);
        }
    }

    private string GetRecord() => Read("", tpm => Encoding.UTF8.GetString(new TpmStorage(tpm).Read(RecordIndex) ?? []));

    private T Read<T>(T empty, Func<Tpm2, T> read)
    {
        LastFailure = null;
        try
        {
            return _source.Use(read);
        }
        catch (TpmException e)
        {
            LastFailure = e;
            return empty;
        }
    }

    private static byte[] EncodeRecord(string hostName, string deviceId)
    {
        ArgumentException.ThrowIfNullOrEmpty(hostName);
        ArgumentNullException.ThrowIfNull(deviceId);
        if (hostName.Contains('/', StringComparison.Ordinal))
            throw new ArgumentException("A host name has no slash; it separates host name and device id in the TPM.", nameof(hostName));
        var record = Encoding.UTF8.GetBytes($"{hostName}/{deviceId}");
        return record.Length <= TpmStorage.MaxBytes
            ? record
            : throw new ArgumentException($"Host name and device id have {record.Length} bytes; a TPM holds {TpmStorage.MaxBytes}.", nameof(deviceId));
    }

    private static string EncodeLowerCase(byte[] hmac)
        => Convert.ToBase64String(hmac)
            .Replace("+", "%2b", StringComparison.Ordinal)
            .Replace("/", "%2f", StringComparison.Ordinal)
            .Replace("=", "%3d", StringComparison.Ordinal);
}
