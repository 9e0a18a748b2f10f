using Homeport.Provisioning.Enrollments;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Endorsement keys of the TPM groups of one application in SQLite.</summary>
public sealed class SqliteEndorsementStore(SqliteDatabase database, string application) : IEndorsementStore
{
    private const string Columns = "hash, group_key, registration_key";

    /// <inheritdoc/>
    public Task<ListedEndorsement?> FindAsync(byte[] hash, CancellationToken token)
        => Task.FromResult(database.Read(c => c.QueryFirst(
            $"SELECT {Columns} FROM endorsement_keys WHERE application=$application AND hash=$hash", Read, ("$application", application), ("$hash", hash))));

    /// <inheritdoc/>
    public Task<EndorsementsAdded> AddAsync(string groupId, IReadOnlyList<ListedEndorsement> keys, int limit, CancellationToken token)
        => database.WriteAsync(c => Add(c, Key(groupId), keys, limit), token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ListedEndorsement>> ListAsync(string groupId, byte[]? after, int max, CancellationToken token)
        => Task.FromResult<IReadOnlyList<ListedEndorsement>>(database.Read(c => c.Query(
            $"SELECT {Columns} FROM endorsement_keys WHERE application=$application AND group_key=$group AND hash>$after ORDER BY hash LIMIT $max", Read,
            ("$application", application), ("$group", Key(groupId)), ("$after", after ?? []), ("$max", max))));

    /// <inheritdoc/>
    public Task<long> CountAsync(string groupId, CancellationToken token) => Task.FromResult(database.Read(c => Count(c, Key(groupId))));

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string groupId, byte[] hash, CancellationToken token) => database.WriteAsync(c =>
    {
        var deleted = c.Execute("DELETE FROM endorsement_keys WHERE application=$application AND hash=$hash AND group_key=$group",
            ("$application", application), ("$hash", hash), ("$group", Key(groupId)));
        Change(c, Key(groupId), -deleted);
        return deleted == 1;
    }, token);

    /// <inheritdoc/>
    public Task<int> DeleteSomeAsync(string groupId, int max, CancellationToken token) => database.WriteAsync(c =>
    {
        var deleted = c.Execute(
            """
            DELETE FROM endorsement_keys WHERE application=$application AND hash IN
                (SELECT hash FROM endorsement_keys WHERE application=$application AND group_key=$group LIMIT $max)
            """, ("$application", application), ("$group", Key(groupId)), ("$max", max));
        Change(c, Key(groupId), -deleted);
        return deleted;
    }, token);

    private EndorsementsAdded Add(SqliteConnection connection, string group, IReadOnlyList<ListedEndorsement> keys, int limit)
    {
        var room = limit - Count(connection, group);
        var (added, known, other, over) = (0, 0, 0, 0);
        using var find = connection.CreateCommand();
        find.CommandText = "SELECT group_key FROM endorsement_keys WHERE application=$application AND hash=$hash";
        find.Parameters.AddWithValue("$application", application);
        var wanted = find.Parameters.Add("$hash", SqliteType.Blob);
        using var write = connection.CreateCommand();
        write.CommandText =
            """
            INSERT INTO endorsement_keys (application, hash, group_key, registration_key) VALUES ($application, $hash, $group, $registration)
            ON CONFLICT DO UPDATE SET registration_key=excluded.registration_key
            """;
        write.Parameters.AddWithValue("$application", application);
        write.Parameters.AddWithValue("$group", group);
        var hash = write.Parameters.Add("$hash", SqliteType.Blob);
        var registration = write.Parameters.Add("$registration", SqliteType.Text);
        foreach (var key in keys)
        {
            wanted.Value = key.Hash;
            var present = (string?)find.ExecuteScalar();
            if (present is not null && present != group)
            {
                other++;
            }
            else if (present is null && added >= room)
            {
                over++;
            }
            else
            {
                hash.Value = key.Hash;
                registration.Value = key.RegistrationId is { } id ? Key(id) : DBNull.Value;
                write.ExecuteNonQuery();
                (added, known) = present is null ? (added + 1, known) : (added, known + 1);
            }
        }
        Change(connection, group, added);
        return new EndorsementsAdded(added, known, other, over);
    }

    private long Count(SqliteConnection connection, string group) => connection.Query(
        "SELECT count FROM endorsement_counts WHERE application=$application AND group_key=$group", r => r.GetInt64(0), ("$application", application), ("$group", group)).FirstOrDefault();

    private void Change(SqliteConnection connection, string group, int by)
    {
        if (by == 0)
            return;
        connection.Execute(
            """
            INSERT INTO endorsement_counts (application, group_key, count) VALUES ($application, $group, $by)
            ON CONFLICT DO UPDATE SET count=count+excluded.count
            """, ("$application", application), ("$group", group), ("$by", by));
    }

    private static ListedEndorsement Read(SqliteDataReader row) => new(row.BytesOrNull(0)!, row.GetString(1), row.TextOrNull(2));

    private static string Key(string id) => id.ToLowerInvariant();
}
