using Homeport.People.Access;
using Homeport.People.Accounts;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Accounts in SQLite.</summary>
public sealed class SqliteAccountStore(SqliteDatabase database, SecretSeal seal) : IAccountStore
{
    private const string Columns = """
        id, name, role, enabled, password_hash, must_change, failed_attempts, locked_until, totp_secret, totp_confirmed, totp_last_step, created, last_sign_in, version,
        kind, tenant_id, issuer, subject, organization
        """;

    /// <inheritdoc/>
    public Task<Account?> FindAsync(string id, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst($"SELECT {Columns} FROM accounts WHERE id=$id", Read, ("$id", id))));

    /// <inheritdoc/>
    public Task<Account?> FindByNameAsync(string name, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst($"SELECT {Columns} FROM accounts WHERE name=$name", Read, ("$name", name))));

    /// <inheritdoc/>
    public Task<Account?> FindBySubjectAsync(string issuer, string subject, CancellationToken token) => Task.FromResult(database.Read(
        c => c.QueryFirst($"SELECT {Columns} FROM accounts WHERE issuer=$issuer AND subject=$subject", Read, ("$issuer", issuer), ("$subject", subject))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Account>> ListAsync(CancellationToken token)
        => Task.FromResult<IReadOnlyList<Account>>(database.Read(c => c.Query($"SELECT {Columns} FROM accounts ORDER BY id", Read)));

    /// <inheritdoc/>
    public Task<bool> InsertAsync(Account account, int limit, CancellationToken token) => database.WriteAsync(c => c.Execute(
        $"""
        INSERT INTO accounts ({Columns})
        SELECT $id, $name, $role, $enabled, $hash, $must, $failed, $locked, $totp, $confirmed, $step, $created, $signed, $version,
            $kind, $tenant, $issuer, $subject, $organization
        WHERE (SELECT count(*) FROM accounts)<$limit
        ON CONFLICT DO NOTHING
        """, [.. Parameters(account), ("$created", account.Created), ("$limit", limit)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> ReplaceAsync(Account account, long version, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        UPDATE OR IGNORE accounts SET name=$name, role=$role, enabled=$enabled, password_hash=$hash, must_change=$must, failed_attempts=$failed, locked_until=$locked,
            totp_secret=$totp, totp_confirmed=$confirmed, totp_last_step=$step, last_sign_in=$signed, version=$version,
            kind=$kind, tenant_id=$tenant, issuer=$issuer, subject=$subject, organization=$organization
        WHERE id=$id AND version=$expected
        """, [.. Parameters(account), ("$expected", version)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string id, long version, CancellationToken token) => database.WriteAsync(
        c => c.Execute("DELETE FROM accounts WHERE id=$id AND version=$version", ("$id", id), ("$version", version)) == 1, token);

    private (string, object?)[] Parameters(Account account) =>
    [
        ("$id", account.Id), ("$name", account.Name), ("$role", (int)account.Role), ("$enabled", account.Enabled), ("$hash", account.PasswordHash),
        ("$must", account.MustChangePassword), ("$failed", account.FailedAttempts), ("$locked", account.LockedUntil),
        ("$totp", seal.Seal(account.TotpSecret, ContextOf(account.Id))), ("$confirmed", account.TotpConfirmed), ("$step", account.TotpLastStep),
        ("$signed", account.LastSignIn), ("$version", account.Version), ("$kind", (int)account.Kind), ("$tenant", account.TenantId),
        ("$issuer", account.Issuer), ("$subject", account.Subject), ("$organization", account.Organization),
    ];

    private Account Read(SqliteDataReader row) => new()
    {
        Id = row.GetString(0),
        Name = row.GetString(1),
        Role = (Role)row.GetInt32(2),
        Enabled = row.GetBoolean(3),
        PasswordHash = row.GetString(4),
        MustChangePassword = row.GetBoolean(5),
        FailedAttempts = row.GetInt32(6),
        LockedUntil = row.TimeOrNull(7),
        TotpSecret = seal.Unseal(row.BytesOrNull(8), ContextOf(row.GetString(0))),
        TotpConfirmed = row.GetBoolean(9),
        TotpLastStep = row.GetInt64(10),
        Created = row.TimeOrNull(11)!.Value,
        LastSignIn = row.TimeOrNull(12),
        Version = row.GetInt64(13),
        Kind = (AccountKind)row.GetInt32(14),
        TenantId = row.TextOrNull(15),
        Issuer = row.TextOrNull(16),
        Subject = row.TextOrNull(17),
        Organization = row.TextOrNull(18),
    };

    private static string ContextOf(string id) => $"account/{id}/totp";
}
