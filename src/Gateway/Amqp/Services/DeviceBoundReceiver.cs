using Homeport.Amqp;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Limits;

namespace Homeport.Gateway.Amqp.Services;

/// <summary>Takes messages to devices. A message is accepted when it is in the device's queue and on the disk.</summary>
internal sealed class DeviceBoundReceiver(AmqpClient client, CloudToDeviceMessages messages, Throttles? throttles) : IReceiverHandler
{
    /// <inheritdoc/>
    public void OnDelivery(ReceivingLink link, in Delivery delivery)
    {
        // Who wants no answer waits for the disk as well, by its credit.
        if (delivery.Settled)
            link.Hold();
        // The sending begins here, in the order of the messages; it ends when the disk has them.
        _ = AnswerAsync(link, delivery.Id, delivery.Settled, SendAsync(delivery.Payload));
    }

    /// <inheritdoc/>
    public void OnDetached(AmqpLink link, AmqpError? error)
    {
        // What was taken goes on its way; nobody is there to hear of it.
    }

    private Task<Refusal?> SendAsync(ReadOnlySpan<byte> payload)
    {
        if (throttles?.TryTake(HubOperation.CloudToDeviceSend) is { } throttled)
            return Task.FromResult<Refusal?>(throttled.Refusal);
        if (AmqpMessage.Decode(payload, out var problem) is not { } message)
            return Task.FromResult<Refusal?>(new Refusal(HubErrors.IotHubFormatError, $"The message cannot be read: {problem}", "Send a message of AMQP 1.0."));
        return ServiceMessage.Read(message).Succeeded(out var read, out var refusal) ? SendAsync(read) : Task.FromResult<Refusal?>(refusal);
    }

    private async Task<Refusal?> SendAsync(ServiceMessage message)
        => (await messages.SendAsync(message.DeviceId, message.ModuleId, message.Message, CancellationToken.None)).Refusal;

    private async Task AnswerAsync(ReceivingLink link, uint deliveryId, bool settled, Task<Refusal?> sending)
    {
        DeliveryState state;
        try
        {
            state = await sending is { } refusal ? DeliveryState.Reject(client.Refuse(refusal)) : DeliveryState.Accepted;
        }
        catch (Exception e)
        {
            state = DeliveryState.Reject(client.Fault(e));
        }
        using (client.Enter())
        {
            if (settled)
                link.Unhold();
            else
                link.Settle(deliveryId, state);
        }
    }
}
