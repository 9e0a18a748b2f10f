using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Provisioning.Enrollments;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Enrollments of one application in SQLite.</summary>
public sealed class SqliteEnrollmentStore(SqliteDatabase database, SecretSeal seal, string application) : IEnrollmentStore
{
    private const string Columns = "kind, id, etag, created, updated, attestation, primary_key, secondary_key, endorsement_key, storage_root_key, settings, certificates, tpm, certificates_number";

    private const string Select = $"""
        SELECT {Columns}, primary_certificate, secondary_certificate, endorsement_certificate
        FROM enrollments LEFT JOIN enrolled_certificates ON number=certificates_number
        """;

    /// <inheritdoc/>
    public Task<Enrollment?> FindAsync(EnrollmentKind kind, string id, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst(
            $"{Select} WHERE application=$application AND kind=$kind AND id_key=$key", Read,
            ("$application", application), ("$kind", (int)kind), ("$key", Key(id)))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Enrollment>> ListAsync(EnrollmentKind kind, string? after, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<Enrollment>>(database.Read(c => c.Query(
            $"{Select} WHERE application=$application AND kind=$kind AND id_key>$after ORDER BY id_key LIMIT $max", Read,
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
            VALUES ($application, $key, $kind, $id, $etag, $created, $updated, $attestation, $primaryKey, $secondaryKey, $endorsementKey, $storageRootKey, $settings, $certificates, $tpm, $number)
            """, [.. Parameters(enrollment), ("$number", InsertCertificates(c, enrollment.Attestation))]);
        return InsertResult.Added;
    }, token);

    /// <inheritdoc/>
    public Task<bool> ReplaceAsync(Enrollment enrollment, string etag, CancellationToken token) => database.WriteAsync(c =>
    {
        if (!ForgetCertificates(c, enrollment.Kind, enrollment.Id, etag))
            return false;
        return c.Execute(
            """
            UPDATE enrollments SET etag=$etag, updated=$updated, attestation=$attestation, primary_key=$primaryKey, secondary_key=$secondaryKey,
                endorsement_key=$endorsementKey, storage_root_key=$storageRootKey, settings=$settings,
                certificates=$certificates, tpm=$tpm, certificates_number=$number
            WHERE application=$application AND kind=$kind AND id_key=$key AND etag=$expected
            """, [.. Parameters(enrollment), ("$number", InsertCertificates(c, enrollment.Attestation)), ("$expected", etag)]) == 1;
    }, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(EnrollmentKind kind, string id, string etag, CancellationToken token) => database.WriteAsync(c =>
    {
        if (!ForgetCertificates(c, kind, id, etag))
            return false;
        (string, object?)[] key = [("$application", application), ("$kind", (int)kind), ("$key", Key(id))];
        c.Execute("DELETE FROM enrollments WHERE application=$application AND kind=$kind AND id_key=$key", key);
        c.Execute("UPDATE enrollment_counts SET count=count-1 WHERE application=$application AND kind=$kind", key.AsSpan(0, 2));
        return true;
    }, token);

    private (string, object?)[] Parameters(Enrollment enrollment) =>
    [
        ("$application", application), ("$kind", (int)enrollment.Kind), ("$key", Key(enrollment.Id)), ("$id", enrollment.Id),
        ("$etag", enrollment.ETag), ("$created", enrollment.Created), ("$updated", enrollment.Updated),
        ("$attestation", (int)enrollment.Attestation.Type),
        ("$primaryKey", seal.Seal(enrollment.Attestation.PrimaryKey, Context(enrollment.Kind, enrollment.Id))),
        ("$secondaryKey", seal.Seal(enrollment.Attestation.SecondaryKey, Context(enrollment.Kind, enrollment.Id))),
        ("$endorsementKey", enrollment.Attestation.EndorsementKey), ("$storageRootKey", enrollment.Attestation.StorageRootKey),
        ("$certificates", enrollment.Attestation.Certificates is { } certificates
            ? JsonSerializer.Serialize(certificates with { Primary = null, Secondary = null }, SettingsJson.Default.EnrolledCertificates) : null),
        ("$tpm", enrollment.Attestation.Tpm is { } tpm ? JsonSerializer.Serialize(tpm with { Certificate = null }, SettingsJson.Default.EnrolledTpm) : null),
        ("$settings", JsonSerializer.Serialize(enrollment.Settings, SettingsJson.Default.EnrollmentSettings)),
    ];

    /// <summary>Gives the number under which the certificates of an enrollment are, null without any.</summary>
    private static long? InsertCertificates(SqliteConnection connection, AttestationMechanism attestation)
    {
        var (first, second, endorsement) = (attestation.Certificates?.Primary, attestation.Certificates?.Secondary, attestation.Tpm?.Certificate);
        if (first is null && second is null && endorsement is null)
            return null;
        connection.Execute(
            "INSERT INTO enrolled_certificates (primary_certificate, secondary_certificate, endorsement_certificate) VALUES ($first, $second, $endorsement)",
            ("$first", first), ("$second", second), ("$endorsement", endorsement));
        return SQLitePCL.raw.sqlite3_last_insert_rowid(connection.Handle);
    }

    /// <summary>Removes the certificates of an enrollment. False when that has another ETag, or is not there.</summary>
    private bool ForgetCertificates(SqliteConnection connection, EnrollmentKind kind, string id, string etag)
    {
        var found = connection.Query("SELECT certificates_number FROM enrollments WHERE application=$application AND kind=$kind AND id_key=$key AND etag=$etag",
            r => r.IsDBNull(0) ? (long?)null : r.GetInt64(0), ("$application", application), ("$kind", (int)kind), ("$key", Key(id)), ("$etag", etag));
        if (found is [{ } number])
            connection.Execute("DELETE FROM enrolled_certificates WHERE number=$number", ("$number", number));
        return found.Count == 1;
    }

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
                ReadCertificates(row),
                ReadTpm(row)),
            Settings = JsonSerializer.Deserialize(row.GetString(10), SettingsJson.Default.EnrollmentSettings)!,
        };
    }

    private static EnrolledCertificates? ReadCertificates(SqliteDataReader row)
    {
        if (row.TextOrNull(11) is not { } json || JsonSerializer.Deserialize(json, SettingsJson.Default.EnrolledCertificates) is not { } read)
            return null;
        return row.IsDBNull(13) ? read : read with { Primary = row.BytesOrNull(14), Secondary = row.BytesOrNull(15) };
    }

    private static EnrolledTpm? ReadTpm(SqliteDataReader row)
    {
        if (row.TextOrNull(12) is not { } json || JsonSerializer.Deserialize(json, SettingsJson.Default.EnrolledTpm) is not { } read)
            return null;
        return row.IsDBNull(13) ? read : read with { Certificate = row.BytesOrNull(16) };
    }

    private string Context(EnrollmentKind kind, string id) => $"enrollment/{application}/{(int)kind}/{Key(id)}";

    private static string Key(string id) => id.ToLowerInvariant();
}

/// <summary>The columns <c>settings</c>, <c>certificates</c> and <c>tpm</c>; the certificates themselves are in a table of their own.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EnrollmentSettings))]
[JsonSerializable(typeof(EnrolledCertificates))]
[JsonSerializable(typeof(EnrolledTpm))]
internal sealed partial class SettingsJson : JsonSerializerContext;
