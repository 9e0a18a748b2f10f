using Homeport.Hub.Files;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded store of open uploads.</summary>
public sealed class SqliteUploadStoreTests : UploadStoreCompliance
{
    private protected override Task<StoreFixture<IUploadStore>> CreateAsync()
        => Task.FromResult<StoreFixture<IUploadStore>>(new DatabaseFixture<IUploadStore>((database, hub) => new SqliteUploadStore(database, hub)));
}

/// <summary>A store in a database file.</summary>
internal sealed class DatabaseFixture<T> : StoreFixture<T>
{
    private readonly TempFolder _folder = new();
    private readonly Func<SqliteDatabase, string, T> _open;
    private SqliteDatabase _database;
    private T _store;

    public DatabaseFixture(Func<SqliteDatabase, string, T> open)
    {
        _open = open;
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        _store = open(_database, "hub1");
    }

    public override T Store => _store;

    public override Task ReopenAsync()
    {
        _database.Dispose();
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        _store = _open(_database, "hub1");
        return Task.CompletedTask;
    }

    public override Task<T> OpenAnotherHubAsync(string hub) => Task.FromResult(_open(_database, hub));

    public override IEnumerable<(string Name, byte[] Bytes)> StoredBytes() => _folder.Contents();

    public override ValueTask DisposeAsync()
    {
        _database.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
