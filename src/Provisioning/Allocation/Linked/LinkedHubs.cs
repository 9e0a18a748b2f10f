using System.Security.Cryptography;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Hub.Trust;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Allocation.Linked;

/// <summary>The hubs to which an application assigns devices: the server's own, and others by their REST API.</summary>
public sealed class LinkedHubs : IDisposable
{
    /// <summary>Linked hubs that an application may have, as in Azure.</summary>
    public const int MaxHubs = 50;

    private readonly LinkedHub _own;
    private readonly ILinkedHubStore _store;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Dictionary<string, OpenHub> _open = new(StringComparer.OrdinalIgnoreCase);
    private HubTopology _topology;

    /// <summary>Starts with the server's own hub; <see cref="LoadAsync"/> adds the others.</summary>
    public LinkedHubs(string ownHost, IDeviceHub own, ILinkedHubStore store, TimeProvider time)
    {
        (_own, _store, _time) = (new LinkedHub(ownHost, own), store, time);
        _topology = new HubTopology([_own]);
    }

    /// <summary>The hubs and rules at this moment.</summary>
    public HubTopology Topology => Volatile.Read(ref _topology);

    /// <summary>All linked hubs, the own one first.</summary>
    public async Task<IReadOnlyList<LinkedHubDescription>> ListAsync(CancellationToken token)
    {
        var kept = await _store.ListAsync(token);
        return [.. Topology.Hubs.Select(hub => Describe(hub, kept.FirstOrDefault(k => IsFor(k, hub.HostName))))];
    }

    /// <summary>One of them.</summary>
    public async Task<Outcome<LinkedHubDescription>> GetAsync(string hostName, CancellationToken token)
        => (await ListAsync(token)).FirstOrDefault(h => hostName.Equals(h.Name, StringComparison.OrdinalIgnoreCase)) is { } found ? found : NotLinked(hostName);

    /// <summary>
    /// Links a hub or changes how it is used. What is left out stays. A new connection string is tried first: a wrong one is found at
    /// once, not by the first device.
    /// </summary>
    public async Task<Outcome<LinkedHubDescription>> PutAsync(string hostName, LinkedHubDescription sent, IfMatch condition, CancellationToken token)
    {
        await _writing.WaitAsync(token);
        try
        {
            var existing = (await _store.ListAsync(token)).FirstOrDefault(k => IsFor(k, hostName));
            if (!condition.IsAbsent && !condition.Matches(existing?.ETag ?? ""))
                return Changed(hostName);
            if (!Read(hostName.ToLowerInvariant(), sent, existing).Succeeded(out var wanted, out var refusal))
                return refusal;
            if (existing is null && !IsOwn(wanted) && Topology.Hubs.Count >= MaxHubs)
                return new Refusal(ProvisioningErrors.LimitReached, $"There are {MaxHubs} linked hubs", "Unlink one that is not used any more.");
            if (sent.ConnectionString is not null && await TryAsync(wanted, token) is { } useless)
                return useless;
            if (!await _store.SaveAsync(wanted, existing?.ETag, token))
                return Changed(hostName);
            await LoadAsync(token);
        }
        finally
        {
            _writing.Release();
        }
        return await GetAsync(hostName, token);
    }

    /// <summary>Unlinks a hub. Its devices stay in it; those that register again get another one. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string hostName, IfMatch condition, CancellationToken token)
    {
        await _writing.WaitAsync(token);
        try
        {
            if (hostName.Equals(_own.HostName, StringComparison.OrdinalIgnoreCase))
                return EnrollmentForm.Invalid("name", "the server's own hub is always linked", "Set applyAllocationPolicy to false to keep devices from it.");
            if ((await _store.ListAsync(token)).FirstOrDefault(k => IsFor(k, hostName)) is not { } existing)
                return NotLinked(hostName);
            if (!condition.IsAbsent && !condition.Matches(existing.ETag))
                return Changed(hostName);
            if (!await _store.DeleteAsync(existing.HostName, existing.ETag, token))
                return Changed(hostName);
            await LoadAsync(token);
            return null;
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>How hubs are chosen when an enrollment does not say it.</summary>
    public AllocationSettingsDescription Settings() => AllocationRules.Show(Topology);

    /// <summary>Changes how hubs are chosen. What is left out stays.</summary>
    public async Task<Outcome<AllocationSettingsDescription>> PutSettingsAsync(AllocationSettingsDescription sent, CancellationToken token)
    {
        await _writing.WaitAsync(token);
        try
        {
            var whole = new AllocationSettingsDescription { AllocationPolicy = sent.AllocationPolicy ?? Settings().AllocationPolicy, Regions = sent.Regions ?? Settings().Regions };
            if (!AllocationRules.Read(whole, Topology.Hubs).Succeeded(out var rules, out var refusal))
                return refusal;
            await _store.SaveSettingsAsync(JsonSerializer.Serialize(whole, ProvisioningJson.Wire.AllocationSettingsDescription), token);
            Volatile.Write(ref _topology, rules);
            return AllocationRules.Show(rules);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var hub in _open.Values)
            hub.Connection.Dispose();
        _writing.Dispose();
    }

    /// <summary>Takes what is kept.</summary>
    public async Task LoadAsync(CancellationToken token)
    {
        var kept = await _store.ListAsync(token);
        var own = kept.FirstOrDefault(k => IsFor(k, _own.HostName));
        var hubs = new List<LinkedHub> { Use(_own, own) };
        foreach (var link in kept.Where(k => !IsOwn(k)))
            hubs.Add(Use(new LinkedHub(link.HostName, Open(link)), link));
        foreach (var gone in _open.Keys.Where(name => !kept.Any(k => IsFor(k, name))).ToList())
            Close(gone);
        var settings = await _store.SettingsAsync(token) is { } json
            ? JsonSerializer.Deserialize(json, ProvisioningJson.Received.AllocationSettingsDescription)!
            : new AllocationSettingsDescription();
        // The rules were checked when they were written.
        Volatile.Write(ref _topology, AllocationRules.Read(settings, hubs).Value ?? new HubTopology(hubs));
    }

    private RestHub Open(HubLink link)
    {
        if (_open.TryGetValue(link.HostName, out var open))
        {
            if (open.Link.ConnectionString == link.ConnectionString && open.Link.CertificateAuthority == link.CertificateAuthority)
                return open.Hub;
            Close(link.HostName);
        }
        var connection = Connect(link);
        open = new OpenHub(link, connection, new RestHub(connection));
        _open.Add(link.HostName, open);
        return open.Hub;
    }

    /// <summary>Calls that are under way end with the connection and are tried again by their devices.</summary>
    private void Close(string hostName)
    {
        if (_open.Remove(hostName, out var open))
            open.Connection.Dispose();
    }

    private HubConnection Connect(HubLink link) => new(HubAddress.Read(link.ConnectionString).Value!, PeerTrust.FromPem(link.CertificateAuthority), _time);

    /// <summary>Looks for a device that is not there: that needs the address, the key and the right to read.</summary>
    private async Task<Refusal?> TryAsync(HubLink link, CancellationToken token)
    {
        using var connection = Connect(link);
        var stranger = "homeport-link-" + RandomNumberGenerator.GetHexString(16, lowercase: true);
        var hub = new RestHub(connection);
        if ((await hub.FindAsync(stranger, token)).Refusal is { } read)
            return read;
        // To read a twin needs service connect, to delete a device registry write.
        return (await hub.ReadTwinAsync(stranger, token)).Refusal ?? await hub.RemoveAsync(stranger, token);
    }

    private Outcome<HubLink> Read(string hostName, LinkedHubDescription sent, HubLink? existing)
    {
        var wanted = (existing ?? new HubLink { HostName = hostName, ETag = "" }) with { ETag = Guid.NewGuid().ToString("D") };
        wanted = wanted with
        {
            ConnectionString = sent.ConnectionString ?? wanted.ConnectionString,
            CertificateAuthority = sent.CertificateAuthority ?? wanted.CertificateAuthority,
            Location = sent.Location ?? wanted.Location,
            Weight = sent.AllocationWeight ?? wanted.Weight,
            ApplyAllocationPolicy = sent.ApplyAllocationPolicy ?? wanted.ApplyAllocationPolicy,
        };
        if (wanted.Weight is < 1 or > 1000)
            return EnrollmentForm.Invalid("allocationWeight", $"it is {wanted.Weight}", "Send a number from 1 to 1000.");
        if (wanted.Location?.Length > 64)
            return EnrollmentForm.Invalid("location", "it has more than 64 characters", "Send a short name, such as westeurope or plant-2.");
        if (IsOwn(wanted))
            return sent.ConnectionString is null ? wanted : EnrollmentForm.Invalid("connectionString", "the server's own hub has none", "Leave it out.");
        if (!HubAddress.Read(wanted.ConnectionString).Succeeded(out var address, out var refusal))
            return refusal;
        if (!address.HostName.Equals(hostName, StringComparison.OrdinalIgnoreCase))
            return EnrollmentForm.Invalid("connectionString", $"it is for '{address.HostName}', the address for '{Shown.Text(hostName)}'", "Use the same host name in both.");
        try
        {
            PeerTrust.FromPem(wanted.CertificateAuthority);
            return wanted;
        }
        catch (FormatException e)
        {
            return EnrollmentForm.Invalid("certificateAuthority", e.Message.TrimEnd('.'), "Send the PEM text of the CA certificate.");
        }
    }

    private bool IsOwn(HubLink link) => IsFor(link, _own.HostName);

    private static bool IsFor(HubLink link, string hostName) => link.HostName.Equals(hostName, StringComparison.OrdinalIgnoreCase);

    private static LinkedHub Use(LinkedHub hub, HubLink? link)
        => link is null ? hub : hub with { Weight = link.Weight, ApplyAllocationPolicy = link.ApplyAllocationPolicy, Location = link.Location };

    private LinkedHubDescription Describe(LinkedHub hub, HubLink? kept) => new()
    {
        Name = hub.HostName,
        Location = hub.Location,
        AllocationWeight = hub.Weight,
        ApplyAllocationPolicy = hub.ApplyAllocationPolicy,
        CertificateAuthority = kept?.CertificateAuthority,
        IsOwn = hub.HostName == _own.HostName,
        SharedAccessKeyName = kept?.ConnectionString is { } text ? HubAddress.Read(text).Value?.Policy : null,
        Etag = EnrollmentForm.Quote(kept?.ETag ?? ""),
    };

    private static Refusal NotLinked(string hostName) => new(ProvisioningErrors.LinkedHubNotFound, $"There is no linked hub '{Shown.Text(hostName)}'", "Link it, or correct the name.");

    private static Refusal Changed(string hostName)
        => new(ProvisioningErrors.PreconditionFailed, $"The linked hub '{Shown.Text(hostName)}' has another ETag than If-Match asks for, or was changed at the same time", "Read it again, and repeat your change on that.");

    private sealed record OpenHub(HubLink Link, HubConnection Connection, RestHub Hub);
}
