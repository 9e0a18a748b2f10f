namespace Homeport.Provisioning.Allocation.Linked;

/// <summary>A linked hub as it is kept.</summary>
public sealed record HubLink
{
    /// <summary>Host name in lower case; devices get to know it.</summary>
    public required string HostName { get; init; }

    /// <summary>Service connection string with its key; null for the hub of this server.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>PEM of the CA of its server certificate, or null.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>Where it is, or null.</summary>
    public string? Location { get; init; }

    /// <summary>Share of the devices, 1 to 1000.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>False: only for enrollments that name it.</summary>
    public bool ApplyAllocationPolicy { get; init; } = true;

    /// <summary>Changes with every write.</summary>
    public required string ETag { get; init; }

    /// <summary>Name only: the key stays out of logs.</summary>
    public override string ToString() => HostName;
}

/// <summary>Keeps the linked hubs of one application and its allocation settings. Keys are sealed. Writes are durable when they return.</summary>
public interface ILinkedHubStore
{
    /// <summary>All of them in the order of their names.</summary>
    Task<IReadOnlyList<HubLink>> ListAsync(CancellationToken token);

    /// <summary>Adds one, or replaces the one of its name if it still has the ETag. False when it changed, went or came in between.</summary>
    Task<bool> SaveAsync(HubLink link, string? etag, CancellationToken token);

    /// <summary>Deletes one if it still has the ETag. False when it changed or went.</summary>
    Task<bool> DeleteAsync(string hostName, string etag, CancellationToken token);

    /// <summary>The allocation settings as JSON, or null when nobody set any.</summary>
    Task<string?> SettingsAsync(CancellationToken token);

    /// <summary>Keeps the allocation settings.</summary>
    Task SaveSettingsAsync(string json, CancellationToken token);
}
