using Homeport.Hub.Access.Certificates;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>CA certificates of one hub in SQLite.</summary>
public sealed class SqliteCertificateStore(SqliteDatabase database, string hub) : ICertificateStore
{
    private const string Columns = "name, etag, certificate, verified, verification_code, created, updated";

    /// <inheritdoc/>
    public Task<CaCertificate?> FindAsync(string name, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst(
            $"SELECT {Columns} FROM ca_certificates WHERE hub=$hub AND name=$name", Read, ("$hub", hub), ("$name", name))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<CaCertificate>> ListAsync(CancellationToken token)
        => Task.FromResult<IReadOnlyList<CaCertificate>>(database.Read(c => c.Query(
            $"SELECT {Columns} FROM ca_certificates WHERE hub=$hub ORDER BY name", Read, ("$hub", hub))));

    /// <inheritdoc/>
    public Task<bool> InsertAsync(CaCertificate certificate, int max, CancellationToken token) => database.WriteAsync(c => c.Execute(
        $"""
        INSERT INTO ca_certificates (hub, {Columns})
        SELECT $hub, $name, $etag, $certificate, $verified, $code, $created, $updated
        WHERE (SELECT count(*) FROM ca_certificates WHERE hub=$hub) < $max
        ON CONFLICT DO NOTHING
        """, [.. Parameters(certificate), ("$created", certificate.Created), ("$max", max)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> ReplaceAsync(CaCertificate certificate, string etag, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        UPDATE ca_certificates SET etag=$etag, certificate=$certificate, verified=$verified, verification_code=$code, updated=$updated
        WHERE hub=$hub AND name=$name AND etag=$expected
        """, [.. Parameters(certificate), ("$expected", etag)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string name, string etag, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM ca_certificates WHERE hub=$hub AND name=$name AND etag=$expected",
        ("$hub", hub), ("$name", name), ("$expected", etag)) == 1, token);

    private (string, object?)[] Parameters(CaCertificate certificate) =>
    [
        ("$hub", hub), ("$name", certificate.Name), ("$etag", certificate.ETag), ("$certificate", certificate.Certificate),
        ("$verified", certificate.Verified), ("$code", certificate.VerificationCode), ("$updated", certificate.Updated),
    ];

    private static CaCertificate Read(SqliteDataReader row) => new()
    {
        Name = row.GetString(0),
        ETag = row.GetString(1),
        Certificate = row.BytesOrNull(2)!,
        Verified = row.GetBoolean(3),
        VerificationCode = row.TextOrNull(4),
        Created = row.TimeOrNull(5)!.Value,
        Updated = row.TimeOrNull(6)!.Value,
    };
}
