using System.Text;
using Homeport.Hub.Registry;
using Homeport.Hub.Trust;
using Homeport.Hub.Twins;

namespace Homeport.Tests.Compliance;

/// <summary>The stores of one hub that know which roots its devices trust.</summary>
internal sealed record TrustStores(IIdentityStore Identities, IDeviceTrustStore Trust);

/// <summary>What every <see cref="IDeviceTrustStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class DeviceTrustStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Time = new(2026, 1, 31, 12, 0, 0, 123, TimeSpan.Zero);

    private protected StoreFixture<TrustStores> Fixture { get; private set; } = null!;

    private IDeviceTrustStore Store => Fixture.Store.Trust;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<TrustStores>> CreateAsync();

    [Fact]
    public async Task Devices_are_listed_in_order_with_what_they_fetched_last_and_without_modules()
    {
        foreach (var id in (string[])["b", "a", "c"])
            await AddAsync(id);
        await Fixture.Store.Identities.InsertAsync(DeviceStores.Identity("a", "m1"), null, default);
        await Store.NoteAsync("b", ["AA"], Time, default);
        await Store.NoteAsync("b", ["BB", "CC"], Time.AddMinutes(1), default);
        await Store.NoteAsync("c", [], Time, default);
        await Fixture.ReopenAsync();
        var listed = await Store.ListAsync(null, 10, default);
        listed.Select(d => d.DeviceId).ShouldBe(["a", "b", "c"]);
        listed.ShouldAllBe(d => d.Enabled && d.Reported == null);
        listed[0].Fetched.ShouldBeNull("it never did");
        listed[1].Fetched.ShouldBe(["BB", "CC"]);
        listed[2].Fetched.ShouldBe([]);
        (await Store.ListAsync("a", 1, default)).Select(d => d.DeviceId).ShouldBe(["b"]);
        (await Store.ListAsync("c", 10, default)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"trustedRoots":["aa","BB"]}""", "aa,BB")]
    [InlineData("""{"trustedRoots":[]}""", "")]
    [InlineData("""{"trustedRoots":["aa",5,null,{"b":1}]}""", "aa")]
    [InlineData("""{"trustedRoots":"aa"}""", null)]
    [InlineData("""{"trustedRoots":{"aa":1}}""", null)]
    [InlineData("""{"trustedRoots":null}""", null)]
    [InlineData("""{"trustedRoots":7}""", null)]
    [InlineData("""{"other":["aa"]}""", null)]
    public async Task What_a_device_reports_counts_when_it_is_a_list_of_texts(string reported, string? expected)
    {
        await AddAsync("d1", reported);
        var device = (await Store.ListAsync(null, 10, default)).ShouldHaveSingleItem();
        device.Reported.ShouldBe(expected?.Split(',', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_device_that_went_is_listed_no_more_and_other_hubs_have_their_own()
    {
        await AddAsync("d1");
        await Store.NoteAsync("d1", ["AA"], Time, default);
        await Store.NoteAsync("never-there", ["AA"], Time, default);
        var other = await Fixture.OpenAnotherHubAsync("hub2");
        (await other.Trust.ListAsync(null, 10, default)).ShouldBeEmpty();
        await other.Identities.InsertAsync(DeviceStores.Identity("d1"), null, default);
        (await other.Trust.ListAsync(null, 10, default)).Single().Fetched.ShouldBeNull();
        (await Fixture.Store.Identities.DeleteAsync("d1", null, null, null, default)).ShouldBeTrue();
        (await Store.ListAsync(null, 10, default)).ShouldBeEmpty();
    }

    private async Task AddAsync(string id, string? reported = null)
    {
        var twin = new Twin { DeviceId = id };
        if (reported is not null)
            twin = twin with { Reported = twin.Reported with { Properties = Encoding.UTF8.GetBytes(reported) } };
        (await Fixture.Store.Identities.InsertAsync(DeviceStores.Identity(id), new FirstState(twin, null), default)).ShouldBeTrue();
    }
}
