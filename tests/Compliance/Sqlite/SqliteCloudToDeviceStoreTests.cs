using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded stores of messages to devices and of what services read.</summary>
public sealed class SqliteCloudToDeviceStoreTests : CloudToDeviceStoreCompliance
{
    private protected override Task<StoreFixture<MessageStores>> CreateAsync() => Task.FromResult<StoreFixture<MessageStores>>(new SqliteFixture());

    private sealed class SqliteFixture : StoreFixture<MessageStores>
    {
        private readonly TempFolder _folder = new();
        private readonly SecretSeal _seal;
        private SqliteDatabase _database;
        private MessageStores _stores;

        public SqliteFixture()
        {
            _seal = SecretSeal.Open(_folder.File("secret.key"));
            _database = SqliteDatabase.Open(_folder.File("hub.db"));
            _stores = Open("hub1");
        }

        public override MessageStores Store => _stores;

        public override Task ReopenAsync()
        {
            _database.Dispose();
            _database = SqliteDatabase.Open(_folder.File("hub.db"));
            _stores = Open("hub1");
            return Task.CompletedTask;
        }

        public override Task<MessageStores> OpenAnotherHubAsync(string hub) => Task.FromResult(Open(hub));

        public override IEnumerable<(string Name, byte[] Bytes)> StoredBytes() => _folder.Contents().Where(f => f.Name != "secret.key");

        public override ValueTask DisposeAsync()
        {
            _database.Dispose();
            _seal.Dispose();
            _folder.Dispose();
            return ValueTask.CompletedTask;
        }

        private MessageStores Open(string hub)
            => new(new SqliteCloudToDeviceStore(_database, hub), new SqliteServiceBoundStore(_database, hub), new SqliteIdentityStore(_database, _seal, hub));
    }
}
