using Homeport.Provisioning.Enrollments;

namespace Homeport.Tests.Compliance;

/// <summary>What every <see cref="IEndorsementStore"/> does. An adapter's tests inherit this and say how to open theirs.</summary>
public abstract class EndorsementStoreCompliance : IAsyncLifetime
{
    private protected StoreFixture<IEndorsementStore> Fixture { get; private set; } = null!;

    private IEndorsementStore Store => Fixture.Store;

    public async ValueTask InitializeAsync() => Fixture = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await Fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<StoreFixture<IEndorsementStore>> CreateAsync();

    [Fact]
    public async Task What_is_added_is_found_and_listed_in_the_order_of_the_hashes_after_reopening()
    {
        (await Store.AddAsync("Presses", [Key(3, "press-3"), Key(1), Key(2)], 100, default)).ShouldBe(new EndorsementsAdded(3, 0, 0, 0));
        await Fixture.ReopenAsync();
        var found = (await Store.FindAsync(Hash(3), default)).ShouldNotBeNull();
        found.GroupId.ShouldBe("presses", StringCompareShould.IgnoreCase);
        found.RegistrationId.ShouldBe("press-3", StringCompareShould.IgnoreCase);
        (await Store.FindAsync(Hash(9), default)).ShouldBeNull();
        (await Store.ListAsync("presses", null, 2, default)).Select(k => k.Hash[0]).ShouldBe(new byte[] { 1, 2 });
        (await Store.ListAsync("PRESSES", Hash(2), 2, default)).Select(k => k.Hash[0]).ShouldBe(new byte[] { 3 });
        (await Store.CountAsync("presses", default)).ShouldBe(3);
    }

    [Fact]
    public async Task A_key_is_in_one_group_and_a_known_one_gets_its_new_name()
    {
        await Store.AddAsync("a", [Key(1, "d1"), Key(2)], 100, default);
        (await Store.AddAsync("A", [Key(1, "d9"), Key(3)], 100, default)).ShouldBe(new EndorsementsAdded(1, 1, 0, 0));
        (await Store.FindAsync(Hash(1), default))!.RegistrationId.ShouldBe("d9");
        (await Store.AddAsync("b", [Key(1), Key(4)], 100, default)).ShouldBe(new EndorsementsAdded(1, 0, 1, 0));
        (await Store.FindAsync(Hash(1), default))!.GroupId.ShouldBe("a");
        (await Store.CountAsync("a", default)).ShouldBe(3);
        (await Store.CountAsync("b", default)).ShouldBe(1);
    }

    [Fact]
    public async Task The_limit_holds_for_writers_at_the_same_time_and_a_key_twice_in_one_call_counts_once()
    {
        (await Store.AddAsync("a", [Key(1), Key(1)], 10, default)).ShouldBe(new EndorsementsAdded(1, 1, 0, 0));
        var added = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Store.AddAsync("a", [Key((byte)(10 + i)), Key((byte)(100 + i))], 10, default)));
        added.Sum(a => a.Added).ShouldBe(9);
        added.Sum(a => a.OverLimit).ShouldBe(11);
        (await Store.CountAsync("a", default)).ShouldBe(10);
        (await Store.AddAsync("a", [Key(1, "renamed")], 10, default)).Known.ShouldBe(1, "a full list can still change its keys");
    }

    [Fact]
    public async Task Keys_are_deleted_one_by_one_and_in_pieces()
    {
        await Store.AddAsync("a", [.. Enumerable.Range(1, 7).Select(i => Key((byte)i))], 100, default);
        await Store.AddAsync("b", [Key(50)], 100, default);
        (await Store.DeleteAsync("b", Hash(1), default)).ShouldBeFalse("it is in another group");
        (await Store.DeleteAsync("A", Hash(1), default)).ShouldBeTrue();
        (await Store.DeleteAsync("a", Hash(1), default)).ShouldBeFalse();
        (await Store.CountAsync("a", default)).ShouldBe(6);
        (await Store.DeleteSomeAsync("a", 4, default)).ShouldBe(4);
        (await Store.CountAsync("a", default)).ShouldBe(2);
        (await Store.DeleteSomeAsync("a", 4, default)).ShouldBe(2);
        (await Store.DeleteSomeAsync("a", 4, default)).ShouldBe(0);
        (await Store.CountAsync("b", default)).ShouldBe(1);
    }

    [Fact]
    public async Task Applications_have_their_own()
    {
        await Store.AddAsync("a", [Key(1)], 100, default);
        var other = await Fixture.OpenAnotherHubAsync("other");
        (await other.FindAsync(Hash(1), default)).ShouldBeNull();
        (await other.AddAsync("z", [Key(1)], 100, default)).Added.ShouldBe(1);
        (await other.DeleteSomeAsync("a", 10, default)).ShouldBe(0);
        (await Store.FindAsync(Hash(1), default))!.GroupId.ShouldBe("a");
    }

    private static ListedEndorsement Key(byte number, string? registrationId = null) => new(Hash(number), "", registrationId);

    private static byte[] Hash(byte number) => [number, .. new byte[31]];
}
