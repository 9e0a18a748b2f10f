using System.Globalization;
using Homeport.Contract.Errors;
using Homeport.People.Organizations;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>Organizations in SQLite.</summary>
public sealed class SqliteOrganizationStore(SqliteDatabase database, string application) : IOrganizationStore
{
    private static readonly (string Words, string Sql)[] Users =
    [
        ("organizations", "SELECT count(*) FROM organizations WHERE parent=$id"),
        ("devices", "SELECT count(*) FROM devices WHERE application=$application AND organization=$id"),
        ("accounts", "SELECT count(*) FROM accounts WHERE organization=$id"),
        ("API tokens", "SELECT count(*) FROM api_tokens WHERE organization=$id"),
    ];

    /// <inheritdoc/>
    public Task<IReadOnlyList<Organization>> ListAsync(CancellationToken token) => Task.FromResult(database.Read(List));

    /// <inheritdoc/>
    public Task<Outcome<Organization>> ChangeAsync(Func<IReadOnlyList<Organization>, Outcome<Organization>> change, CancellationToken token) => database.WriteAsync(c =>
    {
        var outcome = change(List(c));
        if (outcome.Value is { } wanted)
        {
            c.Execute(
                """
                INSERT INTO organizations (id, display_name, parent, version) VALUES ($id, $name, $parent, $version)
                ON CONFLICT (id) DO UPDATE SET display_name=excluded.display_name, parent=excluded.parent, version=excluded.version
                """,
                ("$id", wanted.Id), ("$name", wanted.DisplayName), ("$parent", wanted.Parent), ("$version", wanted.Version));
        }
        return outcome;
    }, token);

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>?> DeleteAsync(string id, CancellationToken token) => database.WriteAsync<IReadOnlyList<string>?>(c =>
    {
        if (List(c).All(o => o.Id != id))
            return null;
        var rest = new List<string>();
        foreach (var (words, sql) in Users)
        {
            var count = c.Query(sql, r => r.GetInt64(0), ("$application", application), ("$id", id))[0];
            if (count > 0)
                rest.Add(string.Create(CultureInfo.InvariantCulture, $"{count} {words}"));
        }
        if (rest.Count == 0)
            c.Execute("DELETE FROM organizations WHERE id=$id", ("$id", id));
        return rest;
    }, token);

    private static IReadOnlyList<Organization> List(SqliteConnection connection) => connection.Query(
        "SELECT id, display_name, parent, version FROM organizations ORDER BY id", r => new Organization(r.GetString(0), r.GetString(1), r.TextOrNull(2), r.GetInt64(3)));
}
