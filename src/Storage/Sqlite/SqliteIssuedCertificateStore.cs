using Homeport.Provisioning.Certificates;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Certificates issued by one application, in SQLite.</summary>
public sealed class SqliteIssuedCertificateStore(SqliteDatabase database, string application) : IIssuedCertificateStore
{
    private const string Columns = "serial_number, registration_id, device_id, hub, authority, thumbprint, not_before, not_after, issued, revoked, reason";

    /// <inheritdoc/>
    public Task AddAsync(IssuedCertificate certificate, int max, CancellationToken token) => database.WriteAsync(c =>
    {
        c.Execute(
            $"INSERT INTO issued_certificates (application, id_key, {Columns}) VALUES ($application, $key, $serial, $registration, $device, $hub, $authority, $thumbprint, $from, $to, $issued, NULL, NULL)",
            ("$application", application), ("$key", Key(certificate.RegistrationId)), ("$serial", certificate.SerialNumber), ("$registration", certificate.RegistrationId),
            ("$device", certificate.DeviceId), ("$hub", certificate.Hub), ("$authority", certificate.Authority), ("$thumbprint", certificate.Thumbprint),
            ("$from", certificate.NotBefore), ("$to", certificate.NotAfter), ("$issued", certificate.Issued));
        return c.Execute(
            """
            DELETE FROM issued_certificates WHERE application=$application AND id_key=$key AND serial_number NOT IN
                (SELECT serial_number FROM issued_certificates WHERE application=$application AND id_key=$key ORDER BY issued DESC, serial_number LIMIT $max)
            """, ("$application", application), ("$key", Key(certificate.RegistrationId)), ("$max", max));
    }, token);

    /// <inheritdoc/>
    public Task<IssuedCertificate?> FindAsync(string serialNumber, CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        $"SELECT {Columns} FROM issued_certificates WHERE application=$application AND serial_number=$serial", Read, ("$application", application), ("$serial", serialNumber))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<IssuedCertificate>> OfAsync(string registrationId, CancellationToken token) => Task.FromResult<IReadOnlyList<IssuedCertificate>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM issued_certificates WHERE application=$application AND id_key=$key ORDER BY issued DESC, serial_number", Read,
        ("$application", application), ("$key", Key(registrationId)))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<IssuedCertificate>> ListAsync(string? after, int max, CancellationToken token) => Task.FromResult<IReadOnlyList<IssuedCertificate>>(database.Read(c => c.Query(
        $"SELECT {Columns} FROM issued_certificates WHERE application=$application AND serial_number>$after ORDER BY serial_number LIMIT $max", Read,
        ("$application", application), ("$after", after ?? ""), ("$max", max))));

    /// <inheritdoc/>
    public Task<bool> RevokeAsync(string serialNumber, DateTimeOffset time, string? reason, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "UPDATE issued_certificates SET reason=CASE WHEN revoked IS NULL THEN $reason ELSE reason END, revoked=COALESCE(revoked, $time) WHERE application=$application AND serial_number=$serial",
        ("$application", application), ("$serial", serialNumber), ("$time", time), ("$reason", reason)) == 1, token);

    private static IssuedCertificate Read(SqliteDataReader row) => new()
    {
        SerialNumber = row.GetString(0),
        RegistrationId = row.GetString(1),
        DeviceId = row.GetString(2),
        Hub = row.GetString(3),
        Authority = row.GetString(4),
        Thumbprint = row.GetString(5),
        NotBefore = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(6)),
        NotAfter = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(7)),
        Issued = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(8)),
        Revoked = row.IsDBNull(9) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(9)),
        Reason = row.TextOrNull(10),
    };

    private static string Key(string id) => id.ToLowerInvariant();
}
