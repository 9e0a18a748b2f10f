using Homeport.Provisioning.Allocation.Linked;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded store of issued certificates.</summary>
public sealed class SqliteIssuedCertificateStoreTests : IssuedCertificateStoreCompliance
{
    private protected override Task<StoreFixture<IIssuedCertificateStore>> CreateAsync() => Task.FromResult<StoreFixture<IIssuedCertificateStore>>(
        new DatabaseFixture<IIssuedCertificateStore>((database, application) => new SqliteIssuedCertificateStore(database, application)));
}

/// <summary>The embedded store of revocation lists.</summary>
public sealed class SqliteRevocationStoreTests : RevocationStoreCompliance
{
    private protected override Task<StoreFixture<IRevocationStore>> CreateAsync() => Task.FromResult<StoreFixture<IRevocationStore>>(
        new DatabaseFixture<IRevocationStore>((database, application) => new SqliteRevocationStore(database, application)));
}

/// <summary>The embedded store of listed endorsement keys.</summary>
public sealed class SqliteEndorsementStoreTests : EndorsementStoreCompliance
{
    private protected override Task<StoreFixture<IEndorsementStore>> CreateAsync() => Task.FromResult<StoreFixture<IEndorsementStore>>(
        new DatabaseFixture<IEndorsementStore>((database, application) => new SqliteEndorsementStore(database, application)));
}

/// <summary>The embedded store of linked hubs.</summary>
public sealed class SqliteLinkedHubStoreTests : LinkedHubStoreCompliance, IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;

    public SqliteLinkedHubStoreTests() => _seal = SecretSeal.Open(_folder.File("secret.key"));

    public void Dispose()
    {
        _seal.Dispose();
        _folder.Dispose();
    }

    private protected override Task<StoreFixture<ILinkedHubStore>> CreateAsync() => Task.FromResult<StoreFixture<ILinkedHubStore>>(
        new DatabaseFixture<ILinkedHubStore>((database, application) => new SqliteLinkedHubStore(database, _seal, application)));
}

/// <summary>The embedded store of the roots that devices trust.</summary>
public sealed class SqliteDeviceTrustStoreTests : DeviceTrustStoreCompliance, IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;

    public SqliteDeviceTrustStoreTests() => _seal = SecretSeal.Open(_folder.File("secret.key"));

    public void Dispose()
    {
        _seal.Dispose();
        _folder.Dispose();
    }

    private protected override Task<StoreFixture<TrustStores>> CreateAsync() => Task.FromResult<StoreFixture<TrustStores>>(
        new DatabaseFixture<TrustStores>((database, hub) => new TrustStores(new SqliteIdentityStore(database, _seal, hub), new SqliteDeviceTrustStore(database, hub))));
}
