using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Homeport.Contract.Messages;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;

namespace Homeport.Device.Hub.Http;

/// <summary>A device that calls its hub over HTTPS. There is no connection to lose: each call has a token of its own.</summary>
internal sealed class HttpLink(HubHttp http, TimeProvider time) : IHubLink
{
    private const string ApplicationPrefix = "iothub-app-";

    /// <summary>Hubs ask devices to look for messages rarely; this is for programs that wait for one.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource<IotHubException> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _sending = new(1);

    /// <inheritdoc/>
    public Task<IotHubException> Completion => _completion.Task;

    /// <inheritdoc/>
    public int InFlight => 0;

    /// <inheritdoc/>
    public Task WhenDrained() => Task.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask<Delivery> SendAsync(ReadOnlyMemory<OutgoingMessage> messages, CancellationToken cancellationToken)
    {
        // One after the other: two requests under way may overtake each other.
        await _sending.WaitAsync(cancellationToken);
        try
        {
            foreach (var body in HttpBatch.Encode(messages))
            {
                using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(HttpBatch.ContentType) } };
                using var response = await http.CallAsync(HttpMethod.Post, "messages/events", content, null, cancellationToken);
            }
        }
        finally
        {
            _sending.Release();
        }

        return Delivery.Done(messages.Length);
    }

    /// <inheritdoc/>
    public Task EnableAsync(HubFeatures features, CancellationToken cancellationToken)
        => (features & ~HubFeatures.Messages) == HubFeatures.None ? Task.CompletedTask : throw NotOverHttp("Direct methods and twins");

    /// <inheritdoc/>
    public async Task<Message?> ReceiveAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            using var response = await http.CallAsync(HttpMethod.Get, "messages/devicebound", null, null, cancellationToken);
            if (response.StatusCode != HttpStatusCode.NoContent)
                return Read(response, await response.Content.ReadAsByteArrayAsync(cancellationToken));
            var left = timeout - time.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
                return null;
            await Task.Delay(left < PollInterval ? left : PollInterval, time, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async Task SettleAsync(string lockToken, MessageOutcome outcome, CancellationToken cancellationToken)
    {
        var path = $"messages/devicebound/{Uri.EscapeDataString(lockToken)}";
        var (method, address) = outcome switch
        {
            MessageOutcome.Abandon => (HttpMethod.Post, path + "/abandon"),
            MessageOutcome.Reject => (HttpMethod.Delete, path + "?reject"),
            _ => (HttpMethod.Delete, path),
        };
        using var response = await http.CallAsync(method, address, null, lockToken, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<byte[]> GetTwinAsync(CancellationToken cancellationToken) => throw NotOverHttp("Twins");

    /// <inheritdoc/>
    public Task<long> ReportAsync(ReadOnlyMemory<byte> patch, CancellationToken cancellationToken) => throw NotOverHttp("Twins");

    /// <inheritdoc/>
    public Task RespondAsync(string requestId, int status, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
        => throw NotOverHttp("Direct methods");

    public ValueTask DisposeAsync()
    {
        _completion.TrySetResult(IotHubException.Of(HubLinkEnd.Disposed, "This side closed the connection."));
        return ValueTask.CompletedTask;
    }

    private static NotSupportedException NotOverHttp(string what) => new($"{what} need a connection that stays: choose TransportType.Mqtt.");

    private static Message Read(HttpResponseMessage response, byte[] body)
    {
        var message = new Message(new ReadOnlyMemory<byte>(body)) { LockToken = response.Headers.ETag?.Tag.Trim('"') };
        foreach (var (name, values) in response.Headers.Concat(response.Content.Headers))
        {
            var value = string.Join(", ", values);
            switch (name.ToLowerInvariant())
            {
                case "iothub-sequencenumber": message.SequenceNumber = Number(value); break;
                case "iothub-deliverycount": message.DeliveryCount = (int)Number(value); break;
                case "iothub-enqueuedtime": message.EnqueuedTimeUtc = Message.Time(value); break;
                case "iothub-messageid": message.SetProperty(SystemProperty.MessageId, value); break;
                case "iothub-correlationid": message.SetProperty(SystemProperty.CorrelationId, value); break;
                case "iothub-userid": message.SetProperty(SystemProperty.UserId, value); break;
                case "iothub-to": message.SetProperty(SystemProperty.To, value); break;
                case "iothub-expiry": message.SetProperty(SystemProperty.AbsoluteExpiryTime, value); break;
                case "iothub-contenttype": message.SetProperty(SystemProperty.ContentType, value); break;
                case "iothub-contentencoding": message.SetProperty(SystemProperty.ContentEncoding, value); break;
                case var property when property.StartsWith(ApplicationPrefix, StringComparison.Ordinal):
                    message.Properties[name[ApplicationPrefix.Length..]] = value;
                    break;
                default: break;
            }
        }

        return message;
    }

    private static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
}
