using Homeport.Hub.Configurations;
using Homeport.Hub.Registry;

namespace Homeport.Tests.Compliance;

/// <summary>A store of configurations, and the identities whose twins show them.</summary>
internal sealed record ConfigurationStores(IIdentityStore Identities, IConfigurationStore Configurations);

/// <summary>What every <see cref="IConfigurationStore"/> does.</summary>
public abstract class ConfigurationStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private protected StoreFixture<ConfigurationStores> Fixture { get; private set; } = null!;

    private IConfigurationStore Store => Fixture.Store.Configurations;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<ConfigurationStores>> CreateAsync();

    [Fact]
    public async Task A_configuration_is_found_member_by_member_also_after_a_restart()
    {
        var wanted = Configuration("c1");
        (await Store.InsertAsync(wanted, 100, default)).ShouldBe(InsertResult.Added);
        await Fixture.ReopenAsync();
        var found = (await Store.FindAsync("c1", default)).ShouldNotBeNull();
        found.Labels.ToArray().ShouldBe(wanted.Labels.ToArray());
        found.Content.ToArray().ShouldBe(wanted.Content.ToArray());
        found.MetricQueries.ToArray().ShouldBe(wanted.MetricQueries.ToArray());
        (found with { Labels = wanted.Labels, Content = wanted.Content, MetricQueries = wanted.MetricQueries }).ShouldBe(wanted);
        (await Store.FindAsync("C1", default)).ShouldBeNull();
        (await (await Fixture.OpenAnotherHubAsync("hub2")).Configurations.FindAsync("c1", default)).ShouldBeNull();
    }

    [Fact]
    public async Task It_is_added_once_and_only_so_many_are()
    {
        (await Store.InsertAsync(Configuration("c1"), 2, default)).ShouldBe(InsertResult.Added);
        (await Store.InsertAsync(Configuration("c1"), 2, default)).ShouldBe(InsertResult.Exists);
        (await Store.InsertAsync(Configuration("c0"), 2, default)).ShouldBe(InsertResult.Added);
        (await Store.InsertAsync(Configuration("c2"), 2, default)).ShouldBe(InsertResult.Full);
        (await Store.InsertAsync(Configuration("c1"), 2, default)).ShouldBe(InsertResult.Exists);
        (await Store.ListAsync(10, default)).Select(c => c.Id).ShouldBe(["c0", "c1"]);
        (await Store.ListAsync(1, default)).Select(c => c.Id).ShouldBe(["c0"]);
        (await (await Fixture.OpenAnotherHubAsync("hub2")).Configurations.InsertAsync(Configuration("c1"), 2, default)).ShouldBe(InsertResult.Added);
    }

    [Fact]
    public async Task It_is_replaced_and_deleted_in_the_version_that_was_read()
    {
        await Store.InsertAsync(Configuration("c1"), 100, default);
        (await Store.ReplaceAsync(Configuration("c1") with { Version = 2, Priority = 9 }, 1, default)).ShouldBeTrue();
        (await Store.ReplaceAsync(Configuration("c1") with { Version = 2, Priority = 8 }, 1, default)).ShouldBeFalse();
        (await Store.FindAsync("c1", default))!.Priority.ShouldBe(9);
        (await Store.DeleteAsync("c1", 1, default)).ShouldBeFalse();
        (await Store.DeleteAsync("c1", 2, default)).ShouldBeTrue();
        (await Store.DeleteAsync("c1", null, default)).ShouldBeFalse();
        (await Store.FindAsync("c1", default)).ShouldBeNull();
    }

    [Fact]
    public async Task States_of_twins_are_set_counted_and_cleared()
    {
        await Store.InsertAsync(Configuration("c1"), 100, default);
        await Store.InsertAsync(Configuration("c2"), 100, default);
        await AddAsync("d1");
        await AddAsync("d1", "m1");
        (await Store.HasStatusAsync(modules: false, default)).ShouldBeFalse();
        await Store.SetStatusAsync([Shown("d1", null, ("c1", TwinConfigurations.Applied), ("c2", TwinConfigurations.Targeted))], default);
        (await Store.HasStatusAsync(modules: false, default)).ShouldBeTrue();
        (await Store.HasStatusAsync(modules: true, default)).ShouldBeFalse();
        await Store.SetStatusAsync([Shown("d1", "m1", ("c1", TwinConfigurations.Targeted)), Shown("gone", null, ("c1", TwinConfigurations.Applied))], default);
        (await Store.CountAsync("c1", default)).ShouldBe((2, 1));
        (await Store.CountAsync("c2", default)).ShouldBe((1, 0));
        await Store.SetStatusAsync([Shown("d1", null, ("c2", TwinConfigurations.Applied))], default);
        (await Store.CountAsync("c1", default)).ShouldBe((1, 0));
        (await Store.CountAsync("c2", default)).ShouldBe((1, 1));
        (await Store.ClearStatusAsync("c1", default)).ShouldBeFalse();
        (await Store.CountAsync("c1", default)).ShouldBe((0, 0));
        (await Store.CountAsync("c2", default)).ShouldBe((1, 1));
    }

    [Fact]
    public async Task States_of_many_twins_are_cleared_in_parts()
    {
        await Store.InsertAsync(Configuration("c1"), 100, default);
        await Task.WhenAll(Enumerable.Range(0, 1200).Select(i => AddAsync($"d{i}")));
        await Store.SetStatusAsync([.. Enumerable.Range(0, 1200).Select(i => Shown($"d{i}", null, ("c1", TwinConfigurations.Applied)))], default);
        var parts = 1;
        while (await Store.ClearStatusAsync("c1", default))
            parts++;
        parts.ShouldBe(2);
        (await Store.CountAsync("c1", default)).ShouldBe((0, 0));
    }

    [Fact]
    public async Task States_go_with_their_device()
    {
        await Store.InsertAsync(Configuration("c1"), 100, default);
        await AddAsync("d1");
        await AddAsync("d1", "m1");
        await Store.SetStatusAsync([Shown("d1", null, ("c1", TwinConfigurations.Applied)), Shown("d1", "m1", ("c1", TwinConfigurations.Applied))], default);
        (await Store.CountAsync("c1", default)).ShouldBe((2, 2));
        await Fixture.Store.Identities.DeleteAsync("d1", null, null, null, default);
        (await Store.CountAsync("c1", default)).ShouldBe((0, 0));
    }

    private async Task AddAsync(string deviceId, string? moduleId = null)
        => (await Fixture.Store.Identities.InsertAsync(DeviceStores.Identity(deviceId, moduleId), null, default)).ShouldBeTrue();

    private static TwinConfigurations Shown(string deviceId, string? moduleId, params (string Id, string State)[] states)
        => new(deviceId, moduleId, [.. states.Select(s => KeyValuePair.Create(s.Id, s.State))]);

    private static Configuration Configuration(string id) => new()
    {
        Id = id,
        SchemaVersion = "2.0",
        TargetCondition = "tags.a='ä'",
        Priority = 7,
        Labels = "{\"l\":\"1\"}"u8.ToArray(),
        Content = "{\"deviceContent\":{}}"u8.ToArray(),
        MetricQueries = "{\"m\":\"SELECT deviceId FROM devices\"}"u8.ToArray(),
        CreatedTime = Now,
        UpdatedTime = Now.AddMinutes(1),
    };
}
