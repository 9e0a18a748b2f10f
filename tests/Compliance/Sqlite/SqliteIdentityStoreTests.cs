using System.Security.Cryptography;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Compliance.Sqlite;

/// <summary>The embedded identity store, and what is special about a file.</summary>
public sealed class SqliteIdentityStoreTests : IdentityStoreCompliance
{
    private protected override Task<StoreFixture<IIdentityStore>> CreateAsync() => Task.FromResult<StoreFixture<IIdentityStore>>(new SqliteFixture());

    [Fact]
    public async Task Without_the_key_file_the_stored_keys_are_useless()
    {
        using var folder = new TempFolder();
        var identity = new Identity { DeviceId = "dev1", GenerationId = "1", Authentication = new Authentication(AuthenticationType.Sas, [1, 2, 3], [4, 5, 6]) };
        using (var seal = SecretSeal.Open(folder.File("first.key")))
        using (var database = SqliteDatabase.Open(folder.File("hub.db")))
            await new SqliteIdentityStore(database, seal, "hub1").InsertAsync(identity, null, default);
        using (var seal = SecretSeal.Open(folder.File("second.key")))
        using (var database = SqliteDatabase.Open(folder.File("hub.db")))
            await Should.ThrowAsync<CryptographicException>(async () => await new SqliteIdentityStore(database, seal, "hub1").FindAsync("dev1", null, default));
    }

    [Fact]
    public async Task A_sealed_key_cannot_be_moved_to_another_device()
    {
        using var folder = new TempFolder();
        using var seal = SecretSeal.Open(folder.File("secret.key"));
        using var database = SqliteDatabase.Open(folder.File("hub.db"));
        var store = new SqliteIdentityStore(database, seal, "hub1");
        foreach (var id in (string[])["mine", "yours"])
            await store.InsertAsync(new Identity { DeviceId = id, GenerationId = "1", Authentication = new Authentication(AuthenticationType.Sas, [1, 2, 3], [4, 5, 6]) }, null, default);
        await database.WriteAsync(c => c.Execute("UPDATE identities SET primary_key=(SELECT primary_key FROM identities WHERE device_id='mine') WHERE device_id='yours'"), default);
        await Should.ThrowAsync<CryptographicException>(async () => await store.FindAsync("yours", null, default));
        (await store.FindAsync("mine", null, default)).ShouldNotBeNull();
    }

    [Fact]
    public void The_key_file_is_for_its_owner_and_a_broken_one_says_so()
    {
        using var folder = new TempFolder();
        SecretSeal.Open(folder.File("secret.key")).Dispose();
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(folder.File("secret.key")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(folder.File("broken.key"), "not a key");
        Should.Throw<InvalidDataException>(() => SecretSeal.Open(folder.File("broken.key"))).Message.ShouldContain("backup");
        File.ReadAllText(folder.File("broken.key")).ShouldBe("not a key");
    }

    [Fact]
    public void Sealing_is_different_each_time_and_bound_to_its_context()
    {
        using var folder = new TempFolder();
        using var seal = SecretSeal.Open(folder.File("secret.key"));
        var one = seal.Seal([1, 2, 3], "a")!;
        one.ShouldNotBe(seal.Seal([1, 2, 3], "a"));
        seal.Unseal(one, "a").ShouldBe(new byte[] { 1, 2, 3 });
        Should.Throw<CryptographicException>(() => seal.Unseal(one, "b"));
        seal.Seal(null, "a").ShouldBeNull();
        seal.Unseal(null, "a").ShouldBeNull();
        for (var i = 0; i < one.Length; i++)
        {
            var changed = one.ToArray();
            changed[i] ^= 1;
            Should.Throw<CryptographicException>(() => seal.Unseal(changed, "a"));
            Should.Throw<CryptographicException>(() => seal.Unseal(one[..i], "a"));
        }
    }

    [Fact]
    public async Task Many_threads_seal_and_open_at_once()
    {
        using var folder = new TempFolder();
        using var seal = SecretSeal.Open(folder.File("secret.key"));
        var secret = Enumerable.Range(0, 64).Select(i => (byte)i).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 5000; i++)
                seal.Unseal(seal.Seal(secret, $"{thread}"), $"{thread}").ShouldBe(secret);
        })));
    }

    [Fact]
    public async Task A_database_of_a_newer_version_is_left_alone()
    {
        using var folder = new TempFolder();
        using (var database = SqliteDatabase.Open(folder.File("hub.db")))
            await database.WriteAsync(c => c.Execute("PRAGMA user_version=9999"), default);
        Should.Throw<InvalidDataException>(() => SqliteDatabase.Open(folder.File("hub.db"))).Message.ShouldContain("9999");
    }

    [Fact]
    public async Task A_write_that_fails_leaves_nothing()
    {
        using var folder = new TempFolder();
        using var database = SqliteDatabase.Open(folder.File("hub.db"));
        await Should.ThrowAsync<InvalidOperationException>(database.WriteAsync<int>(c =>
        {
            c.Execute("INSERT INTO settings (name, value) VALUES ('a', 'b')");
            throw new InvalidOperationException("in the middle");
        }, default));
        database.Read(c => c.Query("SELECT count(*) FROM settings", r => r.GetInt32(0)))[0].ShouldBe(0);
        await database.WriteAsync(c => c.Execute("INSERT INTO settings (name, value) VALUES ('a', 'b')"), default);
        database.Read(c => c.Query("SELECT count(*) FROM settings", r => r.GetInt32(0)))[0].ShouldBe(1);
    }

    [Fact]
    public async Task Settings_and_policies_are_decided_once()
    {
        using var folder = new TempFolder();
        using var seal = SecretSeal.Open(folder.File("secret.key"));
        IReadOnlyList<SharedAccessPolicy> made;
        using (var database = SqliteDatabase.Open(folder.File("hub.db")))
        {
            var installation = new SqliteInstallation(database, seal);
            (await installation.SettingAsync("scope", () => "0ne1", default)).ShouldBe("0ne1");
            (await installation.SettingAsync("scope", () => "0ne2", default)).ShouldBe("0ne1");
            made = await installation.PoliciesAsync("hub/hub1", SharedAccessPolicy.HubDefaults, default);
        }
        using (var database = SqliteDatabase.Open(folder.File("hub.db")))
        {
            var installation = new SqliteInstallation(database, seal);
            (await installation.SettingAsync("scope", () => "0ne3", default)).ShouldBe("0ne1");
            var found = await installation.PoliciesAsync("hub/hub1", SharedAccessPolicy.HubDefaults, default);
            found.Select(p => (p.Name, p.Rights, Convert.ToHexString(p.PrimaryKey), Convert.ToHexString(p.SecondaryKey)))
                .ShouldBe(made.Select(p => (p.Name, p.Rights, Convert.ToHexString(p.PrimaryKey), Convert.ToHexString(p.SecondaryKey))));
            (await installation.PoliciesAsync("dps", SharedAccessPolicy.ProvisioningDefaults, default)).Count.ShouldBe(3);
        }
        foreach (var (name, bytes) in folder.Contents())
        {
            foreach (var key in made.SelectMany(p => (byte[][])[p.PrimaryKey, p.SecondaryKey]))
                bytes.AsSpan().IndexOf(key).ShouldBe(-1, name);
        }
    }

    private sealed class SqliteFixture : StoreFixture<IIdentityStore>
    {
        private readonly TempFolder _folder = new();
        private readonly SecretSeal _seal;
        private SqliteDatabase _database;
        private SqliteIdentityStore _store;

        public SqliteFixture()
        {
            _seal = SecretSeal.Open(_folder.File("secret.key"));
            _database = SqliteDatabase.Open(_folder.File("hub.db"));
            _store = new SqliteIdentityStore(_database, _seal, "hub1");
        }

        public override IIdentityStore Store => _store;

        public override Task ReopenAsync()
        {
            _database.Dispose();
            _database = SqliteDatabase.Open(_folder.File("hub.db"));
            _store = new SqliteIdentityStore(_database, _seal, "hub1");
            return Task.CompletedTask;
        }

        public override Task<IIdentityStore> OpenAnotherHubAsync(string hub) => Task.FromResult<IIdentityStore>(new SqliteIdentityStore(_database, _seal, hub));

        public override IEnumerable<(string Name, byte[] Bytes)> StoredBytes() => _folder.Contents().Where(f => f.Name != "secret.key");

        public override ValueTask DisposeAsync()
        {
            _database.Dispose();
            _seal.Dispose();
            _folder.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
