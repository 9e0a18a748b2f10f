using System.Text;
using Homeport.Provisioning.Allocation.Linked;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="ILinkedHubStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class LinkedHubStoreCompliance : IAsyncLifetime
{
    private const string Secret = "HostName=hub1.example;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0LXRoYXQtY2FuLWJlLWZvdW5k";

    private protected StoreFixture<ILinkedHubStore> Fixture { get; private set; } = null!;

    private ILinkedHubStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<ILinkedHubStore>> CreateAsync();

    [Fact]
    public async Task What_is_saved_is_found_field_by_field_and_after_reopening_in_the_order_of_the_names()
    {
        (await Store.SaveAsync(Full("hub2.example"), null, default)).ShouldBeTrue();
        (await Store.SaveAsync(Plain("hub1.example"), null, default)).ShouldBeTrue();
        await Store.SaveSettingsAsync("""{"allocationPolicy":"geoLatency"}""", default);
        await Fixture.ReopenAsync();
        (await Store.ListAsync(default)).ShouldBe([Plain("hub1.example"), Full("hub2.example")]);
        (await Store.SettingsAsync(default)).ShouldBe("""{"allocationPolicy":"geoLatency"}""");
    }

    [Fact]
    public async Task Saving_and_deleting_ask_for_the_tag()
    {
        (await Store.SaveAsync(Plain("hub1.example"), "1", default)).ShouldBeFalse("it is not there");
        (await Store.SaveAsync(Plain("hub1.example"), null, default)).ShouldBeTrue();
        (await Store.SaveAsync(Full("hub1.example"), null, default)).ShouldBeFalse("it came in between");
        var changed = Full("hub1.example") with { ETag = "2" };
        (await Store.SaveAsync(changed, "0", default)).ShouldBeFalse();
        (await Store.SaveAsync(changed, "1", default)).ShouldBeTrue();
        (await Store.SaveAsync(changed, "1", default)).ShouldBeFalse();
        (await Store.ListAsync(default)).ShouldBe([changed]);
        (await Store.DeleteAsync("hub1.example", "1", default)).ShouldBeFalse();
        (await Store.DeleteAsync("hub1.example", "2", default)).ShouldBeTrue();
        (await Store.DeleteAsync("hub1.example", "2", default)).ShouldBeFalse();
        (await Store.ListAsync(default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Of_many_writers_one_wins()
    {
        var added = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Store.SaveAsync(Plain("hub1.example") with { ETag = $"{i}" }, null, default)));
        added.Count(ok => ok).ShouldBe(1);
        var tag = (await Store.ListAsync(default)).Single().ETag;
        var changed = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Store.SaveAsync(Full("hub1.example") with { ETag = $"n{i}" }, tag, default)));
        changed.Count(ok => ok).ShouldBe(1);
    }

    [Fact]
    public async Task Applications_have_their_own_hubs_and_settings_and_the_last_settings_count()
    {
        await Store.SaveAsync(Plain("hub1.example"), null, default);
        (await Store.SettingsAsync(default)).ShouldBeNull();
        await Store.SaveSettingsAsync("1", default);
        await Store.SaveSettingsAsync("2", default);
        var other = await Fixture.OpenAnotherHubAsync("other");
        (await other.ListAsync(default)).ShouldBeEmpty();
        (await other.SettingsAsync(default)).ShouldBeNull();
        (await other.SaveAsync(Full("hub1.example"), null, default)).ShouldBeTrue();
        (await Store.ListAsync(default)).ShouldBe([Plain("hub1.example")]);
        (await Store.SettingsAsync(default)).ShouldBe("2");
    }

    [Fact]
    public async Task The_key_of_a_link_is_nowhere_on_the_disk()
    {
        await Store.SaveAsync(Full("hub1.example"), null, default);
        var wanted = Encoding.ASCII.GetBytes(Secret.Split("SharedAccessKey=")[1]);
        foreach (var (name, bytes) in Fixture.StoredBytes())
            bytes.AsSpan().IndexOf(wanted).ShouldBe(-1, name);
        (await Store.ListAsync(default)).Single().ConnectionString.ShouldBe(Secret);
    }

    private static HubLink Plain(string host) => new() { HostName = host, ETag = "1" };

    private static HubLink Full(string host) => Plain(host) with { ConnectionString = Secret, CertificateAuthority = "-----BEGIN", Location = "Gebäude 'ü'", Weight = 1000, ApplyAllocationPolicy = false };
}
