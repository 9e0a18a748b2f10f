using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;

namespace Homeport.Gateway.Amqp;

/// <summary>
/// Claims-based security: a client puts a token to <c>$cbs</c> and gets the verdict by its other link. What the token is for stands in
/// the token; the request's name is not looked at. Source: AMQP Claims-based Security Version 1.0, and the Azure SDKs.
/// </summary>
internal sealed class CbsNode : IAmqpNode
{
    private const string Address = "$cbs";
    private const int Window = 100;

    /// <inheritdoc/>
    public bool Serves(AmqpAddress address) => address.Is(Address);

    /// <inheritdoc/>
    public ValueTask<LinkAnswer> AttachAsync(LinkRequest request, CancellationToken token)
    {
        if (!request.ClientSends)
            return new(LinkAnswer.Accept(new RequestAnswers(this, request, Window)));
        return new(LinkAnswer.Accept(new CbsRequests(this, request.Client), Window));
    }

    /// <summary>True for a link of this node.</summary>
    public static bool IsOfCbs(AmqpLink link) => link.UserHandler is CbsRequests or RequestAnswers { Node: CbsNode };

    /// <summary>Takes tokens.</summary>
    private sealed class CbsRequests(CbsNode node, AmqpClient client) : IReceiverHandler
    {
        public void OnDelivery(ReceivingLink link, in Delivery delivery)
        {
            // The C SDK drops an answer that comes before the disposition of its request.
            if (!delivery.Settled)
                link.Settle(delivery.Id, DeliveryState.Accepted);
            var message = AmqpMessage.Decode(delivery.Payload, out var error);
            client.BeforeNextFrame(() => ServeAsync(link, message, error));
        }

        public void OnDetached(AmqpLink link, AmqpError? error)
        {
            // Tokens outlive the links they came by.
        }

        private async ValueTask ServeAsync(ReceivingLink link, AmqpMessage? request, string? error)
        {
            var (status, text) = request is null
                ? (400, $"The request cannot be read: {error}")
                : await PutAsync(request);
            var result = new AmqpMap();
            result.Add("status-code", status);
            result.Add("status-description", text);
            var answer = new AmqpMessage
            {
                Properties = new MessageProperties { CorrelationId = request?.Properties?.MessageId, To = request?.Properties?.ReplyTo },
                ApplicationProperties = result,
                HasValue = true,
            };
            using (client.Enter())
                RequestAnswers.Find(node, link, request?.Properties?.ReplyTo)?.Send(answer);
        }

        private async Task<(int Status, string Text)> PutAsync(AmqpMessage request)
        {
            try
            {
                var operation = request.ApplicationProperties?.Text("operation");
                if (!string.Equals(operation, "put-token", StringComparison.OrdinalIgnoreCase))
                    return (400, $"The operation is '{operation}', only put-token is known.");
                var outcome = await client.Tokens.PutAsync(request.Value as string, client.Ended);
                if (!outcome.Succeeded(out var held, out var refusal))
                    return Refused(refusal);
                await client.RenewAsync(held, client.Ended);
                // With its token a device is connected, before it has a link.
                if (held.Identity is { } id && !(await client.OpenDeviceAsync(id.DeviceId, id.ModuleId, null, client.Ended)).Succeeded(out _, out refusal))
                    return Refused(refusal);
                return (200, "OK");
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                client.Fault(e);
                return (500, "A fault of the server.");
            }
        }

        private (int Status, string Text) Refused(Refusal refusal)
        {
            var error = client.Refuse(refusal);
            return (refusal.Error.HttpStatus, error.Description!);
        }
    }
}
