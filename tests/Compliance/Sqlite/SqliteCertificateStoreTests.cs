using Homeport.Hub.Access.Certificates;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded store of CA certificates.</summary>
public sealed class SqliteCertificateStoreTests : CertificateStoreCompliance
{
    private protected override Task<StoreFixture<ICertificateStore>> CreateAsync() => Task.FromResult<StoreFixture<ICertificateStore>>(new SqliteFixture());

    private sealed class SqliteFixture : StoreFixture<ICertificateStore>
    {
        private readonly TempFolder _folder = new();
        private SqliteDatabase _database;

        public SqliteFixture() => _database = SqliteDatabase.Open(_folder.File("hub.db"));

        public override ICertificateStore Store => new SqliteCertificateStore(_database, "hub1");

        public override Task ReopenAsync()
        {
            _database.Dispose();
            _database = SqliteDatabase.Open(_folder.File("hub.db"));
            return Task.CompletedTask;
        }

        public override Task<ICertificateStore> OpenAnotherHubAsync(string hub) => Task.FromResult<ICertificateStore>(new SqliteCertificateStore(_database, hub));

        public override IEnumerable<(string Name, byte[] Bytes)> StoredBytes() => _folder.Contents();

        public override ValueTask DisposeAsync()
        {
            _database.Dispose();
            _folder.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
