using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Gateway.Amqp.Devices;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;

namespace Homeport.Gateway.Amqp;

public sealed partial class AmqpClient : IConnectionHandler
{
    /// <inheritdoc/>
    void IConnectionHandler.OnOpened(AmqpConnection connection, Open open)
    {
        // Nodes find the client's host by HostName; nothing else is needed of it.
    }

    /// <inheritdoc/>
    void IConnectionHandler.OnAttach(AmqpLink link, Attach attach)
    {
        var address = AmqpAddress.Parse(attach.IsReceiver ? attach.Source?.Address : attach.Target?.Address);
        var request = new LinkRequest(this, link, attach, address);
        if (_door.Nodes.Find(address) is { } node)
            BeforeNextFrame(() => AttachAsync(node, request));
        else
            link.Refuse(attach, Refuse(new Refusal(HubErrors.NotFound, $"There is no node '{address}'", "Use an address of the device or service API, such as /devices/{deviceId}/messages/events.")));
    }

    /// <inheritdoc/>
    void IConnectionHandler.OnSessionEnded(AmqpSession session, AmqpError? error)
    {
        // Its links were told.
    }

    /// <inheritdoc/>
    void IConnectionHandler.OnClosed(AmqpConnection connection, AmqpError? error, bool byPeer)
    {
        End(byPeer ? CloseReason.ClientDisconnected : CloseReason.ProtocolViolation);
        Volatile.Write(ref _closedAt, _door.Time.GetTimestamp());
        if (!byPeer && Reason == CloseReason.ProtocolViolation && error is not null)
            Explain(error);
    }

    private void Explain(AmqpError error) => _door.Hub.Explanations.Keep(
        new Refusal(HubErrors.ArgumentInvalid, $"Connection of {Shorten(Name)} ended: {error.Condition} ({error.Description})", "Send what AMQP 1.0 has at this point."), "amqp");

    private async ValueTask AttachAsync(IAmqpNode node, LinkRequest request)
    {
        LinkAnswer answer;
        try
        {
            answer = await node.AttachAsync(request, Ended);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            answer = LinkAnswer.Refuse(Fault(e));
        }
        using (Enter())
        {
            if (answer.Handler is null)
            {
                request.Link.Refuse(request.Attach, answer.Error!);
                return;
            }
            if (request.Link.State != LinkState.Asked)
            {
                answer.Handler.OnDetached(request.Link, null);
                return;
            }
            request.Link.Accept(request.Attach, answer.Handler, answer.Properties, answer.MaxMessageSize);
            if (request.Link is ReceivingLink receiving && answer.Window > 0)
                receiving.KeepWindow(answer.Window);
        }
    }

    /// <summary>Keeps a fault of the server for the operator and gives the client's error.</summary>
    internal AmqpError Fault(Exception e)
    {
        var refusal = new Refusal(HubErrors.ServerError, "A fault of the server", "Look for the tracking id in the server's log.");
        _door.LogFault(e, Name, refusal.TrackingId);
        return AmqpErrors.Of(refusal);
    }

    /// <summary>
    /// The device behind a link, let in now or with an earlier link. Its first link makes it connected: a connection of it elsewhere ends.
    /// </summary>
    internal async Task<Outcome<AmqpDevice>> OpenDeviceAsync(string deviceId, string? moduleId, string? modelId, CancellationToken token)
    {
        var key = Identity.KeyOf(deviceId, moduleId);
        AmqpDevice? open;
        lock (_gate)
            _devices.TryGetValue(key, out open);
        if (open is not null)
        {
            // With a token a device is connected before its links announce a model.
            await open.AnnounceAsync(modelId, token);
            return open;
        }
        var hub = _door.Hub;
        var changes = hub.Live.Changes;
        if (!(await Tokens.AuthenticateAsync(deviceId, moduleId, token)).Succeeded(out var authenticated, out var refusal))
            return refusal;
        if (hub.Faults?.OnConnect(key) is { } ordered)
            return ordered;
        if (hub.Throttles.TryTake(HubOperation.Connect, key) is { } throttled)
            return throttled.Refusal;
        var device = new AmqpDevice(this, authenticated);
        await device.AnnounceAsync(modelId, token);
        lock (_gate)
            _devices[key] = device;
        hub.Live.Open(device);
        hub.Activity.NoteOpened(deviceId, moduleId, AmqpDevice.Protocol, Remote);
        if (hub.Live.Changes != changes && !await hub.Authenticator.StillHoldsAsync(authenticated, token))
        {
            device.Close(CloseReason.IdentityChanged);
            return new Refusal(HubErrors.IotHubUnauthorized, $"'{key}' was changed while it connected", "Connect again.");
        }
        return device;
    }

    /// <summary>True when a device is the only one that uses the connection.</summary>
    internal bool IsAlone(AmqpDevice device)
    {
        lock (_gate)
            return !_ending && _byPolicy is not { Count: > 0 } && _devices.Count == 1 && _devices.TryGetValue(device.Key, out var only) && ReferenceEquals(only, device);
    }

    /// <summary>Takes a device out that has no link any more, or whose links were detached; under the lock.</summary>
    internal void Forget(AmqpDevice device)
    {
        if (_devices.TryGetValue(device.Key, out var known) && ReferenceEquals(known, device))
            _devices.Remove(device.Key);
    }

    /// <summary>Lets devices that a new token covers stay for its time.</summary>
    internal async Task RenewAsync(HeldToken held, CancellationToken token)
    {
        AmqpDevice[] covered;
        lock (_gate)
            covered = [.. _devices.Values.Where(d => held.Audience.Covers(d.Path))];
        foreach (var device in covered)
        {
            if ((await Tokens.AuthenticateAsync(device.DeviceId, device.ModuleId, token)).Succeeded(out var renewed, out _))
                device.EndsAt = renewed.EndsAt;
        }
    }

    /// <summary>Ends devices and links of services whose token is over; under the lock.</summary>
    private void EndWhatIsOver(DateTimeOffset now)
    {
        foreach (var device in _devices.Values.Where(d => d.EndsAt <= now).ToArray())
            device.Close(CloseReason.TokenExpired);
        if (_byPolicy is not null)
        {
            foreach (var (link, key) in _byPolicy.ToArray())
            {
                if (link.State is LinkState.Detaching or LinkState.Detached)
                    _byPolicy.Remove(link);
                else if (Tokens.EndOf(key) is not { } end || end <= now)
                    link.Detach(AmqpErrors.Of(CloseReason.TokenExpired));
            }
        }
        Tokens.RemoveOver(now);
    }

    private static string Shorten(string text) => text.Length <= 128 ? text : text[..128] + "...";
}
