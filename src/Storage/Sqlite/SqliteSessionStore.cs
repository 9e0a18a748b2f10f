using Homeport.People.Access;
using Homeport.People.Sessions;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Sessions in SQLite.</summary>
public sealed class SqliteSessionStore(SqliteDatabase database) : ISessionStore
{
    private const string Columns = "id, token_hash, account_id, account_name, role, created, last_seen, address, program, organization";

    /// <inheritdoc/>
    public Task<Session?> FindAsync(byte[] tokenHash, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst($"SELECT {Columns} FROM sessions WHERE token_hash=$hash", Read, ("$hash", tokenHash))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Session>> ListAsync(string? accountId, CancellationToken token) => Task.FromResult<IReadOnlyList<Session>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM sessions WHERE $account IS NULL OR account_id=$account ORDER BY created DESC, id", Read, ("$account", accountId))));

    /// <inheritdoc/>
    public Task InsertAsync(Session session, CancellationToken token) => database.WriteAsync(c => c.Execute(
        $"INSERT INTO sessions ({Columns}) VALUES ($id, $hash, $account, $name, $role, $created, $seen, $address, $program, $organization)",
        ("$id", session.Id), ("$hash", session.TokenHash), ("$account", session.AccountId), ("$name", session.AccountName), ("$role", (int)session.Role),
        ("$created", session.Created), ("$seen", session.LastSeen), ("$address", session.Address), ("$program", session.Program), ("$organization", session.Organization)), token);

    /// <inheritdoc/>
    public Task TouchAsync(string id, DateTimeOffset seen, CancellationToken token)
        => database.WriteAsync(c => c.Execute("UPDATE sessions SET last_seen=$seen WHERE id=$id", ("$seen", seen), ("$id", id)), token);

    /// <inheritdoc/>
    public Task DeleteAsync(IReadOnlyCollection<string> ids, CancellationToken token) => database.WriteAsync(c =>
    {
        foreach (var id in ids)
            c.Execute("DELETE FROM sessions WHERE id=$id", ("$id", id));
        return ids.Count;
    }, token);

    private static Session Read(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        TokenHash = row.GetFieldValue<byte[]>(1),
        AccountId = row.GetString(2),
        AccountName = row.GetString(3),
        Role = (Role)row.GetInt32(4),
        Created = row.TimeOrNull(5)!.Value,
        LastSeen = row.TimeOrNull(6)!.Value,
        Address = row.TextOrNull(7),
        Program = row.TextOrNull(8),
        Organization = row.TextOrNull(9),
    };
}
