using Homeport.Contract.Errors;
using Homeport.Hub.Consumers;

namespace Homeport.Tests.Hub.Consumers;

/// <summary>Who may read beside whom.</summary>
public sealed class PartitionReceiversTests
{
    private readonly PartitionReceivers _receivers = new();
    private readonly List<string> _left = [];

    [Fact]
    public void Five_without_an_epoch_read_beside_each_other()
    {
        var seats = Enumerable.Range(0, 5).Select(i => Join($"r{i}", null).Value).ToList();
        Join("sixth", null).Refusal!.Error.ShouldBe(HubErrors.TooManyReceivers);
        Join("other group", null, "g2").Refusal.ShouldBeNull();
        Join("other partition", null, partition: 1).Refusal.ShouldBeNull();
        seats[0]!.Dispose();
        Join("again", null).Refusal.ShouldBeNull();
        _left.ShouldBeEmpty();
        _receivers.Count.ShouldBe(7);
    }

    [Fact]
    public void An_epoch_takes_the_partition_from_all_without_one_and_keeps_them_out()
    {
        var old = (string[])["a", "b"];
        foreach (var name in old)
            Join(name, null);
        Join("owner", 0).Refusal.ShouldBeNull();
        _left.ShouldBe(["a", "b"]);
        var late = Join("late", null).Refusal.ShouldNotBeNull();
        (late.Error, late.Text.Contains("epoch 0", StringComparison.Ordinal)).ShouldBe((HubErrors.ReceiverDisconnected, true));
        _receivers.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(7, true)]
    [InlineData(8, true)]
    [InlineData(6, false)]
    [InlineData(-1, false)]
    public void The_same_or_a_higher_epoch_takes_over_a_lower_one_does_not(long epoch, bool takes)
    {
        Join("first", 7);
        (Join("second", epoch).Refusal is null).ShouldBe(takes);
        _left.ShouldBe(takes ? ["first"] : []);
    }

    [Fact]
    public void A_seat_that_was_taken_can_be_left_without_harm()
    {
        var first = Join("first", 1).Value!;
        Join("second", 1);
        first.Dispose();
        first.Dispose();
        Join("lower", 0).Refusal.ShouldNotBeNull();
        Join("GROUP", 2, "G1").Refusal.ShouldBeNull();
        _left.ShouldBe(["first", "second"], "letter case of a group does not matter");
    }

    [Fact]
    public void A_group_that_is_deleted_ends_its_receivers()
    {
        Join("a", null);
        Join("b", null, partition: 1);
        Join("c", null, "g2");
        _receivers.End("G1");
        _left.ShouldBe(["a", "b"], ignoreOrder: true);
        _receivers.Count.ShouldBe(1);
    }

    private Outcome<IDisposable> Join(string name, long? epoch, string group = "g1", int partition = 0)
        => _receivers.Join(group, partition, epoch, refusal =>
        {
            refusal.Text.ShouldNotBeEmpty();
            _left.Add(name);
        });
}
