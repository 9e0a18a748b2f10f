using System.Text;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Contract.Errors;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Limits;
using Homeport.Provisioning.Registrations;

namespace Homeport.Gateway.Amqp.Provisioning;

/// <summary>
/// Registration of devices: requests to <c>{idScope}/registrations/{registrationId}</c>, and answers from the same address. Whether the
/// credentials are good is answered to the request, where SDKs read the number of the error.
/// </summary>
internal sealed class RegistrationNode : IAmqpNode
{
    private const string ApiVersion = "com.microsoft:api-version";
    private const int Window = 10;

    /// <summary>Requests of one connection. SDKs send one at a time and wait for seconds in between.</summary>
    private static readonly Rate Requests = new(2, 20);

    /// <inheritdoc/>
    public bool Serves(AmqpAddress address) => address.Is(null, "registrations", null);

    /// <inheritdoc/>
    public ValueTask<LinkAnswer> AttachAsync(LinkRequest request, CancellationToken token)
    {
        var client = request.Client;
        if (client.Door.Hub.Registrations is not { } door)
            return new(LinkAnswer.Refuse(new AmqpError(ErrorCondition.NotFound, "There is no provisioning service here.")));
        var (scope, id) = (request.Address.Segments[0], request.Address.Segments[2]);
        if (client.Registration is { } known && !(known.IdScope.Equals(scope, StringComparison.OrdinalIgnoreCase) && known.RegistrationId.Equals(id, StringComparison.OrdinalIgnoreCase)))
        {
            return new(LinkAnswer.Refuse(client.Refuse(new Refusal(ProvisioningErrors.Unauthorized, $"The connection is one of '{known.RegistrationId}', and the address is '{request.Address}'",
                "Use the address of the registration that the connection was opened for."))));
        }
        if (!request.ClientSends)
            return new(LinkAnswer.Accept(new RequestAnswers(this, request, Window)));
        var call = (client.Registration ?? TpmExchange.CallOf(client)) with
        {
            IdScope = scope,
            RegistrationId = client.Registration?.RegistrationId ?? id,
            ApiVersion = request.Property(ApiVersion) ?? "",
            Certificate = client.Certificate,
            Intermediates = ClientChain.Of(client.Certificate),
        };
        return new(LinkAnswer.Accept(new RegistrationRequests(this, client, door, call, new TokenBucket(Requests, client.Door.Time)), Window));
    }

    /// <summary>Takes requests, one after the other.</summary>
    private sealed class RegistrationRequests(RegistrationNode node, AmqpClient client, RegistrationDoor door, RegistrationCall call, TokenBucket requests) : IReceiverHandler
    {
        private Task _last = Task.CompletedTask;

        public void OnDelivery(ReceivingLink link, in Delivery delivery)
        {
            var message = AmqpMessage.Decode(delivery.Payload, out var error);
            _last = ServeAsync(link, delivery.Settled ? null : delivery.Id, message, error, _last);
        }

        public void OnDetached(AmqpLink link, AmqpError? error)
        {
            // What is under way ends by itself; its answer finds no link.
        }

        private async Task ServeAsync(ReceivingLink link, uint? deliveryId, AmqpMessage? request, string? error, Task before)
        {
            // The caller holds the connection's lock.
            await Task.Yield();
            await before;
            var answer = await AnswerAsync(request, error);
            using (client.Enter())
            {
                if (deliveryId is { } id)
                    link.Settle(id, answer.Status < 400 ? DeliveryState.Accepted : DeliveryState.Reject(ErrorOf(answer)));
                if (answer.Status < 400)
                    RequestAnswers.Find(node, link, request!.Properties?.ReplyTo)?.Send(MessageOf(answer, request!));
            }
        }

        private Task<RegistrationAnswer> AnswerAsync(AmqpMessage? request, string? error)
        {
            if (request is null)
                return Task.FromResult(Bad($"The message cannot be read: {error}"));
            var wait = requests.TryTake();
            if (wait > TimeSpan.Zero)
            {
                var refused = door.Refuse(call, new Refusal(ProvisioningErrors.TooManyRequests, $"The connection of {call} sent requests without a pause", "Wait as long as retry-after says before the next request."));
                return Task.FromResult(refused with { RetryAfter = (int)Math.Ceiling(wait.TotalSeconds) + 1 });
            }
            var operation = request.ApplicationProperties?.Text("iotdps-operation-type");
            switch (operation)
            {
                case "iotdps-register":
                    return door.RegisterAsync(call, request.Body, client.Ended);
                case "iotdps-get-operationstatus" when request.ApplicationProperties!.Text("iotdps-operation-id") is { } id:
                    return door.PollAsync(call, id, client.Ended);
                case "iotdps-get-registration":
                    return door.LookUpAsync(call, request.Body, client.Ended);
                default:
                    return Task.FromResult(Bad("iotdps-operation-type is not one that is known, or iotdps-operation-id is missing"));
            }
        }

        private RegistrationAnswer Bad(string seen)
            => door.Refuse(call, new Refusal(ProvisioningErrors.BadRequest, seen, "Send iotdps-register, or iotdps-get-operationstatus with iotdps-operation-id."));

        private static AmqpMessage MessageOf(RegistrationAnswer answer, AmqpMessage request) => new()
        {
            Properties = request.Properties?.CorrelationId is { } id ? new MessageProperties { CorrelationId = id } : null,
            ApplicationProperties = RetryOf(answer),
            Data = [answer.Body],
        };

        /// <summary>SDKs look for one of the two spellings.</summary>
        private static AmqpMap RetryOf(RegistrationAnswer answer)
        {
            var map = new AmqpMap();
            if (answer.RetryAfter is { } seconds)
            {
                map.Add("retry-after", seconds);
                map.Add("Retry-After", seconds);
            }
            return map;
        }

        /// <summary>SDKs read the error's JSON from the description.</summary>
        private static AmqpError ErrorOf(RegistrationAnswer answer)
        {
            AmqpMap? info = null;
            if (answer.RetryAfter is { } seconds)
                info = new AmqpMap { ["retry-after"] = seconds, ["Retry-After"] = seconds };
            var condition = answer.Refusal is { } refusal ? AmqpErrors.ConditionOf(refusal.Error) : ErrorCondition.UnauthorizedAccess;
            return new AmqpError(condition, Encoding.UTF8.GetString(answer.Body), info);
        }
    }
}
