using Homeport.Hub.Consumers;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded store of consumer groups.</summary>
public sealed class SqliteConsumerGroupStoreTests : ConsumerGroupStoreCompliance
{
    private protected override Task<StoreFixture<IConsumerGroupStore>> CreateAsync()
        => Task.FromResult<StoreFixture<IConsumerGroupStore>>(new DatabaseFixture<IConsumerGroupStore>((database, hub) => new SqliteConsumerGroupStore(database, hub)));
}
