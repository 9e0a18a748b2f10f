using Homeport.Amqp;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Contract.Messages;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>
/// The addresses of devices and modules: <c>/devices/{d}[/modules/{m}]/</c> and <c>messages/events</c>, <c>messages/devicebound</c>,
/// <c>methods/devicebound</c> or <c>twin</c>.
/// </summary>
internal sealed class DeviceNode : IAmqpNode
{
    private const string ModelId = "com.microsoft:model-id";
    private const ulong TelemetrySize = 4 * MessageLimits.DeviceToCloud;

    /// <inheritdoc/>
    public bool Serves(AmqpAddress address) => address.Segments is [{ } first, _, ..] && first.Equals("devices", StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public async ValueTask<LinkAnswer> AttachAsync(LinkRequest request, CancellationToken token)
    {
        var segments = request.Address.Segments;
        var deviceId = segments[1];
        var moduleId = segments.Count > 3 && segments[2].Equals("modules", StringComparison.OrdinalIgnoreCase) ? segments[3] : null;
        if (KindOf([.. segments.Skip(moduleId is null ? 2 : 4)], moduleId is not null, request.ClientSends) is not { } kind)
        {
            return Refused(request, new Refusal(HubErrors.NotFound, $"A client cannot {(request.ClientSends ? "send to" : "receive from")} '{request.Address}'",
                "Send to messages/events, receive from messages/devicebound, and do both with methods/devicebound and twin."), deviceId);
        }
        var opened = await request.Client.OpenDeviceAsync(deviceId, moduleId, request.Property(ModelId), token);
        if (!opened.Succeeded(out var device, out var refusal))
            return Refused(request, refusal, deviceId);
        ILinkHandler handler = kind switch
        {
            DeviceLinkKind.Telemetry => new TelemetryReceiver(device),
            DeviceLinkKind.Messages => new MessageSender(device, (SendingLink)request.Link),
            DeviceLinkKind.MethodRequests => new MethodRequests(device, (SendingLink)request.Link),
            DeviceLinkKind.MethodAnswers => new MethodAnswers(device),
            DeviceLinkKind.TwinRequests => new TwinRequests(device, request.Property(TwinAnswers.CorrelationProperty)),
            _ => new TwinAnswers(device, (SendingLink)request.Link, request.Property(TwinAnswers.CorrelationProperty)),
        };
        if (!device.TryAdd(request.Link, handler, kind))
            return LinkAnswer.Refuse(new AmqpError(ErrorCondition.DetachForced, "The device's links were closed meanwhile: attach again."));
        return handler is IReceiverHandler receiver
            ? LinkAnswer.Accept(receiver, WindowOf(kind)) with { MaxMessageSize = TelemetrySize }
            : LinkAnswer.Accept((ISenderHandler)handler) with { MaxMessageSize = TelemetrySize };
    }

    private static int WindowOf(DeviceLinkKind kind) => kind switch
    {
        DeviceLinkKind.Telemetry => TelemetryReceiver.Window,
        DeviceLinkKind.TwinRequests => TwinRequests.Window,
        _ => MethodAnswers.Window,
    };

    private static DeviceLinkKind? KindOf(string[] rest, bool isModule, bool clientSends)
    {
        bool Is(params ReadOnlySpan<string> words) => rest.AsSpan().SequenceEqual(words, StringComparer.OrdinalIgnoreCase);

        if (Is("messages", "events"))
            return clientSends ? DeviceLinkKind.Telemetry : isModule ? DeviceLinkKind.Messages : null;
        if (Is("messages", "devicebound"))
            return clientSends ? null : DeviceLinkKind.Messages;
        if (Is("methods", "devicebound"))
            return clientSends ? DeviceLinkKind.MethodAnswers : DeviceLinkKind.MethodRequests;
        if (Is("twin"))
            return clientSends ? DeviceLinkKind.TwinRequests : DeviceLinkKind.TwinAnswers;
        return null;
    }

    private static LinkAnswer Refused(LinkRequest request, Refusal refusal, string deviceId) => LinkAnswer.Refuse(request.Client.Refuse(refusal, deviceId));
}
