using Homeport.Hub.Registry;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IIdentityStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class IdentityStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Time = new(2026, 1, 31, 12, 0, 0, 123, TimeSpan.Zero);

    private protected StoreFixture<IIdentityStore> Fixture { get; private set; } = null!;

    private IIdentityStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IIdentityStore>> CreateAsync();

    [Fact]
    public async Task What_is_inserted_is_found_field_by_field()
    {
        foreach (var identity in (Identity[])[Full("dev1", null), Full("dev1", "m1"), Plain("dev2")])
        {
            (await Store.InsertAsync(identity, null, default)).ShouldBeTrue();
            Same(await Store.FindAsync(identity.DeviceId, identity.ModuleId, default), identity);
        }
        (await Store.FindAsync("dev3", null, default)).ShouldBeNull();
        (await Store.FindAsync("dev1", "m2", default)).ShouldBeNull();
    }

    [Fact]
    public async Task Reopening_finds_everything()
    {
        await Store.InsertAsync(Full("dev1", null), null, default);
        await Store.InsertAsync(Full("dev1", "m1"), null, default);
        await Fixture.ReopenAsync();
        Same(await Store.FindAsync("dev1", null, default), Full("dev1", null));
        Same(await Store.FindAsync("dev1", "m1", default), Full("dev1", "m1"));
        (await Store.CountAsync(default)).ShouldBe((1, 0));
    }

    [Theory]
    [InlineData("a-b:c.d+e%f_g#h*i?j!k(l)m,n=o@p;q$r's")]
    [InlineData("%")]
    [InlineData("_")]
    [InlineData("dev%231")]
    [InlineData("'; DROP TABLE identities; --")]
    public async Task Every_character_of_an_id_is_a_character(string id)
    {
        await Store.InsertAsync(Plain("other"), null, default);
        await Store.InsertAsync(Plain(id), null, default);
        await Store.InsertAsync(Plain(id) with { ModuleId = id }, null, default);
        (await Store.FindAsync(id, null, default))!.DeviceId.ShouldBe(id);
        (await Store.ListModulesAsync(id, default)).Single().ModuleId.ShouldBe(id);
        (await Store.FindSimilarAsync(id, default)).ShouldBe(id);
        (await Store.DeleteAsync(id, null, null, null, default)).ShouldBeTrue();
        (await Store.CountAsync(default)).Total.ShouldBe(1);
    }

    [Fact]
    public async Task An_id_is_there_once_and_case_counts()
    {
        (await Store.InsertAsync(Plain("dev1") with { StatusReason = "first" }, null, default)).ShouldBeTrue();
        (await Store.InsertAsync(Plain("dev1") with { StatusReason = "second" }, null, default)).ShouldBeFalse();
        (await Store.FindAsync("dev1", null, default))!.StatusReason.ShouldBe("first");
        (await Store.InsertAsync(Plain("DEV1"), null, default)).ShouldBeTrue();
        (await Store.FindAsync("Dev1", null, default)).ShouldBeNull();
        (await Store.CountAsync(default)).Total.ShouldBe(2);
    }

    [Fact]
    public async Task A_similar_id_differs_in_case_only_and_is_a_device()
    {
        await Store.InsertAsync(Plain("Sensor-17"), null, default);
        await Store.InsertAsync(Plain("Sensor-17") with { ModuleId = "Module-1" }, null, default);
        (await Store.FindSimilarAsync("sensor-17", default)).ShouldBe("Sensor-17");
        (await Store.FindSimilarAsync("SENSOR-17", default)).ShouldBe("Sensor-17");
        (await Store.FindSimilarAsync("sensor-18", default)).ShouldBeNull();
        (await Store.FindSimilarAsync("sensor_17", default)).ShouldBeNull("no pattern");
        (await Store.FindSimilarAsync("sensor%", default)).ShouldBeNull("no pattern");
        (await Store.FindSimilarAsync("module-1", default)).ShouldBeNull();
    }

    [Fact]
    public async Task Replacing_needs_the_version_and_the_generation()
    {
        await Store.InsertAsync(Full("dev1", null), null, default);
        var next = Full("dev1", null) with { Version = 8, Enabled = true, StatusReason = null, StatusTime = null, Authentication = new Authentication(AuthenticationType.None), DeviceScope = null, ManagedBy = null, IotEdge = false };
        (await Store.ReplaceAsync(next, 6, default)).ShouldBeFalse();
        (await Store.ReplaceAsync(next with { GenerationId = "another" }, 7, default)).ShouldBeFalse("a device that was deleted and made again is another one");
        Same(await Store.FindAsync("dev1", null, default), Full("dev1", null));
        (await Store.ReplaceAsync(next, 7, default)).ShouldBeTrue();
        Same(await Store.FindAsync("dev1", null, default), next);
        (await Store.ReplaceAsync(next, 7, default)).ShouldBeFalse();
        (await Store.ReplaceAsync(Plain("nobody"), 1, default)).ShouldBeFalse();
        (await Store.FindAsync("nobody", null, default)).ShouldBeNull();
    }

    [Fact]
    public async Task Replacing_leaves_what_the_doors_noted()
    {
        await Store.InsertAsync(Plain("dev1"), null, default);
        await Store.NoteActivityAsync([new IdentityActivity("dev1", null, Time, Time)], default);
        (await Store.ReplaceAsync(Plain("dev1") with { Version = 2, ConnectionTime = null, LastActivity = null }, 1, default)).ShouldBeTrue();
        var now = (await Store.FindAsync("dev1", null, default))!;
        (now.ConnectionTime, now.LastActivity).ShouldBe((Time, Time));
    }

    [Fact]
    public async Task Deleting_takes_the_modules_along_and_nothing_else()
    {
        foreach (var (device, module) in ((string, string?)[])[("dev1", null), ("dev1", "m1"), ("dev1", "m2"), ("dev11", null), ("dev11", "m1"), ("dev", null)])
            await Store.InsertAsync(Plain(device) with { ModuleId = module }, null, default);
        (await Store.DeleteAsync("dev1", "m2", 2, null, default)).ShouldBeFalse();
        (await Store.DeleteAsync("dev1", "m2", 1, null, default)).ShouldBeTrue();
        (await Store.DeleteAsync("dev1", "m2", null, null, default)).ShouldBeFalse();
        (await Store.DeleteAsync("dev1", null, 2, null, default)).ShouldBeFalse();
        (await Store.ListModulesAsync("dev1", default)).Count.ShouldBe(1, "a refused deletion leaves the modules");
        (await Store.DeleteAsync("dev1", null, null, null, default)).ShouldBeTrue();
        (await Store.FindAsync("dev1", "m1", default)).ShouldBeNull();
        (await Store.ListDevicesAsync(10, default)).Select(i => i.DeviceId).ShouldBe(["dev", "dev11"]);
        (await Store.ListModulesAsync("dev11", default)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Lists_are_in_the_order_of_ids_and_bounded()
    {
        foreach (var id in (string[])["b", "a", "C", "B", "10", "9", "c"])
            await Store.InsertAsync(Plain(id), null, default);
        await Store.InsertAsync(Plain("a") with { ModuleId = "z" }, null, default);
        await Store.InsertAsync(Plain("a") with { ModuleId = "y" }, null, default);
        (await Store.ListDevicesAsync(100, default)).Select(i => i.DeviceId).ShouldBe(["10", "9", "B", "C", "a", "b", "c"]);
        (await Store.ListDevicesAsync(3, default)).Select(i => i.DeviceId).ShouldBe(["10", "9", "B"]);
        (await Store.ListModulesAsync("a", default)).Select(i => i.ModuleId).ShouldBe(["y", "z"]);
        (await Store.ListModulesAsync("nobody", default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Counts_are_of_devices()
    {
        (await Store.CountAsync(default)).ShouldBe((0, 0));
        await Store.InsertAsync(Plain("a"), null, default);
        await Store.InsertAsync(Plain("b") with { Enabled = false }, null, default);
        await Store.InsertAsync(Plain("a") with { ModuleId = "m" }, null, default);
        (await Store.CountAsync(default)).ShouldBe((2, 1));
    }

    [Fact]
    public async Task Activity_of_many_is_noted_at_once_and_strangers_are_passed_over()
    {
        await Store.InsertAsync(Plain("dev1"), null, default);
        await Store.InsertAsync(Plain("dev1") with { ModuleId = "m1" }, null, default);
        await Store.NoteActivityAsync([new("dev1", null, Time, Time), new("nobody", null, Time, Time), new("dev1", "m1", null, Time)], default);
        await Store.NoteActivityAsync([new("dev1", null, null, Time.AddSeconds(5))], default);
        await Store.NoteActivityAsync([], default);
        var device = (await Store.FindAsync("dev1", null, default))!;
        (device.ConnectionTime, device.LastActivity, device.Version).ShouldBe((Time, Time.AddSeconds(5), 1), "activity does not change the ETag");
        var module = (await Store.FindAsync("dev1", "m1", default))!;
        (module.ConnectionTime, module.LastActivity).ShouldBe((null, Time));
        (await Store.FindAsync("nobody", null, default)).ShouldBeNull();
    }

    [Fact]
    public async Task Of_many_writers_one_inserts_and_none_is_lost()
    {
        var won = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => Task.Run(() => Store.InsertAsync(Plain("same") with { StatusReason = $"{i}" }, null, default))));
        won.Count(w => w).ShouldBe(1);
        await Task.WhenAll(Enumerable.Range(0, 24).Select(i => Task.Run(() => Store.InsertAsync(Plain($"dev{i}"), null, default))));
        (await Store.CountAsync(default)).Total.ShouldBe(25);
    }

    [Fact]
    public async Task Of_many_writers_of_the_same_version_one_replaces()
    {
        await Store.InsertAsync(Plain("dev1"), null, default);
        for (var version = 1; version <= 5; version++)
        {
            var expected = version;
            var won = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(() => Store.ReplaceAsync(Plain("dev1") with { Version = expected + 1, StatusReason = $"{i}" }, expected, default))));
            won.Count(w => w).ShouldBe(1);
            var now = (await Store.FindAsync("dev1", null, default))!;
            (now.Version, now.StatusReason).ShouldBe((version + 1, $"{Array.IndexOf(won, true)}"));
        }
    }

    [Fact]
    public async Task Readers_are_not_disturbed_by_writers()
    {
        await Store.InsertAsync(Plain("dev1"), null, default);
        using var stop = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var last = 0L;
            while (!stop.IsCancellationRequested)
            {
                var now = (await Store.FindAsync("dev1", null, default))!;
                now.Version.ShouldBeGreaterThanOrEqualTo(last);
                now.Authentication.PrimaryKey.ShouldBe(Plain("dev1").Authentication.PrimaryKey);
                last = now.Version;
            }
        })).ToList();
        for (var version = 1; version <= 40; version++)
            (await Store.ReplaceAsync(Plain("dev1") with { Version = version + 1 }, version, default)).ShouldBeTrue();
        (await Store.FindAsync("dev1", null, default))!.Version.ShouldBe(41, "a read after a write sees it");
        await stop.CancelAsync();
        await Task.WhenAll(readers);
    }

    [Fact]
    public async Task Hubs_do_not_see_each_other()
    {
        var other = await Fixture.OpenAnotherHubAsync("hub2");
        await Store.InsertAsync(Plain("dev1") with { StatusReason = "first hub" }, null, default);
        (await other.FindAsync("dev1", null, default)).ShouldBeNull();
        (await other.FindSimilarAsync("DEV1", default)).ShouldBeNull();
        (await other.InsertAsync(Plain("dev1") with { StatusReason = "second hub" }, null, default)).ShouldBeTrue();
        (await other.CountAsync(default)).Total.ShouldBe(1);
        (await other.DeleteAsync("dev1", null, null, null, default)).ShouldBeTrue();
        (await Store.FindAsync("dev1", null, default))!.StatusReason.ShouldBe("first hub");
    }

    /// <summary>Keys of devices, found nowhere in what the store writes.</summary>
    [Fact]
    public async Task Secrets_are_not_readable_in_what_is_stored()
    {
        var secret = "A very secret key of 32 letters!"u8.ToArray();
        var identity = Plain("dev-with-a-name") with { Authentication = new Authentication(AuthenticationType.Sas, secret, [.. secret.Reverse()]) };
        await Store.InsertAsync(identity, null, default);
        await Store.ReplaceAsync(identity with { Version = 2 }, 1, default);
        byte[][] forms = [secret, [.. secret.Reverse()], System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(secret)), System.Text.Encoding.ASCII.GetBytes(Convert.ToHexString(secret))];
        var found = 0;
        foreach (var (name, bytes) in Fixture.StoredBytes())
        {
            foreach (var form in forms)
                bytes.AsSpan().IndexOf(form).ShouldBe(-1, name);
            found += bytes.AsSpan().IndexOf("dev-with-a-name"u8) >= 0 ? 1 : 0;
        }
        found.ShouldBeGreaterThan(0, "the search looks where the store writes");
    }

    private static Identity Plain(string id) => new()
    {
        DeviceId = id,
        GenerationId = "638000000000000000",
        Authentication = new Authentication(AuthenticationType.Sas, [.. Enumerable.Repeat((byte)7, 32)], [.. Enumerable.Repeat((byte)8, 16)]),
    };

    private static Identity Full(string device, string? module) => new()
    {
        DeviceId = device,
        ModuleId = module,
        GenerationId = "638000000000000001",
        Version = 7,
        Enabled = false,
        StatusReason = "lost, \"quoted\" and ä",
        StatusTime = Time,
        Authentication = new Authentication(AuthenticationType.SelfSigned, [1, 2, 3], [4, 5], new string('A', 40), new string('B', 64)),
        IotEdge = true,
        DeviceScope = "ms-azure-iot-edge://dev1-638",
        ManagedBy = "iotEdge",
        ConnectionTime = Time.AddMinutes(1),
        LastActivity = Time.AddMinutes(2),
    };

    // Records with byte arrays compare by reference.
    private static void Same(Identity? actual, Identity expected)
    {
        actual.ShouldNotBeNull();
        var (a, b) = (actual.Authentication, expected.Authentication);
        a.PrimaryKey.ShouldBe(b.PrimaryKey);
        a.SecondaryKey.ShouldBe(b.SecondaryKey);
        (a with { PrimaryKey = null, SecondaryKey = null }).ShouldBe(b with { PrimaryKey = null, SecondaryKey = null });
        (actual with { Authentication = expected.Authentication }).ShouldBe(expected);
    }
}
