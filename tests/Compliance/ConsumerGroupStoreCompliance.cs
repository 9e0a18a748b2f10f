using Homeport.Contract.Errors;
using Homeport.Hub.Consumers;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IConsumerGroupStore"/> does, and the groups on it.</summary>
public abstract class ConsumerGroupStoreCompliance : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private protected StoreFixture<IConsumerGroupStore> Fixture { get; private set; } = null!;

    private ConsumerGroups Groups => new(Fixture.Store, Now, TimeProvider.System);

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IConsumerGroupStore>> CreateAsync();

    [Fact]
    public async Task Groups_outlive_a_restart_and_belong_to_their_hub()
    {
        (await Groups.CreateAsync("stream-processor.1", default)).Refusal.ShouldBeNull();
        await Fixture.ReopenAsync();
        (await Groups.ListAsync(default)).Select(g => g.Name).ShouldBe(["$Default", "stream-processor.1"]);
        var other = new ConsumerGroups(await Fixture.OpenAnotherHubAsync("hub2"), Now, TimeProvider.System);
        (await other.ListAsync(default)).ShouldBe([new ConsumerGroup("$Default", Now)]);
    }

    [Fact]
    public async Task Making_a_group_again_changes_nothing_whatever_its_letter_case()
    {
        var made = (await Groups.CreateAsync("Group1", default)).Value!;
        (await Groups.CreateAsync("group1", default)).Value!.Name.ShouldBe("Group1");
        (await Groups.GetAsync("GROUP1", default)).Value!.Created.ToUnixTimeMilliseconds().ShouldBe(made.Created.ToUnixTimeMilliseconds());
        (await Groups.GetAsync("$default", default)).Value!.Name.ShouldBe("$Default");
        (await Groups.CreateAsync("$DEFAULT", default)).Value!.Name.ShouldBe("$Default");
        (await Groups.ListAsync(default)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task There_are_20_at_most()
    {
        for (var i = 1; i < ConsumerGroups.Max; i++)
            (await Groups.CreateAsync($"g{i}", default)).Refusal.ShouldBeNull();
        (await Groups.CreateAsync("one-more", default)).Refusal!.Error.ShouldBe(HubErrors.TooManyConsumerGroups);
        (await Groups.CreateAsync("g1", default)).Refusal.ShouldBeNull();
        (await Groups.DeleteAsync("g7", default)).ShouldBeNull();
        (await Groups.CreateAsync("one-more", default)).Refusal.ShouldBeNull();
    }

    [Fact]
    public async Task A_deleted_group_is_told_and_gone()
    {
        var removed = new List<string>();
        var groups = Groups;
        groups.Removed = removed.Add;
        await groups.CreateAsync("g1", default);
        (await groups.DeleteAsync("G1", default)).ShouldBeNull();
        removed.ShouldBe(["G1"]);
        (await groups.GetAsync("g1", default)).Refusal!.Error.ShouldBe(HubErrors.ConsumerGroupNotFound);
        (await groups.DeleteAsync("g1", default))!.Error.ShouldBe(HubErrors.ConsumerGroupNotFound);
        (await groups.DeleteAsync("$default", default))!.Error.ShouldBe(HubErrors.ArgumentInvalid);
        removed.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("a.")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("ä")]
    [InlineData("$a")]
    [InlineData("a12345678901234567890123456789012345678901234567890")]
    public async Task A_name_that_cannot_be_one_is_refused(string name)
    {
        (await Groups.CreateAsync(name, default)).Refusal!.Error.ShouldBe(HubErrors.ArgumentInvalid);
        (await Groups.ListAsync(default)).Count.ShouldBe(1);
    }
}
