using System.Globalization;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Consumers;

/// <summary>
/// Who reads which partition with which consumer group now, and who has to go. A receiver with an epoch is the only one of its group and
/// partition; one with the same or a higher epoch takes its place. Source: Azure "Event processor host and epoch".
/// </summary>
public sealed class PartitionReceivers
{
    /// <summary>Receivers without an epoch that read a partition with a group at most.</summary>
    public const int MaxWithoutEpoch = 5;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Group, int Partition), List<Seat>> _seats = [];

    /// <summary>Lets a receiver in, and sends away those that it takes the place of. Dispose the seat when the receiver ends.</summary>
    /// <param name="group">Name of the consumer group.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="epoch">The receiver's epoch (owner level), or null.</param>
    /// <param name="left">Called at most once, by any thread, when the receiver has to end: must only post and return.</param>
    public Outcome<IDisposable> Join(string group, int partition, long? epoch, Action<Refusal> left)
    {
        var seat = new Seat(this, (group.ToUpperInvariant(), partition), epoch, left);
        List<Seat> leaving = [];
        lock (_gate)
        {
            if (!_seats.TryGetValue(seat.Place, out var seats))
                seats = _seats[seat.Place] = [];
            if (Check(seats, epoch) is { } refusal)
                return refusal;
            if (epoch is not null)
            {
                leaving = [.. seats];
                seats.Clear();
            }
            seats.Add(seat);
        }
        foreach (var gone in leaving)
            gone.Left(Stolen(gone.Epoch, epoch!.Value));
        return new Outcome<IDisposable>(seat);
    }

    /// <summary>Sends all receivers of a group away.</summary>
    public void End(string group)
    {
        List<Seat> leaving = [];
        lock (_gate)
        {
            foreach (var place in _seats.Keys.Where(p => string.Equals(p.Group, group, StringComparison.OrdinalIgnoreCase)).ToList())
            {
                leaving.AddRange(_seats[place]);
                _seats.Remove(place);
            }
        }
        foreach (var gone in leaving)
            gone.Left(new Refusal(HubErrors.ConsumerGroupNotFound, $"The consumer group '{group}' was deleted", "Create it again, or use another."));
    }

    /// <summary>Receivers that are open.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _seats.Values.Sum(s => s.Count);
        }
    }

    private static Refusal? Check(List<Seat> seats, long? epoch)
    {
        if (seats.Find(s => s.Epoch is not null)?.Epoch is { } present && !(epoch >= present))
        {
            return epoch is null
                ? new Refusal(HubErrors.ReceiverDisconnected, string.Create(CultureInfo.InvariantCulture, $"A receiver with epoch {present} reads the partition with this consumer group"),
                    "Give an epoch (owner level) as high or higher, use another consumer group, or close that receiver.")
                : new Refusal(HubErrors.ReceiverDisconnected, string.Create(CultureInfo.InvariantCulture, $"A receiver with the higher epoch {present} reads the partition with this consumer group, this one has {epoch}"),
                    "Give an epoch (owner level) as high or higher, or close that receiver.");
        }
        return epoch is null && seats.Count >= MaxWithoutEpoch
            ? new Refusal(HubErrors.TooManyReceivers, $"{MaxWithoutEpoch} receivers read the partition with this consumer group", "Close one, or use another consumer group.")
            : null;
    }

    private static Refusal Stolen(long? old, long epoch) => new(
        HubErrors.ReceiverDisconnected,
        string.Create(CultureInfo.InvariantCulture, $"A new receiver with epoch {epoch} reads the partition with this consumer group, so the one with {(old is null ? "no epoch" : $"epoch {old}")} ends"),
        "If both are wanted, use two consumer groups.");

    private void Leave(Seat seat)
    {
        lock (_gate)
        {
            if (!_seats.TryGetValue(seat.Place, out var seats))
                return;
            seats.Remove(seat);
            if (seats.Count == 0)
                _seats.Remove(seat.Place);
        }
    }

    private sealed class Seat(PartitionReceivers receivers, (string Group, int Partition) place, long? epoch, Action<Refusal> left) : IDisposable
    {
        public (string Group, int Partition) Place => place;

        public long? Epoch => epoch;

        public Action<Refusal> Left => left;

        public void Dispose() => receivers.Leave(this);
    }
}
