using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded twin store.</summary>
public sealed class SqliteTwinStoreTests : TwinStoreCompliance
{
    private protected override Task<StoreFixture<DeviceStores>> CreateAsync() => Task.FromResult<StoreFixture<DeviceStores>>(new SqliteDeviceStores());
}

/// <summary>The embedded store of sessions.</summary>
public sealed class SqliteSubscriptionStoreTests : SubscriptionStoreCompliance
{
    private protected override Task<StoreFixture<DeviceStores>> CreateAsync() => Task.FromResult<StoreFixture<DeviceStores>>(new SqliteDeviceStores());
}

/// <summary>The embedded connection history.</summary>
public sealed class SqliteConnectionStoreTests : ConnectionStoreCompliance
{
    private protected override Task<StoreFixture<DeviceStores>> CreateAsync() => Task.FromResult<StoreFixture<DeviceStores>>(new SqliteDeviceStores());
}

internal sealed class SqliteDeviceStores : StoreFixture<DeviceStores>
{
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;
    private SqliteDatabase _database;
    private DeviceStores _store;

    public SqliteDeviceStores()
    {
        _seal = SecretSeal.Open(_folder.File("secret.key"));
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        _store = Stores("hub1");
    }

    public override DeviceStores Store => _store;

    public override Task ReopenAsync()
    {
        _database.Dispose();
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        _store = Stores("hub1");
        return Task.CompletedTask;
    }

    public override Task<DeviceStores> OpenAnotherHubAsync(string hub) => Task.FromResult(Stores(hub));

    public override IEnumerable<(string Name, byte[] Bytes)> StoredBytes() => _folder.Contents().Where(f => f.Name != "secret.key");

    public override ValueTask DisposeAsync()
    {
        _database.Dispose();
        _seal.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private DeviceStores Stores(string hub) => new(new SqliteIdentityStore(_database, _seal, hub), new SqliteTwinStore(_database, hub), new SqliteSubscriptionStore(_database, hub), new SqliteConnectionStore(_database, hub));
}
