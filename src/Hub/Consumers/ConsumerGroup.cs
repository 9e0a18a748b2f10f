namespace Homeport.Hub.Consumers;

/// <summary>A view of the hub's events for one application: its receivers go their own way through the partitions.</summary>
/// <param name="Name">1 to 50 characters of A-Z a-z 0-9 . _ -, the first and last a letter or digit; letter case does not matter.</param>
/// <param name="Created">When it was made.</param>
public sealed record ConsumerGroup(string Name, DateTimeOffset Created);

/// <summary>Keeps the consumer groups of one hub, all but <see cref="ConsumerGroups.Default"/>. Writes are durable when they return.</summary>
public interface IConsumerGroupStore
{
    /// <summary>All of them, by name.</summary>
    Task<IReadOnlyList<ConsumerGroup>> ListAsync(CancellationToken token);

    /// <summary>Adds a group unless there is one with the name, or <paramref name="max"/> of them.</summary>
    /// <returns>The group that is there now, or null when there are too many.</returns>
    Task<ConsumerGroup?> AddAsync(ConsumerGroup group, int max, CancellationToken token);

    /// <summary>Takes a group out. False when there is none.</summary>
    Task<bool> RemoveAsync(string name, CancellationToken token);
}
