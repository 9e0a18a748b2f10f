namespace Homeport.Hub.Live;

/// <summary>
/// Keeps what MQTT clients without clean session subscribed to, for as long as their identity exists: two of the SDKs subscribe once
/// and never again, not even after the server restarted.
/// </summary>
public interface ISubscriptionStore
{
    /// <summary>Topic filters with their quality of service; null when there is no session.</summary>
    Task<IReadOnlyDictionary<string, int>?> FindAsync(string deviceId, string? moduleId, CancellationToken token);

    /// <summary>Saves the filters; durable when it returns. An identity that is gone keeps none.</summary>
    Task SaveAsync(string deviceId, string? moduleId, IReadOnlyDictionary<string, int> filters, CancellationToken token);

    /// <summary>Ends the session; durable when it returns.</summary>
    Task DeleteAsync(string deviceId, string? moduleId, CancellationToken token);
}
