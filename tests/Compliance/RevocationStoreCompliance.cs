using Homeport.Provisioning.Certificates;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IRevocationStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class RevocationStoreCompliance : IAsyncLifetime
{
    private protected StoreFixture<IRevocationStore> Fixture { get; private set; } = null!;

    private IRevocationStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IRevocationStore>> CreateAsync();

    [Fact]
    public async Task A_CA_has_one_list_whatever_the_case_of_its_name_and_the_last_one_counts()
    {
        await Store.PutAsync("Line", [1], default);
        await Store.PutAsync("LINE", [2, 3], default);
        await Store.PutAsync("a", [4], default);
        await Fixture.ReopenAsync();
        var all = await Store.ListAsync(default);
        all.Count.ShouldBe(2);
        all.Single(l => l.Authority.Equals("line", StringComparison.OrdinalIgnoreCase)).List.ShouldBe([2, 3]);
        (await Store.DeleteAsync("line", default)).ShouldBeTrue();
        (await Store.DeleteAsync("line", default)).ShouldBeFalse();
        (await Store.ListAsync(default)).Single().Authority.ShouldBe("a");
    }

    [Fact]
    public async Task Applications_have_their_own_and_a_list_may_be_large()
    {
        var large = new byte[8 * 1024 * 1024];
        Random.Shared.NextBytes(large);
        await Store.PutAsync("ca", large, default);
        var other = await Fixture.OpenAnotherHubAsync("other");
        (await other.ListAsync(default)).ShouldBeEmpty();
        (await other.DeleteAsync("ca", default)).ShouldBeFalse();
        (await Store.ListAsync(default)).Single().List.AsSpan().SequenceEqual(large).ShouldBeTrue();
    }
}
