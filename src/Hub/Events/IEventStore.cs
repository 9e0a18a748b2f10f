namespace Homeport.Hub.Events;

/// <summary>
/// Events that were stored in the transaction of the change that they tell of and are not in the log yet. The changing stores write
/// them; this reads them.
/// </summary>
public interface IEventStore
{
    /// <summary>The oldest events with their numbers; null for one that nobody wants to know.</summary>
    Task<IReadOnlyList<(long Number, HubEvent? Event)>> ReadAsync(int max, CancellationToken token);

    /// <summary>Deletes those up to a number; durable when it returns.</summary>
    Task DeleteAsync(long upTo, CancellationToken token);
}
