using System.Text;
using Homeport.Provisioning.Allocation.Linked;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Linked hubs of one application in SQLite, their keys sealed.</summary>
public sealed class SqliteLinkedHubStore(SqliteDatabase database, SecretSeal seal, string application) : ILinkedHubStore
{
    private string SettingName => $"allocation/{application}";

    /// <inheritdoc/>
    public Task<IReadOnlyList<HubLink>> ListAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<HubLink>>(database.Read(c => c.Query(
        """
        SELECT host_name, etag, connection_string, certificate_authority, location, weight, apply_allocation_policy
        FROM linked_hubs WHERE application=$application ORDER BY host_name
        """, Read, ("$application", application))));

    /// <inheritdoc/>
    public Task<bool> SaveAsync(HubLink link, string? etag, CancellationToken token) => database.WriteAsync(c => etag is null
        ? c.Execute(
            """
            INSERT INTO linked_hubs (application, host_name, etag, connection_string, certificate_authority, location, weight, apply_allocation_policy)
            VALUES ($application, $host, $etag, $connection, $authority, $location, $weight, $apply) ON CONFLICT DO NOTHING
            """, Parameters(link)) == 1
        : c.Execute(
            """
            UPDATE linked_hubs SET etag=$etag, connection_string=$connection, certificate_authority=$authority, location=$location, weight=$weight,
                apply_allocation_policy=$apply
            WHERE application=$application AND host_name=$host AND etag=$expected
            """, [.. Parameters(link), ("$expected", etag)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string hostName, string etag, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM linked_hubs WHERE application=$application AND host_name=$host AND etag=$etag",
        ("$application", application), ("$host", hostName), ("$etag", etag)) == 1, token);

    /// <inheritdoc/>
    public Task<string?> SettingsAsync(CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst("SELECT value FROM settings WHERE name=$name", r => r.GetString(0), ("$name", SettingName))));

    /// <inheritdoc/>
    public Task SaveSettingsAsync(string json, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "INSERT INTO settings (name, value) VALUES ($name, $value) ON CONFLICT (name) DO UPDATE SET value=$value", ("$name", SettingName), ("$value", json)), token);

    private (string, object?)[] Parameters(HubLink link) =>
    [
        ("$application", application), ("$host", link.HostName), ("$etag", link.ETag),
        ("$connection", link.ConnectionString is null ? null : seal.Seal(Encoding.UTF8.GetBytes(link.ConnectionString), Context(link.HostName))),
        ("$authority", link.CertificateAuthority), ("$location", link.Location), ("$weight", link.Weight), ("$apply", link.ApplyAllocationPolicy ? 1 : 0),
    ];

    private HubLink Read(SqliteDataReader row) => new()
    {
        HostName = row.GetString(0),
        ETag = row.GetString(1),
        ConnectionString = seal.Unseal(row.BytesOrNull(2), Context(row.GetString(0))) is { } bytes ? Encoding.UTF8.GetString(bytes) : null,
        CertificateAuthority = row.TextOrNull(3),
        Location = row.TextOrNull(4),
        Weight = row.GetInt32(5),
        ApplyAllocationPolicy = row.GetInt32(6) != 0,
    };

    private string Context(string hostName) => $"linkedHub/{application}/{hostName}";
}
