using System.Text.Json;
using System.Text.Json.Serialization;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Registration records of one application in SQLite.</summary>
public sealed class SqliteRegistrationStore(SqliteDatabase database, string application) : IRegistrationStore
{
    private const string Columns = """
        id, etag, created, updated, status, substatus, assigned_hub, device_id, group_id, attestation, storage_root_key, error_code, error_message, operations,
        credential, endorsement_key, endorsement_hash, model_id, payload, issued_chain, left_behind
        """;

    /// <inheritdoc/>
    public Task<Registration?> FindAsync(string registrationId, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst(
            $"SELECT {Columns} FROM registrations WHERE application=$application AND id_key=$key", Read,
            ("$application", application), ("$key", Key(registrationId)))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Registration>> ListAsync(string enrollmentGroupId, string? after, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<Registration>>(database.Read(c => c.Query(
            $"SELECT {Columns} FROM registrations WHERE application=$application AND group_key=$group AND id_key>$after ORDER BY id_key LIMIT $max", Read,
            ("$application", application), ("$group", Key(enrollmentGroupId)), ("$after", Key(after ?? "")), ("$max", max))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Registration>> FindByEndorsementAsync(byte[] hash, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<Registration>>(database.Read(c => c.Query(
            $"SELECT {Columns} FROM registrations WHERE application=$application AND endorsement_hash=$hash ORDER BY id_key LIMIT $max", Read,
            ("$application", application), ("$hash", hash), ("$max", max))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Registration>> ListLeftBehindAsync(string? after, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<Registration>>(database.Read(c => c.Query(
            $"SELECT {Columns} FROM registrations WHERE application=$application AND left_behind IS NOT NULL AND id_key>$after ORDER BY id_key LIMIT $max", Read,
            ("$application", application), ("$after", Key(after ?? "")), ("$max", max))));

    /// <inheritdoc/>
    public Task<bool> SaveAsync(Registration registration, string? etag, CancellationToken token) => database.WriteAsync(c => etag is null
        ? c.Execute(
            $"""
            INSERT INTO registrations (application, id_key, group_key, {Columns})
            VALUES ($application, $key, $groupKey, $id, $etag, $created, $updated, $status, $substatus, $hub, $device, $group, $attestation,
                $storageRootKey, $errorCode, $errorMessage, $operations, $credential, $endorsementKey, $endorsementHash, $model, $payload, $chain, $left)
            ON CONFLICT DO NOTHING
            """, Parameters(registration)) == 1
        : c.Execute(
            """
            UPDATE registrations SET etag=$etag, updated=$updated, status=$status, substatus=$substatus, assigned_hub=$hub, device_id=$device,
                group_key=$groupKey, group_id=$group, attestation=$attestation, storage_root_key=$storageRootKey, error_code=$errorCode,
                error_message=$errorMessage, operations=$operations, credential=$credential, endorsement_key=$endorsementKey,
                endorsement_hash=$endorsementHash, model_id=$model, payload=$payload, issued_chain=$chain, left_behind=$left
            WHERE application=$application AND id_key=$key AND etag=$expected
            """, [.. Parameters(registration), ("$expected", etag)]) == 1, token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string registrationId, string etag, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM registrations WHERE application=$application AND id_key=$key AND etag=$etag",
        ("$application", application), ("$key", Key(registrationId)), ("$etag", etag)) == 1, token);

    private (string, object?)[] Parameters(Registration registration) =>
    [
        ("$application", application), ("$key", Key(registration.RegistrationId)), ("$id", registration.RegistrationId), ("$etag", registration.ETag),
        ("$created", registration.Created), ("$updated", registration.Updated), ("$status", (int)registration.Status),
        ("$substatus", registration.Substatus is { } substatus ? (int)substatus : null),
        ("$hub", registration.AssignedHub), ("$device", registration.DeviceId),
        ("$groupKey", registration.EnrollmentGroupId is { } group ? Key(group) : null), ("$group", registration.EnrollmentGroupId),
        ("$attestation", (int)registration.Attestation), ("$storageRootKey", registration.StorageRootKey),
        ("$errorCode", registration.ErrorCode), ("$errorMessage", registration.ErrorMessage),
        ("$credential", registration.Credential is { } credential ? (int)credential : null), ("$endorsementKey", registration.EndorsementKey),
        ("$endorsementHash", registration.EndorsementHash), ("$model", registration.ModelId),
        ("$operations", JsonSerializer.Serialize(registration.Operations, OperationsJson.Default.IReadOnlyListString)),
        ("$payload", registration.Payload),
        ("$chain", registration.IssuedChain is { } chain ? JsonSerializer.Serialize(chain, OperationsJson.Default.IReadOnlyListString) : null),
        ("$left", registration.LeftBehind.Count > 0 ? JsonSerializer.Serialize(registration.LeftBehind, OperationsJson.Default.IReadOnlyListLeftBehind) : null),
    ];

    private static Registration Read(SqliteDataReader row) => new()
    {
        RegistrationId = row.GetString(0),
        ETag = row.GetString(1),
        Created = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(2)),
        Updated = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(3)),
        Status = (RegistrationStatus)row.GetInt32(4),
        Substatus = row.IsDBNull(5) ? null : (RegistrationSubstatus)row.GetInt32(5),
        AssignedHub = row.TextOrNull(6),
        DeviceId = row.TextOrNull(7),
        EnrollmentGroupId = row.TextOrNull(8),
        Attestation = (AttestationType)row.GetInt32(9),
        StorageRootKey = row.BytesOrNull(10),
        ErrorCode = row.IsDBNull(11) ? null : row.GetInt32(11),
        ErrorMessage = row.TextOrNull(12),
        Operations = JsonSerializer.Deserialize(row.GetString(13), OperationsJson.Default.IReadOnlyListString)!,
        Credential = row.IsDBNull(14) ? null : (CredentialUsed)row.GetInt32(14),
        EndorsementKey = row.BytesOrNull(15),
        EndorsementHash = row.BytesOrNull(16),
        ModelId = row.TextOrNull(17),
        Payload = row.TextOrNull(18),
        IssuedChain = row.TextOrNull(19) is { } chain ? JsonSerializer.Deserialize(chain, OperationsJson.Default.IReadOnlyListString) : null,
        LeftBehind = row.TextOrNull(20) is { } left ? JsonSerializer.Deserialize(left, OperationsJson.Default.IReadOnlyListLeftBehind)! : [],
    };

    private static string Key(string id) => id.ToLowerInvariant();
}

/// <summary>The columns <c>operations</c>, <c>issued_chain</c> and <c>left_behind</c>.</summary>
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(IReadOnlyList<LeftBehind>))]
internal sealed partial class OperationsJson : JsonSerializerContext;
