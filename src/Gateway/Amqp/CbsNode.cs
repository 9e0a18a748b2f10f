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
            return new(LinkAnswer.Accept(new CbsAnswers(request)));
        return new(LinkAnswer.Accept(new CbsRequests(request.Client), Window));
    }

    /// <summary>True for a link of this node.</summary>
    public static bool IsOfCbs(AmqpLink link) => link.UserHandler is CbsAnswers or CbsRequests;

    /// <summary>Takes tokens.</summary>
    private sealed class CbsRequests(AmqpClient client) : IReceiverHandler
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
                FindAnswers(link, request?.Properties?.ReplyTo)?.Send(answer);
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
                var device = ClientTokens.DeviceOf(held.Audience);
                if (device is { } id && client.Door.Hub.Faults?.OnConnect(Hub.Registry.Identity.KeyOf(id.DeviceId, id.ModuleId)) is { } ordered)
                    return Refused(ordered);
                await client.RenewAsync(held, client.Ended);
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

        /// <summary>The link that the request's reply-to names; else the session's, else the connection's only one.</summary>
        private static CbsAnswers? FindAnswers(ReceivingLink link, string? replyTo)
        {
            var all = link.Session.Connection.Sessions.SelectMany(s => s.Links).Select(l => l.UserHandler).OfType<CbsAnswers>().ToArray();
            return Array.Find(all, a => a.Target is not null && string.Equals(a.Target, replyTo, StringComparison.Ordinal))
                ?? Array.Find(all, a => ReferenceEquals(a.Link.Session, link.Session))
                ?? all.FirstOrDefault();
        }
    }

    /// <summary>Sends verdicts.</summary>
    private sealed class CbsAnswers(LinkRequest request) : ISenderHandler
    {
        private readonly Queue<byte[]> _waiting = new();

        public SendingLink Link { get; } = (SendingLink)request.Link;

        public string? Target { get; } = request.Attach.Target?.Address;

        public void Send(AmqpMessage answer)
        {
            // A client that gives no credit asked for nothing; the newest verdicts count.
            if (_waiting.Count >= Window)
                _waiting.Dequeue();
            _waiting.Enqueue(answer.ToBytes());
            SendWaiting();
        }

        public void OnCredit(SendingLink link) => SendWaiting();

        public void OnOutcome(SendingLink link, OutgoingDelivery delivery, DeliveryState? state, bool settled)
        {
            if (!settled)
                link.Settle(delivery, state);
        }

        public void OnDetached(AmqpLink link, AmqpError? error) => _waiting.Clear();

        private void SendWaiting()
        {
            while (Link.CanSend && _waiting.TryDequeue(out var message))
                Link.Send(message);
            Link.CompleteDrain();
        }
    }
}
