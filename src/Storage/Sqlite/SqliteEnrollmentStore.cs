using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Provisioning.Enrollments;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Enrollments of one application in SQLite.</summary>
public sealed class SqliteEnrollmentStore(SqliteDatabase database, SecretSeal seal, string application) : IEnrollmentStore
{
    private const string Columns = "kind, id, etag, created, updated, attestation, primary_key, secondary_key, endorsement_key, storage_root_key, settings, certificates, tpm";

    /// <inheritdoc/>
    public Task<Enrollment?> FindAsync(EnrollmentKind kind, string id, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst(
            $"SELECT {Columns} FROM enrollments WHERE application=$application AND kind=$kind AND id_key=$key", Read,
            ("$application", application), ("$kind", (int)kind), ("$key", Key(id)))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Enrollment>> ListAsync(EnrollmentKind kind, string? after, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<Enrollment>>(database.Read(c => c.Query(
            $"SELECT {Columns} FROM enrollments WHERE application=$application AND kind=$kind AND id_key>$after ORDER BY id_key LIMIT $max", Read,
            ("$application", application), ("$kind", (int)kind), ("$after", Key(after ?? "")), ("$max", max))));

    /// <inheritdoc/>
    public Task<InsertResult> InsertAsync(Enrollment enrollment, int limit, CancellationToken token) => database.WriteAsync(c =>
    {
        (string, object?)[] counted = [("$application", application), ("$kind", (int)enrollment.Kind), ("$limit", limit)];
        var exists = c.Query("SELECT 1 FROM enrollments WHERE application=$application AND kind=$kind AND id_key=$key", r => r.GetInt32(0),
            ("$application", application), ("$kind", (int)enrollment.Kind), ("$key", Key(enrollment.Id))).Count > 0;
        if (exists)
            return InsertResult.Exists;
        var hasRoom = c.Execute(
            """
            INSERT INTO enrollment_counts (application, kind, count) SELECT $application, $kind, 1 WHERE $limit > 0
            ON CONFLICT DO UPDATE SET count=count+1 WHERE count < $limit
            """, counted) == 1;
        if (!hasRoom)
            return InsertResult.LimitReached;
        c.Execute(
            $"""
            INSERT INTO enrollments (application, id_key, {Columns})
            VALUES ($application, $key, $kind, $id, $etag, $created, $updated, $attestation, $primaryKey, $secondaryKey, $endorsementKey, $storageRootKey, $settings, $certificates, $tpm)
            """, Parameters(enrollment));
        return InsertResult.Added;
    }, token);

    /// <inheritdoc/>
    public Task<bool> ReplaceAsync(Enrollment enrollment, string etag, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        UPDATE enrollments SET etag=$etag, updated=$updated, attestation=$attestation, primary_key=$primaryKey, secondary_key=$secondaryKey,
            endorsement_key=$endorsementKey, storage_root_key=$storageRootKey, settings=$settings,
            certificates=$certificates, tpm=$tpm
        WHERE application=$application AND kind=$kind AND id_key=$key AND etag=$expected
        """, [.. Parameters(enrollment), ("$expected", etag)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(EnrollmentKind kind, string id, string etag, CancellationToken token) => database.WriteAsync(c =>
    {
        var deleted = c.Execute("DELETE FROM enrollments WHERE application=$application AND kind=$kind AND id_key=$key AND etag=$etag",
            ("$application", application), ("$kind", (int)kind), ("$key", Key(id)), ("$etag", etag)) == 1;
        if (deleted)
            c.Execute("UPDATE enrollment_counts SET count=count-1 WHERE application=$application AND kind=$kind", ("$application", application), ("$kind", (int)kind));
        return deleted;
    }, token);

    private (string, object?)[] Parameters(Enrollment enrollment) =>
    [
        ("$application", application), ("$kind", (int)enrollment.Kind), ("$key", Key(enrollment.Id)), ("$id", enrollment.Id),
        ("$etag", enrollment.ETag), ("$created", enrollment.Created), ("$updated", enrollment.Updated),
        ("$attestation", (int)enrollment.Attestation.Type),
        ("$primaryKey", seal.Seal(enrollment.Attestation.PrimaryKey, Context(enrollment.Kind, enrollment.Id))),
        ("$secondaryKey", seal.Seal(enrollment.Attestation.SecondaryKey, Context(enrollment.Kind, enrollment.Id))),
        ("$endorsementKey", enrollment.Attestation.EndorsementKey), ("$storageRootKey", enrollment.Attestation.StorageRootKey),
        ("$certificates", enrollment.Attestation.Certificates is { } certificates ? JsonSerializer.Serialize(certificates, SettingsJson.Default.EnrolledCertificates) : null),
        ("$tpm", enrollment.Attestation.Tpm is { } tpm ? JsonSerializer.Serialize(tpm, SettingsJson.Default.EnrolledTpm) : null),
        ("$settings", JsonSerializer.Serialize(enrollment.Settings, SettingsJson.Default.EnrollmentSettings)),
    ];

    private Enrollment Read(SqliteDataReader row)
    {
        var kind = (EnrollmentKind)row.GetInt32(0);
        var id = row.GetString(1);
        return new Enrollment
        {
            Kind = kind,
            Id = id,
            ETag = row.GetString(2),
            Created = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(3)),
            Updated = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(4)),
            Attestation = new AttestationMechanism(
                (AttestationType)row.GetInt32(5),
                seal.Unseal(row.BytesOrNull(6), Context(kind, id)),
                seal.Unseal(row.BytesOrNull(7), Context(kind, id)),
                row.BytesOrNull(8),
                row.BytesOrNull(9),
                row.TextOrNull(11) is { } certificates ? JsonSerializer.Deserialize(certificates, SettingsJson.Default.EnrolledCertificates) : null,
                row.TextOrNull(12) is { } tpm ? JsonSerializer.Deserialize(tpm, SettingsJson.Default.EnrolledTpm) : null),
            Settings = JsonSerializer.Deserialize(row.GetString(10), SettingsJson.Default.EnrollmentSettings)!,
        };
    }

    private string Context(EnrollmentKind kind, string id) => $"enrollment/{application}/{(int)kind}/{Key(id)}";

    private static string Key(string id) => id.ToLowerInvariant();
}

/// <summary>The columns <c>settings</c>, <c>certificates</c> and <c>tpm</c>.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EnrollmentSettings))]
[JsonSerializable(typeof(EnrolledCertificates))]
[JsonSerializable(typeof(EnrolledTpm))]
internal sealed partial class SettingsJson : JsonSerializerContext;
