using System.Text.Json;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>A client's requests about its twin; answers go out by <see cref="TwinAnswers"/> in the order of the requests.</summary>
/// <param name="device">The device.</param>
/// <param name="correlation">Says which link the answers go by.</param>
internal sealed class TwinRequests(AmqpDevice device, string? correlation) : IReceiverHandler
{
    /// <summary>Requests on the way or unanswered.</summary>
    public const int Window = 16;

    private const string Reported = "/properties/reported";
    private const string DesiredChanges = "/notifications/twin/properties/desired";

    private Task _last = Task.CompletedTask;

    /// <inheritdoc/>
    public void OnDelivery(ReceivingLink link, in Delivery delivery)
    {
        device.NoteActivity();
        var message = AmqpMessage.Decode(delivery.Payload, out var error);
        if (message is null)
        {
            var refusal = new Refusal(HubErrors.IotHubFormatError, $"The twin request cannot be read: {error}", "Send a message as AMQP 1.0 part 3 has it.");
            var refused = device.Client.Refuse(refusal, device.DeviceId);
            if (!delivery.Settled)
                link.Settle(delivery.Id, DeliveryState.Reject(refused));
            return;
        }
        // The next request waits until this one has its answer, settled by the client or not.
        link.Hold();
        if (!delivery.Settled)
            link.Settle(delivery.Id, DeliveryState.Accepted);
        _last = ServeAsync(link, message, _last);
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink link, AmqpError? error) => device.Remove(link);

    private async Task ServeAsync(ReceivingLink link, AmqpMessage request, Task before)
    {
        // The caller holds the connection's lock; the twin is asked outside of it.
        await Task.Yield();
        AmqpMessage answer;
        var answers = FindAnswers();
        try
        {
            answer = await AnswerAsync(request, answers);
        }
        catch (Exception e)
        {
            device.Client.Fault(e);
            answer = Refuse(new Refusal(HubErrors.ServerError, "A fault of the server", "Look for the tracking id in the server's log."));
        }
        await before;
        answers?.Send(answer with { Properties = new MessageProperties { CorrelationId = request.Properties?.CorrelationId } });
        using (device.Client.Enter())
            link.Unhold();
    }

    private TwinAnswers? FindAnswers() => device.FindAll<TwinAnswers>().LastOrDefault(a => string.Equals(a.Correlation, correlation, StringComparison.Ordinal)) ?? device.Find<TwinAnswers>();

    private async Task<AmqpMessage> AnswerAsync(AmqpMessage request, TwinAnswers? answers)
    {
        var operation = request.MessageAnnotations?.Text("operation") ?? "";
        var resource = (request.MessageAnnotations?.Text("resource") ?? "").TrimEnd('/');
        switch (operation.ToUpperInvariant())
        {
            case "GET" when resource.Length == 0:
                return await GetAsync(answers);
            case "PATCH" when Is(resource, Reported):
                return await ReportAsync(request.Body);
            case "PUT" when Is(resource, DesiredChanges):
                return Subscribe(answers, wants: true);
            case "DELETE" when Is(resource, DesiredChanges):
                return Subscribe(answers, wants: false);
            default:
                return Refuse(new Refusal(HubErrors.ArgumentInvalid, $"There is no operation '{Shorten(operation)}' of '{Shorten(resource)}' on twins",
                    $"GET the twin, PATCH {Reported}, PUT or DELETE {DesiredChanges}."));
        }
    }

    private async Task<AmqpMessage> GetAsync(TwinAnswers? answers)
    {
        if (device.Throttle.TakeTwinRead() is { } throttled)
            return Refuse(throttled.Refusal);
        if (!(await device.Hub.Twins.GetAsync(device.DeviceId, device.ModuleId, CancellationToken.None)).Succeeded(out var twin, out var refusal))
            return Refuse(refusal);
        answers?.NoteSeen(twin.Desired.Version);
        return Answer(200, twin.ForDevice());
    }

    private async Task<AmqpMessage> ReportAsync(ReadOnlyMemory<byte> patch)
    {
        if (device.Throttle.TakeTwinUpdate() is { } throttled)
            return Refuse(throttled.Refusal);
        var outcome = await device.Hub.Twins.ReportAsync(device.DeviceId, device.ModuleId, patch.ToArray(), CancellationToken.None);
        if (!outcome.Succeeded(out var twin, out var refusal))
            return Refuse(refusal);
        var answer = Answer(200, default);
        answer.MessageAnnotations!["version"] = twin.Reported.Version;
        return answer;
    }

    private static AmqpMessage Subscribe(TwinAnswers? answers, bool wants)
    {
        if (answers is not null)
            answers.WantsChanges = wants;
        return Answer(200, default);
    }

    /// <summary>SDKs read an error from a body with code and message; the status is an int.</summary>
    private AmqpMessage Refuse(Refusal refusal)
    {
        device.Hub.Explanations.Keep(refusal, "amqp", device.DeviceId);
        var body = new DeviceErrorBody(refusal.Error.Code, refusal.TrackingId, refusal.Text, device.Client.Door.Time.GetUtcNow());
        return Answer(refusal.Error.HttpStatus, JsonSerializer.SerializeToUtf8Bytes(body, Json.Default.DeviceErrorBody));
    }

    private static AmqpMessage Answer(int status, ReadOnlyMemory<byte> body) => new() { MessageAnnotations = new AmqpMap { ["status"] = status }, Data = [body] };

    private static bool Is(string resource, string known) => resource.Equals(known, StringComparison.OrdinalIgnoreCase);

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "...";
}
