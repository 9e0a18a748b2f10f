using Homeport.Hub.Registry;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Tests.Provisioning;

/// <summary>Lists of devices: filters, search, order and pages.</summary>
public sealed class DeviceListTests(LifeCycleFixture life) : IClassFixture<LifeCycleFixture>, IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly (string Id, string? Name, string? Template, string? Organization)[] Devices =
    [
        ("fan-1", "Zebra", null, null), ("fan-2", null, "dtmi:fan;1", "north"), ("pump-1", "fan of pumps", "dtmi:pump;1", "north"),
        ("pump-2", "Alpha", "dtmi:pump;1", "south"), ("valve-1", "Fanfare", null, null),
    ];

    public async ValueTask InitializeAsync()
    {
        foreach (var (id, name, template, organization) in Devices)
            await life.Lifecycle.CreateAsync(new DeviceFacts { DeviceId = id, DisplayName = name, Template = template, Organization = organization }, "ada", None);
        await life.Lifecycle.BlockAsync("pump-2", "ada", None);
    }

    [Fact]
    public async Task A_search_finds_ids_by_their_beginning_and_behind_them_names_in_any_case()
    {
        (await IdsAsync(new DeviceFilter { Search = "fan" })).ShouldBe(["fan-1", "fan-2", "pump-1", "valve-1"]);
        (await IdsAsync(new DeviceFilter { Search = "zeb" })).ShouldBe(["fan-1"]);
        (await IdsAsync(new DeviceFilter { Search = "fan", Status = DeviceStatus.Blocked })).ShouldBeEmpty();
    }

    [Fact]
    public async Task Pages_go_on_where_the_last_one_ended_whatever_the_order()
    {
        foreach (var filter in new[] { new DeviceFilter { Search = "fan" }, new DeviceFilter(), new DeviceFilter { Order = DeviceOrder.Name }, new DeviceFilter { Order = DeviceOrder.NameDescending }, new DeviceFilter { Organizations = ["south", "north"] } })
        {
            var whole = await IdsAsync(filter);
            var pieces = new List<string>();
            DeviceFacts? after = null;
            while (await life.Store.ListAsync(filter, after, 2, None) is { Count: > 0 } page)
            {
                pieces.AddRange(page.Select(d => d.DeviceId));
                after = page[^1];
            }
            pieces.ShouldBe(whole, $"{filter}");
            whole.Count.ShouldBeGreaterThan(2);
        }
    }

    [Fact]
    public async Task Names_are_ordered_in_any_case_and_a_device_without_one_by_its_id()
        => (await IdsAsync(new DeviceFilter { Order = DeviceOrder.Name })).ShouldBe(["pump-2", "pump-1", "fan-2", "valve-1", "fan-1"]);

    [Fact]
    public async Task State_template_organization_and_conditions_narrow_the_list()
    {
        (await IdsAsync(new DeviceFilter { Status = DeviceStatus.Blocked })).ShouldBe(["pump-2"]);
        (await IdsAsync(new DeviceFilter { Unassociated = true })).ShouldBe(["fan-1", "valve-1"]);
        (await IdsAsync(new DeviceFilter { Template = "dtmi:pump;1" })).ShouldBe(["pump-1", "pump-2"]);
        (await IdsAsync(new DeviceFilter { Organizations = ["south", "north"] })).ShouldBe(["fan-2", "pump-1", "pump-2"]);
        (await IdsAsync(new DeviceFilter { Organizations = ["south", "north", "south"], Status = DeviceStatus.Registered })).ShouldBe(["fan-2", "pump-1"]);
        (await IdsAsync(new DeviceFilter { Organizations = ["south"], Search = "pump" })).ShouldBe(["pump-2"]);
        (await IdsAsync(new DeviceFilter { Organizations = [] })).ShouldBeEmpty();
        (await life.Store.CountAsync(["north"], None))[DeviceStatus.Registered].ShouldBe(2);
        (await life.Store.CountAsync(["north", "south"], None))[DeviceStatus.Blocked].ShouldBe(1);
        (await life.Store.CountAsync([], None)).Values.Sum().ShouldBe(0);
        (await IdsAsync(new DeviceFilter { Where = d => d.DisplayName is null })).ShouldBe(["fan-2"]);
    }

    [Fact]
    public async Task A_name_tag_is_the_name_of_the_device()
    {
        var id = life.NewId();
        var tags = new System.Text.Json.Nodes.JsonObject { ["displayName"] = "By tag" };
        var identity = new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) };
        var twin = life.Twins.First(identity, new Homeport.Hub.Twins.TwinPatch(tags, null)).Good();
        (await life.Registry.PutAsync(identity, twin, IfMatch.Absent, None)).Good();
        (await life.Lifecycle.GetAsync(id, None)).Good().DisplayName.ShouldBe("By tag");
        (await life.Lifecycle.DeleteAsync(id, None)).ShouldBeNull();
    }

    private async Task<List<string>> IdsAsync(DeviceFilter filter) => [.. (await life.Store.ListAsync(filter, null, 100, None)).Select(d => d.DeviceId)];

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
