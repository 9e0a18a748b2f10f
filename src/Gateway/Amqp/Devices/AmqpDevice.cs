using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Hub.Access;
using Homeport.Hub.Faults;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Twins;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>
/// A device or module on a connection: it is connected from its token, or its first link, to its last link. Several of them share a connection and know
/// nothing of each other.
/// </summary>
internal sealed class AmqpDevice : IDeviceLink
{
    /// <summary>As the log has it.</summary>
    public const string Protocol = "amqp";

    private readonly List<(AmqpLink Link, ILinkHandler Handler, DeviceLinkKind Kind)> _links = [];
    private int _reason;
    private long _endsAt;
    private long _lastActive;
    private bool _ended;

    public AmqpDevice(AmqpClient client, AuthenticatedDevice authenticated)
    {
        Client = client;
        Authenticated = authenticated;
        Key = authenticated.Identity.Key;
        EndsAt = authenticated.EndsAt;
        Throttle = Hub.Throttles.ForConnection(Key);
        NoteActivity();
    }

    public AmqpClient Client { get; }

    public HubDoor Hub => Client.Door.Hub;

    public AuthenticatedDevice Authenticated { get; }

    public string DeviceId => Authenticated.Identity.DeviceId;

    public string? ModuleId => Authenticated.Identity.ModuleId;

    /// <inheritdoc/>
    public string Key { get; }

    /// <inheritdoc/>
    public string? Authority => Authenticated.Authority;

    /// <summary>As tokens have it in their audience.</summary>
    public string[] Path => ModuleId is null ? ["devices", DeviceId] : ["devices", DeviceId, "modules", ModuleId];

    public DeviceThrottle Throttle { get; }

    /// <summary>The model that one of its links announced, or null.</summary>
    public string? ModelId { get; private set; }

    /// <summary>When the token ends, or null.</summary>
    public DateTimeOffset? EndsAt
    {
        get => Volatile.Read(ref _endsAt) is var ticks && ticks == 0 ? null : new DateTimeOffset(ticks, TimeSpan.Zero);
        set => Volatile.Write(ref _endsAt, value?.UtcTicks ?? 0);
    }

    /// <inheritdoc/>
    public DateTimeOffset LastActivity => Client.Door.Time.GetUtcNow() - Client.Door.Time.GetElapsedTime(Volatile.Read(ref _lastActive));

    /// <inheritdoc/>
    public bool TakesMethods => Find<MethodRequests>() is not null;

    /// <summary>Why it ended: what the hub wanted, or else how the connection ended, or else the client, which detached its links.</summary>
    private CloseReason Reason => (CloseReason)Volatile.Read(ref _reason) is var own and not CloseReason.None ? own
        : Client.Reason is var ended and not CloseReason.None ? ended
        : CloseReason.ClientDisconnected;

    /// <summary>True once its links are gone.</summary>
    public bool IsEnded => Volatile.Read(ref _ended);

    /// <summary>Takes note of the model that a link announces; called before the link is let in.</summary>
    public async Task AnnounceAsync(string? modelId, CancellationToken token)
    {
        if (modelId is not null && !string.Equals(modelId, ModelId, StringComparison.Ordinal))
            ModelId = await Hub.Twins.NoteModelAsync(DeviceId, ModuleId, modelId, token) ?? ModelId;
    }

    /// <summary>Notes that the client sent something.</summary>
    public void NoteActivity() => Volatile.Write(ref _lastActive, Client.Door.Time.GetTimestamp());

    /// <summary>Adds a link that was accepted; under the connection's lock. False when the device was ended meanwhile.</summary>
    public bool TryAdd(AmqpLink link, ILinkHandler handler, DeviceLinkKind kind)
    {
        lock (_links)
        {
            if (_ended)
                return false;
            _links.Add((link, handler, kind));
            return true;
        }
    }

    /// <summary>Takes a link out that is over; with the last one the device is not connected any more.</summary>
    public void Remove(AmqpLink? link)
    {
        lock (_links)
        {
            _links.RemoveAll(l => ReferenceEquals(l.Link, link));
            if (_links.Count > 0 || _ended)
                return;
            Volatile.Write(ref _ended, true);
        }
        Client.Forget(this);
        var offline = Hub.Live.Remove(this);
        Hub.Methods.Ended(this);
        Hub.Activity.NoteClosed(DeviceId, ModuleId, Protocol, Client.Remote, Reason, offline ? LastActivity : null);
    }

    /// <inheritdoc/>
    public void Close(CloseReason reason)
    {
        Interlocked.CompareExchange(ref _reason, (int)reason, (int)CloseReason.None);
        // Who is alone on a connection loses all of it: not every SDK hears what happens to its links.
        if (Client.IsAlone(this))
        {
            Client.Close(reason);
            return;
        }
        using (Client.Enter())
        {
            (AmqpLink Link, ILinkHandler Handler, DeviceLinkKind Kind)[] links;
            lock (_links)
                links = [.. _links];
            foreach (var (link, _, _) in links)
                link.Detach(AmqpErrors.Of(reason));
            // A link that is being attached finds the device ended; without any link there is nobody to say it.
            if (links.Length == 0)
                Remove(null);
        }
    }

    /// <inheritdoc/>
    public void Invoke(MethodRequest request) => Find<MethodRequests>()?.Invoke(request);

    /// <inheritdoc/>
    public void DesiredChanged(DesiredChange change) => Find<TwinAnswers>()?.Tell(change);

    /// <inheritdoc/>
    public void MessagesWaiting()
    {
        lock (_links)
        {
            foreach (var (_, handler, _) in _links)
                (handler as MessageSender)?.Wake();
        }
    }

    /// <summary>The newest link's handler of a kind, or null.</summary>
    public T? Find<T>()
        where T : class
    {
        lock (_links)
            return _links.Select(l => l.Handler).OfType<T>().LastOrDefault();
    }

    /// <summary>The handlers of a kind, the newest link's last.</summary>
    public IReadOnlyList<T> FindAll<T>()
        where T : class
    {
        lock (_links)
            return [.. _links.Select(l => l.Handler).OfType<T>()];
    }

    /// <summary>Does what a fault that was ordered does, when its time has come.</summary>
    public async Task FailAsync(ReceivingLink link, FaultAction action, FaultType type)
    {
        // The order's own acceptance goes out first.
        await Task.Delay(action.After > TimeSpan.Zero ? action.After : TimeSpan.FromMilliseconds(1), Client.Door.Time);
        switch (action.Effect)
        {
            case FaultEffect.Abort:
                Client.Abort(CloseReason.FaultOrdered);
                break;
            case FaultEffect.ShutDown:
                Client.ShutDown(CloseReason.FaultOrdered);
                break;
            case FaultEffect.CloseConnection:
                Client.Close(CloseReason.FaultOrdered);
                break;
            case FaultEffect.EndSession:
                using (Client.Enter())
                    link.Session.End(new AmqpError(ErrorCondition.InternalError, "The client ordered this fault."));
                break;
            default:
                DetachOrdered(type, link.Session);
                break;
        }
    }

    private void DetachOrdered(FaultType type, AmqpSession session)
    {
        var kind = type switch
        {
            FaultType.KillAmqpD2CLink => DeviceLinkKind.Telemetry,
            FaultType.KillAmqpC2DLink => DeviceLinkKind.Messages,
            FaultType.KillAmqpTwinLinkReq => DeviceLinkKind.TwinRequests,
            FaultType.KillAmqpTwinLinkResp => DeviceLinkKind.TwinAnswers,
            FaultType.KillAmqpMethodReqLink => DeviceLinkKind.MethodRequests,
            FaultType.KillAmqpMethodRespLink => DeviceLinkKind.MethodAnswers,
            FaultType.KillAmqpCBSLinkReq => DeviceLinkKind.TokenRequests,
            _ => DeviceLinkKind.TokenAnswers,
        };
        var error = new AmqpError(ErrorCondition.DetachForced, "The client ordered this fault.");
        using (Client.Enter())
        {
            AmqpLink[] links;
            lock (_links)
                links = [.. _links.Where(l => l.Kind == kind).Select(l => l.Link)];
            if (kind is DeviceLinkKind.TokenRequests or DeviceLinkKind.TokenAnswers)
                links = [.. session.Links.Where(l => CbsNode.IsOfCbs(l) && l.IsReceiver == (kind == DeviceLinkKind.TokenRequests))];
            foreach (var link in links)
                link.Detach(error);
        }
    }
}

/// <summary>What a device's link is for.</summary>
internal enum DeviceLinkKind
{
    Telemetry,
    Messages,
    MethodRequests,
    MethodAnswers,
    TwinRequests,
    TwinAnswers,
    TokenRequests,
    TokenAnswers,
}
