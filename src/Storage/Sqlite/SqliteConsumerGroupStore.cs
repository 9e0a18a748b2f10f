using Homeport.Hub.Consumers;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Consumer groups of one hub.</summary>
public sealed class SqliteConsumerGroupStore(SqliteDatabase database, string hub) : IConsumerGroupStore
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<ConsumerGroup>> ListAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<ConsumerGroup>>(database.Read(c => c.Query(
        "SELECT name, created FROM consumer_groups WHERE hub=$hub ORDER BY name", Read, ("$hub", hub))));

    /// <inheritdoc/>
    public Task<ConsumerGroup?> AddAsync(ConsumerGroup group, int max, CancellationToken token) => database.WriteAsync(c =>
    {
        c.Execute(
            """
            INSERT INTO consumer_groups (hub, name, created) SELECT $hub, $name, $created
            WHERE (SELECT count(*) FROM consumer_groups WHERE hub=$hub)<$max AND NOT EXISTS (SELECT 1 FROM consumer_groups WHERE hub=$hub AND name=$name)
            """,
            ("$hub", hub), ("$name", group.Name), ("$created", group.Created), ("$max", max));
        return c.QueryFirst("SELECT name, created FROM consumer_groups WHERE hub=$hub AND name=$name", Read, ("$hub", hub), ("$name", group.Name));
    }, token);

    /// <inheritdoc/>
    public Task<bool> RemoveAsync(string name, CancellationToken token)
        => database.WriteAsync(c => c.Execute("DELETE FROM consumer_groups WHERE hub=$hub AND name=$name", ("$hub", hub), ("$name", name)) > 0, token);

    private static ConsumerGroup Read(SqliteDataReader row) => new(row.GetString(0), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)));
}
