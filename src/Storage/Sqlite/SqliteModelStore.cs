using Homeport.Models;
using Homeport.Templates;

namespace Homeport.Storage.Sqlite;

/// <summary>The own model repository of an application.</summary>
public sealed class SqliteModelStore(SqliteDatabase database, string application) : IModelStore
{
    /// <inheritdoc/>
    public Task<byte[]?> FindAsync(Dtmi id, CancellationToken token) => Task.FromResult(database.Read(c => c.QueryFirst(
        "SELECT json FROM models WHERE application=$application AND id=$id", r => r.GetFieldValue<byte[]>(0), ("$application", application), ("$id", id.Text))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListAsync(CancellationToken token) => Task.FromResult<IReadOnlyList<string>>(database.Read(c => c.Query(
        "SELECT id FROM models WHERE application=$application ORDER BY id", r => r.GetString(0), ("$application", application))));

    /// <inheritdoc/>
    public Task<int> AddAsync(IReadOnlyDictionary<string, byte[]> interfaces, CancellationToken token) => database.WriteAsync(c => interfaces.Sum(i => c.Execute(
        "INSERT INTO models (application, id, json) VALUES ($application, $id, $json) ON CONFLICT DO NOTHING",
        ("$application", application), ("$id", i.Key), ("$json", i.Value))), token);

    /// <inheritdoc/>
    public Task<bool> RemoveAsync(string id, CancellationToken token)
        => database.WriteAsync(c => c.Execute("DELETE FROM models WHERE application=$application AND id=$id", ("$application", application), ("$id", id)) == 1, token);
}
