using System.Net.Sockets;
using System.Security.Authentication;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Trust;

namespace Homeport.Routing.Sinks.Amqp;

/// <summary>Sends messages to an AMQP 1.0 broker over a connection that stays, and is made anew when it was lost.</summary>
internal sealed class AmqpSink(RoutingEndpointDescription endpoint, string hubName, TimeProvider time) : IEndpointSink
{
    private const int SecurePort = 5671;
    private const int PlainPort = 5672;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly PeerTrust _trust = PeerTrust.FromPem(endpoint.CertificateAuthority);
    private AmqpSender? _sender;

    /// <inheritdoc/>
    public int MaxMessages => 500;

    /// <inheritdoc/>
    public async Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(Patience);
        DeliveryFailure? failure;
        try
        {
            _sender ??= await ConnectAsync(limit.Token);
            failure = await _sender.SendAsync(batch, limit.Token);
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            failure = new DeliveryFailure("The broker: " + PeerConnection.Explain(e)) { Delivered = _sender?.Confirmed ?? 0 };
        }
        if (failure is { OfMessages: false })
            await CloseAsync();
        return failure;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await CloseAsync();

    private async Task CloseAsync()
    {
        if (_sender is { } sender)
            await sender.DisposeAsync();
        _sender = null;
    }

    private async Task<AmqpSender> ConnectAsync(CancellationToken token)
    {
        var uri = new Uri(endpoint.Url!);
        var secure = uri.Scheme == "amqps";
        var port = uri.Port > 0 ? uri.Port : secure ? SecurePort : PlainPort;
        var stream = secure ? await PeerConnection.ConnectTlsAsync(uri.Host, port, _trust, token) : await PeerConnection.ConnectAsync(uri.Host, port, token);
        var sender = new AmqpSender(stream, uri.Host, endpoint, new EventMessage(hubName), time);
        try
        {
            await sender.OpenAsync(token);
            return sender;
        }
        catch
        {
            await sender.DisposeAsync();
            throw;
        }
    }
}
