using Homeport.People.Access;
using Homeport.People.Tokens;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>API tokens in SQLite.</summary>
public sealed class SqliteApiTokenStore(SqliteDatabase database) : IApiTokenStore
{
    private const string Columns = "id, role, secret_hash, created, expiry, last_used, created_by, organization";

    /// <inheritdoc/>
    public Task<ApiToken?> FindAsync(string id, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst($"SELECT {Columns} FROM api_tokens WHERE id=$id", Read, ("$id", id))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<ApiToken>> ListAsync(CancellationToken token)
        => Task.FromResult<IReadOnlyList<ApiToken>>(database.Read(c => c.Query($"SELECT {Columns} FROM api_tokens ORDER BY id", Read)));

    /// <inheritdoc/>
    public Task<bool> InsertAsync(ApiToken apiToken, int limit, CancellationToken token) => database.WriteAsync(c => c.Execute(
        $"""
        INSERT INTO api_tokens ({Columns})
        SELECT $id, $role, $hash, $created, $expiry, $used, $by, $organization WHERE (SELECT count(*) FROM api_tokens)<$limit
        ON CONFLICT DO NOTHING
        """, ("$id", apiToken.Id), ("$role", (int)apiToken.Role), ("$hash", apiToken.SecretHash), ("$created", apiToken.Created), ("$expiry", apiToken.Expiry),
        ("$used", apiToken.LastUsed), ("$by", apiToken.CreatedBy), ("$organization", apiToken.Organization), ("$limit", limit)) == 1, token);

    /// <inheritdoc/>
    public Task TouchAsync(string id, DateTimeOffset used, CancellationToken token)
        => database.WriteAsync(c => c.Execute("UPDATE api_tokens SET last_used=$used WHERE id=$id", ("$used", used), ("$id", id)), token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string id, CancellationToken token)
        => database.WriteAsync(c => c.Execute("DELETE FROM api_tokens WHERE id=$id", ("$id", id)) == 1, token);

    private static ApiToken Read(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        Role = (Role)row.GetInt32(1),
        SecretHash = row.GetFieldValue<byte[]>(2),
        Created = row.TimeOrNull(3)!.Value,
        Expiry = row.TimeOrNull(4)!.Value,
        LastUsed = row.TimeOrNull(5),
        CreatedBy = row.GetString(6),
        Organization = row.TextOrNull(7),
    };
}
