using Homeport.Hub.Jobs;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded store of jobs.</summary>
public sealed class SqliteJobStoreTests : JobStoreCompliance
{
    private protected override Task<StoreFixture<IJobStore>> CreateAsync()
        => Task.FromResult<StoreFixture<IJobStore>>(new DatabaseFixture<IJobStore>((database, hub) => new SqliteJobStore(database, hub)));
}

/// <summary>The embedded store of configurations.</summary>
public sealed class SqliteConfigurationStoreTests : ConfigurationStoreCompliance, IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;

    public SqliteConfigurationStoreTests() => _seal = SecretSeal.Open(_folder.File("secret.key"));

    public void Dispose()
    {
        _seal.Dispose();
        _folder.Dispose();
    }

    private protected override Task<StoreFixture<ConfigurationStores>> CreateAsync() => Task.FromResult<StoreFixture<ConfigurationStores>>(
        new DatabaseFixture<ConfigurationStores>((database, hub) => new ConfigurationStores(new SqliteIdentityStore(database, _seal, hub), new SqliteConfigurationStore(database, hub))));
}
