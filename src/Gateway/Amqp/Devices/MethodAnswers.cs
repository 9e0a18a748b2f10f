using Homeport.Amqp;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;

namespace Homeport.Gateway.Amqp.Devices;

/// <summary>A client's answers to direct methods.</summary>
internal sealed class MethodAnswers(AmqpDevice device) : IReceiverHandler
{
    /// <summary>Answers on the way or not taken yet.</summary>
    public const int Window = 100;

    /// <inheritdoc/>
    public void OnDelivery(ReceivingLink link, in Delivery delivery)
    {
        device.NoteActivity();
        var message = AmqpMessage.Decode(delivery.Payload, out var error);
        var state = DeliveryState.Accepted;
        if (message is null)
        {
            state = Refused($"The answer to a direct method cannot be read: {error}", "Send a message as AMQP 1.0 part 3 has it.");
        }
        else
        {
            var status = Status(message.ApplicationProperties?["IoThub-status"]);
            if (CorrelationOf(message) is { } id && status is { } number)
                device.Hub.Methods.Answer(device, MethodRequests.IdOf(id), number, message.Body.Span);
            else
                state = Refused("The answer to a direct method has no correlation id or no IoThub-status", "Answer with the request's correlation id and an int in IoThub-status.");
        }
        if (!delivery.Settled)
            link.Settle(delivery.Id, state);
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink link, AmqpError? error) => device.Remove(link);

    private DeliveryState Refused(string seen, string fix) => DeliveryState.Reject(device.Client.Refuse(new Refusal(HubErrors.ArgumentInvalid, seen, fix), device.DeviceId));

    /// <summary>SDKs send the UUID back as such, or as its text.</summary>
    private static Guid? CorrelationOf(AmqpMessage message) => message.Properties?.CorrelationId switch
    {
        Guid id => id,
        string text when Guid.TryParse(text, out var id) => id,
        _ => null,
    };

    private static int? Status(object? value) => value switch
    {
        int number => number,
        long number and >= int.MinValue and <= int.MaxValue => (int)number,
        uint number and <= int.MaxValue => (int)number,
        short number => number,
        sbyte number => number,
        byte number => number,
        string text when int.TryParse(text, out var number) => number,
        _ => null,
    };
}
