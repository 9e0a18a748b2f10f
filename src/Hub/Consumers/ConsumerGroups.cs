using System.Buffers;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Consumers;

/// <summary>The consumer groups of a hub. Source: Azure "Event Hubs quotas" and "Event Hubs features".</summary>
/// <param name="store">Keeps them.</param>
/// <param name="created">When the hub was made, and its first group with it.</param>
/// <param name="time">The clock.</param>
public sealed class ConsumerGroups(IConsumerGroupStore store, DateTimeOffset created, TimeProvider time)
{
    /// <summary>The group that every hub has.</summary>
    public const string Default = "$Default";

    /// <summary>Groups of a hub at most, with <see cref="Default"/>.</summary>
    public const int Max = 20;

    private const int MaxName = 50;
    private static readonly SearchValues<char> Characters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>Called with the name of a group that was taken out: ends its receivers.</summary>
    public Action<string>? Removed { get; set; }

    /// <summary>When the hub was made.</summary>
    public DateTimeOffset Created => created;

    /// <summary>All groups, the default first.</summary>
    public async Task<IReadOnlyList<ConsumerGroup>> ListAsync(CancellationToken token)
        => [new ConsumerGroup(Default, created), .. await store.ListAsync(token)];

    /// <summary>Finds a group; letter case does not matter.</summary>
    public async Task<Outcome<ConsumerGroup>> GetAsync(string name, CancellationToken token)
    {
        var all = await ListAsync(token);
        return all.FirstOrDefault(g => string.Equals(g.Name, name, StringComparison.OrdinalIgnoreCase)) is { } found
            ? found
            : new Refusal(HubErrors.ConsumerGroupNotFound, $"There is no consumer group '{Shorten(name)}'", $"Create it, or use one of {string.Join(", ", all.Select(g => g.Name))}.");
    }

    /// <summary>Makes a group; one that is there already stays as it is.</summary>
    public async Task<Outcome<ConsumerGroup>> CreateAsync(string name, CancellationToken token)
    {
        if (string.Equals(name, Default, StringComparison.OrdinalIgnoreCase))
            return new ConsumerGroup(Default, created);
        if (name.Length is 0 or > MaxName || name.AsSpan().ContainsAnyExcept(Characters) || !char.IsAsciiLetterOrDigit(name[0]) || !char.IsAsciiLetterOrDigit(name[^1]))
        {
            return new Refusal(HubErrors.ArgumentInvalid, $"'{Shorten(name)}' cannot be the name of a consumer group",
                $"Use 1 to {MaxName} characters of A-Z a-z 0-9 . _ -, a letter or digit at both ends.");
        }
        return await store.AddAsync(new ConsumerGroup(name, time.GetUtcNow()), Max - 1, token) is { } made
            ? made
            : new Refusal(HubErrors.TooManyConsumerGroups, $"The hub has {Max} consumer groups", "Delete one that nobody reads with.");
    }

    /// <summary>Takes a group out and ends its receivers. Null when it is done.</summary>
    public async Task<Refusal?> DeleteAsync(string name, CancellationToken token)
    {
        if (string.Equals(name, Default, StringComparison.OrdinalIgnoreCase))
            return new Refusal(HubErrors.ArgumentInvalid, $"Every hub has the consumer group {Default}", "Leave it; a reader that should stop has to be stopped.");
        if (!await store.RemoveAsync(name, token))
            return (await GetAsync(name, token)).Refusal ?? await DeleteAsync(name, token);
        Removed?.Invoke(name);
        return null;
    }

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "...";
}
