using Homeport.Hub.Live;
using Homeport.Mqtt;

namespace Homeport.Gateway.Mqtt;

/// <summary>
/// What a client subscribed to. Without clean session it outlives the connection. The connection's loop changes it, any thread asks.
/// </summary>
internal sealed class Subscriptions
{
    private const string TwinResponses = "$iothub/twin/res/#";
    private const string DesiredPatches = "$iothub/twin/PATCH/properties/desired/#";
    private const string Methods = "$iothub/methods/POST/#";

    private readonly string _deviceId;
    private readonly string? _moduleId;
    private readonly ISubscriptionStore? _store;
    private readonly string[] _messageFilters;
    private volatile Dictionary<string, int> _filters = [];

    /// <summary>Starts without filters; see <see cref="OpenAsync"/>.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="moduleId">The module, or null.</param>
    /// <param name="store">Where they are kept; null for a clean session.</param>
    public Subscriptions(string deviceId, string? moduleId, ISubscriptionStore? store)
    {
        _deviceId = deviceId;
        _moduleId = moduleId;
        _store = store;
        _messageFilters = moduleId is null
            ? [$"devices/{deviceId}/messages/devicebound/#"]
            : [$"devices/{deviceId}/modules/{moduleId}/#", $"devices/{deviceId}/modules/{moduleId}/messages/devicebound/#"];
    }

    public bool TakesTwinResponses => _filters.ContainsKey(TwinResponses);

    public bool TakesDesiredPatches => _filters.ContainsKey(DesiredPatches);

    public bool TakesMethods => _filters.ContainsKey(Methods);

    /// <summary>Quality of service of cloud-to-device messages, or null when they are not subscribed to.</summary>
    public int? MessageQos
    {
        get
        {
            var filters = _filters;
            int? qos = null;
            foreach (var filter in _messageFilters)
            {
                if (filters.TryGetValue(filter, out var granted) && granted >= (qos ?? 0))
                    qos = granted;
            }
            return qos;
        }
    }

    /// <summary>Opens the session of a client: one that it left behind, or a new one. True when there was one.</summary>
    public async Task<bool> OpenAsync(bool cleanSession, ISubscriptionStore store, CancellationToken token)
    {
        var kept = await store.FindAsync(_deviceId, _moduleId, token);
        if (kept is null)
            return false;
        if (cleanSession)
        {
            await store.DeleteAsync(_deviceId, _moduleId, token);
            return false;
        }
        _filters = new Dictionary<string, int>(kept, StringComparer.Ordinal);
        return true;
    }

    /// <summary>Notes the filters that are the identity's own. Gives a code for each, and when they are stored.</summary>
    public (byte[] Codes, Task Stored) Add(SubscribePacket subscribe)
    {
        var filters = new Dictionary<string, int>(_filters, StringComparer.Ordinal);
        var codes = new byte[subscribe.Filters.Count];
        var changed = false;
        for (var i = 0; i < codes.Length; i++)
        {
            codes[i] = SubscriptionRules.Grant(subscribe.Filters[i], _deviceId, _moduleId);
            if (codes[i] == SubscribePacket.Failure)
                continue;
            var name = subscribe.Filters[i].Filter;
            changed |= !filters.TryGetValue(name, out var before) || before != codes[i];
            filters[name] = codes[i];
        }
        return (codes, changed ? StoreAsync(filters) : Task.CompletedTask);
    }

    /// <summary>Takes filters out. Gives when that is stored.</summary>
    public Task Remove(UnsubscribePacket unsubscribe)
    {
        var filters = new Dictionary<string, int>(_filters, StringComparer.Ordinal);
        var changed = false;
        foreach (var filter in unsubscribe.Filters)
            changed |= filters.Remove(filter);
        return changed ? StoreAsync(filters) : Task.CompletedTask;
    }

    private Task StoreAsync(Dictionary<string, int> filters)
    {
        _filters = filters;
        return _store is null ? Task.CompletedTask : _store.SaveAsync(_deviceId, _moduleId, filters, CancellationToken.None);
    }
}
