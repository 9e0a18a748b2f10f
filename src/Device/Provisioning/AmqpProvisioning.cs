using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Homeport.Amqp;
using Homeport.Amqp.Encoding;
using Homeport.Amqp.Messages;
using Homeport.Amqp.Performatives;
using Homeport.Amqp.Sasl;
using Homeport.Contract.Rest;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;
using Homeport.Device.Hub.Amqp;

namespace Homeport.Device.Provisioning;

/// <summary>
/// The device API of a provisioning service over AMQP. Who the device is it shows when it connects: by certificate, by SASL PLAIN with a token, or by the
/// SASL mechanism TPM. A connection that ended is made again with the next request. Source: the provisioning SDKs for C, C# and Node.
/// </summary>
internal sealed class AmqpProvisioning(ProvisioningOptions options, IAttestation attestation, TimeProvider time) : IProvisioningTransport
{
    private RegistrationConnection? _connection;
    private TpmAttestationDescription? _tpm;

    /// <inheritdoc/>
    public Task<ProvisioningAnswer> RegisterAsync(string registrationId, byte[] body, string? token, CancellationToken cancellationToken)
    {
        _tpm ??= JsonSerializer.Deserialize(body, ProvisioningJson.Wire.RegisterRequest)?.Tpm;
        var request = new AmqpMap();
        request.Add("iotdps-operation-type", "iotdps-register");
        return RequestAsync(registrationId, new AmqpMessage { ApplicationProperties = request, Data = [body] }, token, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ProvisioningAnswer> PollAsync(string registrationId, string operationId, string? token, CancellationToken cancellationToken)
    {
        var request = new AmqpMap();
        request.Add("iotdps-operation-type", "iotdps-get-operationstatus");
        request.Add("iotdps-operation-id", operationId);
        return RequestAsync(registrationId, new AmqpMessage { ApplicationProperties = request, Data = [ReadOnlyMemory<byte>.Empty] }, token, cancellationToken);
    }

    public ValueTask DisposeAsync() => CloseAsync();

    private async Task<ProvisioningAnswer> RequestAsync(string registrationId, AmqpMessage request, string? token, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.RequestLimit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            _connection ??= await ConnectAsync(registrationId, token, both.Token);
            return Read(await _connection.AskAsync(request, options.RequestLimit, both.Token));
        }
        catch (Exception e)
        {
            await CloseAsync();
            if (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
                throw IotHubException.Of(HubLinkEnd.Silence, $"{options.Endpoint} did not answer within {options.RequestLimit}.", e);
            throw;
        }
    }

    private async Task<RegistrationConnection> ConnectAsync(string registrationId, string? token, CancellationToken cancellationToken)
    {
        var target = new HubTarget(options.HostName, registrationId)
        {
            AmqpPort = options.AmqpPort,
            HttpsPort = options.HttpsPort,
            Trust = options.Trust,
            Certificate = attestation.Certificate,
            ConnectLimit = options.RequestLimit,
        };
        var name = $"{options.IdScope}/registrations/{registrationId}";
        var stream = options.Transport == ProvisioningTransport.AmqpWebSocket
            ? await HubStream.ConnectWebSocketAsync(target, "AMQPWSB10", cancellationToken)
            : await HubStream.ConnectAsync(target, target.AmqpPort, cancellationToken);
        var connection = new RegistrationConnection(stream, new ConnectionSettings
        {
            ContainerId = registrationId,
            HostName = options.HostName,
            Sasl = SaslOf(registrationId, name, token),
        }, time);
        try
        {
            if (_tpm is not null)
                await AnswerAsync(connection, registrationId, cancellationToken);
            await connection.OpenAsync(name, cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private SaslInit? SaslOf(string registrationId, string name, string? token)
    {
        if (_tpm is not null)
            return new SaslInit(TpmSasl.Mechanism, TpmSasl.Begin(options.IdScope, registrationId, Convert.FromBase64String(_tpm.EndorsementKey!)), options.HostName);
        return token is null ? null : new SaslInit("PLAIN", Encoding.UTF8.GetBytes($"\0{name}\0{token}"), options.HostName);
    }

    /// <summary>Shows the storage root key, opens the challenge in the TPM, and sends the token that it signed.</summary>
    private async Task AnswerAsync(RegistrationConnection connection, string registrationId, CancellationToken cancellationToken)
    {
        var challenge = await connection.ExchangeAsync(new TpmSasl(Convert.FromBase64String(_tpm!.StorageRootKey!)), cancellationToken);
        var expiry = time.GetUtcNow() + options.TokenLifetime;
        var token = await attestation.AnswerAsync(challenge, options.IdScope, registrationId, expiry, cancellationToken)
            ?? throw new ProvisioningException(ProvisioningFailure.Protocol, "The service asked for the answer of a TPM, and the device attests in another way.");
        connection.Respond(TpmSasl.Token(token));
    }

    /// <summary>An error of the service comes as the rejection of the request, its body as the description.</summary>
    private static ProvisioningAnswer Read(LinkAnswer answer)
    {
        if (answer.Message is { } message)
            return new ProvisioningAnswer(HttpStatusCode.OK, message.Body.ToArray(), RetryAfter(message.ApplicationProperties));
        var error = answer.Error!;
        var body = Encoding.UTF8.GetBytes(error.Description ?? "");
        return new ProvisioningAnswer(StatusOf(error, body), body, RetryAfter(error.Info));
    }

    private static HttpStatusCode StatusOf(AmqpError error, byte[] body)
    {
        try
        {
            if (JsonSerializer.Deserialize(body, ProvisioningJson.Wire.DeviceErrorBody) is { ErrorCode: >= 400_000 and < 600_000 and var code })
                return (HttpStatusCode)(code / 1000);
        }
        catch (JsonException)
        {
            // The condition alone has to do.
        }

        return error.Condition switch
        {
            ErrorCondition.UnauthorizedAccess => HttpStatusCode.Unauthorized,
            ErrorCondition.NotFound => HttpStatusCode.NotFound,
            ErrorCondition.InternalError => HttpStatusCode.InternalServerError,
            _ => HttpStatusCode.BadRequest,
        };
    }

    private static TimeSpan? RetryAfter(AmqpMap? properties)
        => (properties?["retry-after"] ?? properties?["Retry-After"]) is { } seconds && int.TryParse(Convert.ToString(seconds, CultureInfo.InvariantCulture), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? TimeSpan.FromSeconds(number)
            : null;

    private async ValueTask CloseAsync()
    {
        if (_connection is { } connection)
            await connection.DisposeAsync();
        _connection = null;
    }
}
