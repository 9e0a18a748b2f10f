using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Device.Identity;
using Homeport.Tpm;
using Homeport.Tpm.Attestation;
using Homeport.Tpm.Commands;

namespace Homeport.Agent.Identity;

/// <summary>The identities in the TPM as the doors of the agent offer them: what is there, tokens, imprinting.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and it lives as long as the process.")]
internal sealed class AgentIdentity(TpmSource source, string stateDirectory, HubClock clock)
{
    public const int LogicalDevices = 16;
    public const int MinLifetime = 60;
    public const int MaxLifetime = 24 * 3600;
    public const int DefaultLifetime = 3600;

    private readonly TokenCache _cache = new(clock);
    private readonly ImprintJournal _journal = new(source, stateDirectory);
    private readonly SemaphoreSlim _gate = new(1);

    private AgentTpm? _described;

    public TpmSource Source => source;

    /// <summary>Which storage root key the identities hang on, so that the doctor notices a cleared TPM.</summary>
    public void RememberStorageKey()
        => new StorageKeyMemory(stateDirectory).Remember(source.Use(static tpm => new TpmKeys(tpm).GetStorageRootKey().Name));

    /// <summary>Finishes an imprint that a power cut broke off.</summary>
    /// <exception cref="TpmException">The TPM cannot be reached now.</exception>
    public RecoveredImprint? Recover() => _journal.Recover();

    /// <summary>A token for the hub of a logical device, from the cache or from the TPM.</summary>
    /// <param name="device">0 to 15.</param>
    /// <param name="lifetime">Seconds.</param>
    /// <param name="fresh">True: not from the cache.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async ValueTask<Outcome<AgentToken>> GetTokenAsync(uint device, int lifetime, bool fresh, CancellationToken cancellationToken)
    {
        if (!fresh && _cache.Find(device, lifetime) is { } cached)
            return cached;
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (!fresh && _cache.Find(device, lifetime) is { } other)
                return other;
            var outcome = await Task.Run(() => MakeToken(device, lifetime), cancellationToken);
            if (outcome.Succeeded(out var token, out _))
                _cache.Keep(device, lifetime, token);
            return outcome;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Forgets the tokens that were made by the former clock.</summary>
    public void ClockMoved() => _cache.Clear();

    /// <summary>Something else than <see cref="ImprintAsync"/> changed what is imprinted.</summary>
    public void Changed() => _cache.Clear();

    /// <summary>The TPM; makes endorsement key and storage root key when there are none yet.</summary>
    public AgentTpm DescribeTpm()
    {
        if (_described is { } known)
            return known;
        try
        {
            return _described = source.Use(tpm =>
            {
                var make = new TpmStatus(tpm).GetMake();
                var keys = new TpmKeys(tpm);
                var endorsementKey = keys.GetEndorsementKey().Encode();
                _ = keys.GetStorageRootKey();
                return new AgentTpm
                {
                    Source = source.Name,
                    Make = $"{make.Manufacturer} {make.Vendor}, firmware {make.Firmware}",
                    IsSoftware = make.IsSoftware,
                    EndorsementKey = Convert.ToBase64String(endorsementKey),
                    EndorsementCertificate = keys.ReadEndorsementCertificate() is { } certificate ? Convert.ToBase64String(certificate) : null,
                    RegistrationId = EndorsementKeyId.DefaultRegistrationId(endorsementKey),
                };
            });
        }
        catch (TpmException e)
        {
            return new AgentTpm { Source = source.Name, Failure = e.Message };
        }
    }

    /// <summary>What is imprinted, in one use of the TPM. Empty when the TPM cannot be reached; <see cref="DescribeTpm"/> says why.</summary>
    public IReadOnlyList<AgentLogicalDevice> ListLogicalDevices()
    {
        try
        {
            return source.Use(static tpm =>
            {
                var status = new TpmStatus(tpm);
                var records = status.GetHandles(TpmHandle.FirstNonVolatile).ToHashSet();
                var keys = status.GetHandles(TpmHandle.FirstPersistent).ToHashSet();
                var found = new List<AgentLogicalDevice>();
                for (uint number = 0; number < LogicalDevices; number++)
                {
                    var hasKey = keys.Contains(TpmHandle.IdentityKey + number);
                    var record = records.Contains(TpmHandle.DeviceRecord + number) ? new TpmStorage(tpm).Read(TpmHandle.DeviceRecord + number) : null;
                    if (record is null && !hasKey)
                        continue;
                    var parts = System.Text.Encoding.UTF8.GetString(record ?? []).Split('/', 2);
                    found.Add(new AgentLogicalDevice(number, parts[0], parts.Length > 1 ? parts[1] : "", hasKey));
                }

                return found;
            });
        }
        catch (TpmException)
        {
            return [];
        }
    }

    /// <summary>Imprints host name, device id and key, in place of what was there. The key goes to the TPM and nowhere else.</summary>
    public async Task<Outcome<AgentLogicalDevice>> ImprintAsync(AgentImprint imprint, uint defaultDevice, CancellationToken cancellationToken)
    {
        var device = imprint.LogicalDevice ?? defaultDevice;
        if (Check(imprint, device).Count > 0)
            return new Refusal(AgentErrors.FieldsInvalid, string.Join(" ", Check(imprint, device).Values).TrimEnd('.'), "Correct it and save again.");
        var key = Convert.FromBase64String(imprint.PrimaryKey!);
        try
        {
            await _gate.WaitAsync(cancellationToken);
            try
            {
                await Task.Run(() => _journal.Imprint(device, key, imprint.HostName!, imprint.DeviceId!), CancellationToken.None);
                RememberStorageKey();
            }
            finally
            {
                _cache.Clear();
                _gate.Release();
            }

            return new AgentLogicalDevice(device, imprint.HostName!, imprint.DeviceId!, HasKey: true);
        }
        catch (TpmException e)
        {
            return AgentErrors.Of(e);
        }
        catch (IOException e)
        {
            return new Refusal(AgentErrors.TpmUnavailable, $"The journal of the imprint cannot be written: {e.Message}", $"Make room in {stateDirectory}.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>What is wrong with the fields of an imprint, by their names; empty when nothing is.</summary>
    public static IReadOnlyDictionary<string, string> Check(AgentImprint imprint, uint device)
    {
        var wrong = new Dictionary<string, string>(StringComparer.Ordinal);
        if (ImprintRules.CheckHostName(imprint.HostName) is { } host)
            wrong["hostName"] = host;
        if (ImprintRules.CheckDeviceId(imprint.DeviceId) is { } id)
            wrong["deviceId"] = id;
        if (ImprintRules.CheckKey(imprint.PrimaryKey) is { } key)
            wrong["primaryKey"] = key;
        if (device >= LogicalDevices)
            wrong["logicalDevice"] = $"The logical devices are 0 to {LogicalDevices - 1}.";
        return wrong;
    }

    private Outcome<AgentToken> MakeToken(uint device, int lifetime)
    {
        try
        {
            var record = new TpmDevice(device, source);
            var hostName = record.GetHostName();
            if (record.LastFailure is { } failure)
                return AgentErrors.Of(failure);
            if (hostName.Length == 0)
            {
                return new Refusal(
                    AgentErrors.NotProvisioned, $"Logical device {device} of the TPM {source.Name} has no host name and no key",
                    "Imprint it on the page of the device or with 'homeport device connect', or register it.");
            }

            var deviceId = record.GetDeviceId();
            var expiry = clock.GetUtcNow() + TimeSpan.FromSeconds(lifetime);
            var text = SharedAccessSignature.Create($"{hostName}/devices/{deviceId}", new TpmDeviceKey(source, device).Sign, expiry);
            return new AgentToken(
                text, expiry.ToUnixTimeSeconds(), hostName, deviceId,
                new ConnectionString(hostName, DeviceId: deviceId, SharedAccessSignature: text).Reveal());
        }
        catch (TpmException e) when (e.Code == TpmResponseCode.Handle)
        {
            return new Refusal(
                AgentErrors.NotProvisioned, $"Logical device {device} of the TPM {source.Name} has a host name but no key", "Imprint it again, or register it again.");
        }
        catch (TpmException e)
        {
            return AgentErrors.Of(e);
        }
    }
}
