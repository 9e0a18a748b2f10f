using System.Collections.Concurrent;
using Homeport.Contract.Errors;

namespace Homeport.Hub.Faults;

/// <summary>
/// Faults on order, for tests of how clients recover. A server that takes orders has one of these; others have none. A fault concerns
/// the identity that ordered it alone; a newer order takes the place of an older one.
/// </summary>
public sealed class FaultInjection(TimeProvider time)
{
    /// <summary>Identities with a lasting fault at most; an order above that changes nothing.</summary>
    public const int Capacity = 10_000;

    private readonly ConcurrentDictionary<string, ActiveFault> _active = new(StringComparer.Ordinal);

    /// <summary>Takes an order. Null when the fault does not exist in the protocol: the message is then like any other.</summary>
    /// <param name="key">Identity that sent it.</param>
    /// <param name="protocol">How it is connected.</param>
    /// <param name="order">What it wants.</param>
    public FaultAction? Take(string key, FaultProtocol protocol, FaultOrder order)
    {
        if (!AppliesTo(order.Type, protocol))
            return null;
        if (protocol == FaultProtocol.Https)
            return new FaultAction(FaultEffect.Refuse, TimeSpan.Zero, Acknowledge: false, RefusalOf(order, key));
        var effect = EffectOf(order.Type);
        if (effect == FaultEffect.None)
        {
            Note(key, order);
            return new FaultAction(effect, TimeSpan.Zero, Acknowledge: true);
        }
        return new FaultAction(effect, order.Delay, Acknowledge: protocol == FaultProtocol.Amqp);
    }

    /// <summary>The refusal of a message of the identity while a fault lasts, else null. MQTT has no packet for it and closes.</summary>
    public Refusal? OnSend(string key) => Find(key) is { } order ? RefusalOf(order, key) : null;

    /// <summary>The refusal of a connection or a token of the identity while a fault lasts, else null.</summary>
    public Refusal? OnConnect(string key) => Find(key) is { Type: FaultType.InvokeAuthError } order ? RefusalOf(order, key) : null;

    /// <summary>True when the fault exists in the protocol.</summary>
    public static bool AppliesTo(FaultType type, FaultProtocol protocol) => type switch
    {
        FaultType.KillTcp => protocol != FaultProtocol.Https,
        FaultType.InvokeThrottling or FaultType.InvokeMaxMessageQuota or FaultType.InvokeAuthError => true,
        FaultType.ShutDownMqtt => protocol == FaultProtocol.Mqtt,
        _ => protocol == FaultProtocol.Amqp,
    };

    internal int Count => _active.Count;

    private static FaultEffect EffectOf(FaultType type) => type switch
    {
        FaultType.KillTcp => FaultEffect.Abort,
        FaultType.ShutDownAmqp or FaultType.ShutDownMqtt => FaultEffect.ShutDown,
        FaultType.KillAmqpConnection => FaultEffect.CloseConnection,
        FaultType.KillAmqpSession => FaultEffect.EndSession,
        FaultType.InvokeThrottling or FaultType.InvokeMaxMessageQuota or FaultType.InvokeAuthError => FaultEffect.None,
        _ => FaultEffect.DetachLink,
    };

    private void Note(string key, FaultOrder order)
    {
        if (_active.Count >= Capacity && !_active.ContainsKey(key))
            RemoveOver();
        if (_active.Count < Capacity || _active.ContainsKey(key))
            _active[key] = new ActiveFault(order, time.GetTimestamp());
    }

    private FaultOrder? Find(string key)
    {
        if (_active.IsEmpty || !_active.TryGetValue(key, out var fault))
            return null;
        var since = time.GetElapsedTime(fault.OrderedAt);
        if (since < fault.Order.Delay)
            return null;
        if (since < fault.Order.Delay + fault.Order.Duration)
            return fault.Order;
        _active.TryRemove(new KeyValuePair<string, ActiveFault>(key, fault));
        return null;
    }

    private void RemoveOver()
    {
        foreach (var (key, fault) in _active)
        {
            if (time.GetElapsedTime(fault.OrderedAt) >= fault.Order.Delay + fault.Order.Duration)
                _active.TryRemove(new KeyValuePair<string, ActiveFault>(key, fault));
        }
    }

    private static Refusal RefusalOf(FaultOrder order, string key)
    {
        var error = order.Type switch
        {
            FaultType.InvokeThrottling => HubErrors.ThrottlingException,
            FaultType.InvokeMaxMessageQuota => HubErrors.IotHubQuotaExceeded,
            _ => HubErrors.IotHubUnauthorized,
        };
        return new Refusal(error, $"'{key}' ordered the fault {order.Type} ({order.CloseReason})", "Wait until the fault is over, or run the server without --fault-injection.");
    }

    private sealed record ActiveFault(FaultOrder Order, long OrderedAt);
}
