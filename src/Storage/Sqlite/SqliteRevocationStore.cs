using Homeport.Provisioning.Certificates;

namespace Homeport.Storage.Sqlite;

/// <summary>Revocation lists of one application's CAs in SQLite.</summary>
public sealed class SqliteRevocationStore(SqliteDatabase database, string application) : IRevocationStore
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<(string Authority, byte[] List)>> ListAsync(CancellationToken token)
        => Task.FromResult<IReadOnlyList<(string, byte[])>>(database.Read(c => c.Query(
            "SELECT authority, list FROM revocation_lists WHERE application=$application ORDER BY authority", r => (r.GetString(0), r.BytesOrNull(1)!),
            ("$application", application))));

    /// <inheritdoc/>
    public Task PutAsync(string authority, byte[] list, CancellationToken token) => database.WriteAsync(c => c.Execute(
        """
        INSERT INTO revocation_lists (application, authority, list) VALUES ($application, $authority, $list)
        ON CONFLICT DO UPDATE SET list=excluded.list
        """, ("$application", application), ("$authority", authority), ("$list", list)), token);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(string authority, CancellationToken token) => database.WriteAsync(c => c.Execute(
        "DELETE FROM revocation_lists WHERE application=$application AND authority=$authority", ("$application", application), ("$authority", authority)) == 1, token);
}
