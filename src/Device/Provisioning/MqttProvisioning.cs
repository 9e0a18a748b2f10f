using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Text;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;
using Homeport.Device.Hub.Mqtt;
using Homeport.Mqtt;

namespace Homeport.Device.Provisioning;

/// <summary>
/// The device API of a provisioning service over MQTT. One request at a time; a connection that ended is made again with the next request. Source:
/// Azure "Communicate with your DPS using the MQTT protocol".
/// </summary>
internal sealed class MqttProvisioning(ProvisioningOptions options, SslStreamCertificateContext? certificate, TimeProvider time) : IProvisioningTransport
{
    private const string Answers = "$dps/registrations/res/";

    private MqttTransport? _transport;
    private ushort _lastPacketId;

    /// <inheritdoc/>
    public Task<ProvisioningAnswer> RegisterAsync(string registrationId, byte[] body, string? token, CancellationToken cancellationToken)
        => RequestAsync(registrationId, "$dps/registrations/PUT/iotdps-register/?$rid={0}", body, token, cancellationToken);

    /// <inheritdoc/>
    public Task<ProvisioningAnswer> PollAsync(string registrationId, string operationId, string? token, CancellationToken cancellationToken)
        => RequestAsync(
            registrationId,
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid={0}&operationId=" + Uri.EscapeDataString(operationId),
            [],
            token,
            cancellationToken);

    public ValueTask DisposeAsync() => CloseAsync();

    private async Task<ProvisioningAnswer> RequestAsync(string registrationId, string topic, byte[] body, string? token, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.RequestLimit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            _transport ??= await ConnectAsync(registrationId, token, both.Token);
            var packetId = ++_lastPacketId;
            var requestId = packetId.ToString(CultureInfo.InvariantCulture);
            var text = string.Format(CultureInfo.InvariantCulture, topic, requestId);
            await _transport.WriteAsync(PublishPacket.Make(Encoding.UTF8.GetBytes(text), body, qos: 1, packetId), both.Token);
            return await ReadAsync(_transport, requestId, both.Token);
        }
        catch (Exception e)
        {
            await CloseAsync();
            throw e switch
            {
                OperationCanceledException when !cancellationToken.IsCancellationRequested
                    => IotHubException.Of(HubLinkEnd.Silence, $"{options.Endpoint} did not answer within {options.RequestLimit}.", e),
                IOException => IotHubException.Of(HubLinkEnd.Lost, $"{options.Endpoint}: {e.Message}", e),
                _ => e,
            };
        }
    }

    private async Task<MqttTransport> ConnectAsync(string registrationId, string? token, CancellationToken cancellationToken)
    {
        var target = new HubTarget(options.HostName, registrationId)
        {
            MqttPort = options.MqttPort,
            HttpsPort = options.HttpsPort,
            Trust = options.Trust,
            Certificate = certificate,
            ConnectLimit = options.RequestLimit,
        };
        var transport = await MqttTransport.ConnectAsync(target, options.Transport == ProvisioningTransport.MqttWebSocket, cancellationToken);
        try
        {
            var userName = $"{options.IdScope}/registrations/{registrationId}/api-version={HttpProvisioning.ApiVersion}&ClientVersion={target.Product}";
            await transport.WriteAsync(new ConnectPacket(registrationId, userName, token, CleanSession: true, KeepAlive: 120).ToBytes(), cancellationToken);
            var (type, _, body) = await NextAsync(transport, cancellationToken);
            if (type != PacketType.Connack || !ConnackPacket.TryParse(body, out var answer))
                throw IotHubException.Of(HubLinkEnd.ProtocolError, "The server did not answer CONNECT by CONNACK. Is this an MQTT port?");
            if (answer.ReturnCode == ConnectReturnCode.ServerUnavailable)
                throw IotHubException.Of(HubLinkEnd.Unavailable, "The provisioning service is not ready. Try again later.");
            if (answer.ReturnCode != ConnectReturnCode.Accepted)
                throw IotHubException.Of(HubLinkEnd.Refused, $"The provisioning service refused the registration '{registrationId}' ({answer.ReturnCode}). Are ID scope and key right?");
            await transport.WriteAsync(new SubscribePacket(++_lastPacketId, [new TopicFilter(Answers + "#", 1)]).ToBytes(), cancellationToken);
            if ((await NextAsync(transport, cancellationToken)).Type != PacketType.Suback)
                throw IotHubException.Of(HubLinkEnd.ProtocolError, "The server did not answer SUBSCRIBE by SUBACK. Is this a provisioning service?");
            return transport;
        }
        catch
        {
            await transport.DisposeAsync();
            throw;
        }
    }

    /// <summary>The answer to one request; acknowledgements and late answers to others are passed over.</summary>
    private static async Task<ProvisioningAnswer> ReadAsync(MqttTransport transport, string requestId, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (type, flags, body) = await NextAsync(transport, cancellationToken);
            if (type != PacketType.Publish)
                continue;
            var (answer, packetId) = Parse(flags, body, requestId);
            if (packetId != 0)
            {
                var puback = new byte[PubackPacket.Size];
                PubackPacket.Write(puback, packetId);
                await transport.WriteAsync(puback, cancellationToken);
            }

            if (answer is not null)
                return answer;
        }
    }

    private static (ProvisioningAnswer? Answer, ushort PacketId) Parse(int flags, byte[] body, string requestId)
    {
        if (!PublishPacket.TryParse(flags, body, out var publish))
            throw IotHubException.Of(HubLinkEnd.ProtocolError, "The server sent a broken packet.");
        var topic = Encoding.UTF8.GetString(publish.Topic);
        var end = topic.IndexOf("/?", StringComparison.Ordinal);
        if (!topic.StartsWith(Answers, StringComparison.Ordinal) || end < 0
            || !int.TryParse(topic.AsSpan(Answers.Length, end - Answers.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var status))
        {
            return (null, publish.PacketId);
        }

        var values = topic[(end + 2)..].Split('&').Select(static pair => pair.Split('=', 2)).Where(static pair => pair.Length == 2)
            .ToLookup(static pair => pair[0], static pair => pair[1], StringComparer.OrdinalIgnoreCase);
        if (values["$rid"].FirstOrDefault() != requestId)
            return (null, publish.PacketId);
        TimeSpan? wait = int.TryParse(values["retry-after"].FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;
        return (new ProvisioningAnswer((HttpStatusCode)status, publish.Payload.ToArray(), wait), publish.PacketId);
    }

    private static async Task<(PacketType Type, int Flags, byte[] Body)> NextAsync(MqttTransport transport, CancellationToken cancellationToken)
        => await transport.ReadAsync(cancellationToken) ?? throw IotHubException.Of(HubLinkEnd.ClosedByServer, "The provisioning service closed the connection.");

    private async ValueTask CloseAsync()
    {
        if (_transport is { } transport)
            await transport.DisposeAsync();
        _transport = null;
    }
}
