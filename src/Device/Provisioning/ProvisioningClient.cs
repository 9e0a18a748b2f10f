using System.Net;
using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Device.Provisioning;

/// <summary>What a device was assigned.</summary>
/// <param name="RegistrationId">Under which it registered.</param>
/// <param name="AssignedHub">Host name of its hub.</param>
/// <param name="DeviceId">Its name there.</param>
/// <param name="Substatus">For example <c>initialAssignment</c>.</param>
/// <param name="Authentication">How it shows that hub who it is: key, TPM or certificate, an issued one if it asked for one.</param>
public sealed record ProvisioningResult(string RegistrationId, string AssignedHub, string DeviceId, string? Substatus, IAuthenticationMethod Authentication)
{
    /// <summary>What the service's own allocation added, JSON; null for nothing.</summary>
    public JsonElement? Payload { get; init; }

    /// <summary>The chain of the certificate that the service issued for the request, the device's first, DER; empty when none was asked for.</summary>
    public IReadOnlyList<byte[]> IssuedCertificateChain { get; init; } = [];
}

/// <summary>
/// Registers a device with a Device Provisioning Service (device API) over HTTPS, or over MQTT or AMQP, by WebSocket too: register, answer the challenge of a
/// TPM, poll, take over what was assigned. Registering again is the way to a changed assignment.
/// </summary>
public sealed partial class ProvisioningClient : IDisposable
{
    private readonly ProvisioningOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public ProvisioningClient(ProvisioningOptions options, TimeProvider? time = null, ILogger<ProvisioningClient>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _time = time ?? TimeProvider.System;
        _logger = logger ?? NullLogger<ProvisioningClient>.Instance;
    }

    /// <summary>Registers, again if need be; the service decides whether anything changes.</summary>
    /// <param name="attestation">The proof of identity.</param>
    /// <param name="payload">Anything for a custom allocation of the service, or null.</param>
    /// <param name="cancellationToken">Ends the registration; the TPM keeps what it has.</param>
    /// <exception cref="ProvisioningException">It came to nothing.</exception>
    /// <exception cref="Homeport.Tpm.TpmException">The TPM refused.</exception>
    public Task<ProvisioningResult> RegisterAsync(IAttestation attestation, JsonElement? payload, CancellationToken cancellationToken)
        => RegisterAsync(attestation, payload, null, cancellationToken);

    /// <inheritdoc cref="RegisterAsync(IAttestation, JsonElement?, CancellationToken)"/>
    /// <param name="attestation">The proof of identity.</param>
    /// <param name="payload">Anything for a custom allocation of the service, or null.</param>
    /// <param name="request">Asks for a certificate for the hub; null: none.</param>
    /// <param name="cancellationToken">Ends the registration.</param>
    public async Task<ProvisioningResult> RegisterAsync(
        IAttestation attestation, JsonElement? payload, CertificateSigningRequest? request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(attestation);
        using var limit = new CancellationTokenSource(_options.Limit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var call = new Call();
        try
        {
            await using var transport = Connect(attestation);
            var state = await RegisterAndPollAsync(transport, attestation, new Wanted(payload, request), call, both.Token);
            var method = await attestation.CompleteAsync(state, both.Token);
            LogAssigned(state.RegistrationId ?? "", state.AssignedHub!, state.DeviceId!);
            var chain = state.IssuedCertificateChain?.Select(ProvisioningBody.DecodeKey).ToArray() ?? [];
            return new ProvisioningResult(state.RegistrationId ?? "", state.AssignedHub!, state.DeviceId!, state.Substatus, request?.Complete(state.DeviceId!, chain) ?? method)
            {
                Payload = state.Payload,
                IssuedCertificateChain = chain,
            };
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            var reason = call.LastTrouble is null ? "the service kept the device waiting" : $"the last trouble was: {call.LastTrouble}";
            throw new ProvisioningException(ProvisioningFailure.TimedOut, $"Not registered within {_options.Limit}; {reason}", e);
        }
    }

    /// <summary>Nothing to release between registrations; here for those who write <c>using</c>.</summary>
    public void Dispose()
    {
        // A registration closes its own connection.
    }

    private IProvisioningTransport Connect(IAttestation attestation)
    {
        var certificate = attestation.Certificate;
        switch (_options.Transport)
        {
            case ProvisioningTransport.Https:
                return new HttpProvisioning(_options, certificate, _time);
            case ProvisioningTransport.Amqp or ProvisioningTransport.AmqpWebSocket:
                return new AmqpProvisioning(_options, attestation, _time);
            default:
                return attestation is TpmAttestation
                    ? throw new ArgumentException("No service takes a TPM over MQTT: its challenge needs HTTPS or AMQP. Choose ProvisioningTransport.Https or Amqp.", nameof(attestation))
                    : new MqttProvisioning(_options, certificate, _time);
        }
    }

    private async Task<RegistrationStateDescription> RegisterAndPollAsync(
        IProvisioningTransport transport, IAttestation attestation, Wanted wanted, Call call, CancellationToken cancellationToken)
    {
        var request = await attestation.BeginAsync(cancellationToken) with { Payload = wanted.Payload, Csr = wanted.Request?.Encode() };
        var registrationId = request.RegistrationId!;
        var expiry = _time.GetUtcNow() + _options.TokenLifetime;
        var body = JsonSerializer.SerializeToUtf8Bytes(request, ProvisioningJson.Wire.RegisterRequest);
        call.Token = await attestation.AuthorizeAsync(_options.IdScope, registrationId, expiry, cancellationToken);

        var answer = await SendAsync(() => transport.RegisterAsync(registrationId, body, call.Token, cancellationToken), call, cancellationToken);
        if (answer.Status == HttpStatusCode.Unauthorized && call.Token is null && attestation.Certificate is null)
        {
            var challenge = ProvisioningBody.Read(answer.Body, ProvisioningJson.Wire.TpmChallengeBody);
            call.Token = challenge.AuthenticationKey is null
                ? null
                : await attestation.AnswerAsync(
                    ProvisioningBody.DecodeKey(challenge.AuthenticationKey), _options.IdScope, registrationId, expiry, cancellationToken);
            if (call.Token is null)
                throw ProvisioningBody.Refusal(answer.Status, answer.Body);
            answer = await SendAsync(() => transport.RegisterAsync(registrationId, body, call.Token, cancellationToken), call, cancellationToken);
        }

        while (true)
        {
            if (!answer.Succeeded)
                throw ProvisioningBody.Refusal(answer.Status, answer.Body);
            var operation = ProvisioningBody.Read(answer.Body, ProvisioningJson.Wire.OperationDescription);
            if (Finished(operation) is { } state)
                return state with { RegistrationId = state.RegistrationId ?? registrationId };
            await Task.Delay(Limited(answer.RetryAfter) ?? _options.DefaultDelay, _time, cancellationToken);
            answer = await SendAsync(() => transport.PollAsync(registrationId, operation.OperationId, call.Token, cancellationToken), call, cancellationToken);
        }
    }

    /// <summary>The state when the operation has ended well, null while it runs.</summary>
    private static RegistrationStateDescription? Finished(OperationDescription operation)
    {
        var state = operation.RegistrationState;
        switch (operation.Status?.ToLowerInvariant())
        {
            case "assigning" or "unassigned" when !string.IsNullOrEmpty(operation.OperationId):
                return null;
            case "assigned" when !string.IsNullOrEmpty(state?.AssignedHub) && !string.IsNullOrEmpty(state.DeviceId):
                return state;
            case "disabled":
                throw new ProvisioningException(ProvisioningFailure.Refused, "The enrollment of this device is disabled.");
            case "failed":
                throw new ProvisioningException(
                    ProvisioningFailure.Failed, $"The service could not assign a hub: {state?.ErrorMessage ?? "no reason given"} ({state?.ErrorCode ?? 0}).")
                {
                    ErrorCode = state?.ErrorCode ?? 0,
                };
            default:
                throw new ProvisioningException(ProvisioningFailure.Protocol, $"The service answered with the status '{operation.Status}' and an incomplete state.");
        }
    }

    /// <summary>Sends until the service gives an answer that counts: not 429, not 5xx, not silence.</summary>
    private async Task<ProvisioningAnswer> SendAsync(Func<Task<ProvisioningAnswer>> send, Call call, CancellationToken cancellationToken)
    {
        while (true)
        {
            ProvisioningAnswer? answer = null;
            try
            {
                answer = await send();
                if (answer.Status != HttpStatusCode.TooManyRequests && (int)answer.Status < 500)
                    return answer;
                call.LastTrouble = ProvisioningBody.Refusal(answer.Status, answer.Body).Message;
            }
            catch (IotHubException e) when (e.IsTransient)
            {
                call.LastTrouble = e.Message;
            }
            catch (IotHubException e)
            {
                throw ProvisioningBody.Explain(e);
            }

            var delay = Limited(answer?.RetryAfter) ?? _options.DefaultDelay;
            LogTrouble(call.LastTrouble ?? "", delay);
            await Task.Delay(delay * (1 + (Random.Shared.NextDouble() / 4)), _time, cancellationToken);
        }
    }

    private TimeSpan? Limited(TimeSpan? delay)
        => delay is not { } wait ? null : wait < TimeSpan.Zero ? TimeSpan.Zero : wait > _options.LongestDelay ? _options.LongestDelay : wait;

    /// <summary>What one registration carries from request to request.</summary>
    private sealed class Call
    {
        public string? Token { get; set; }

        public string? LastTrouble { get; set; }
    }

    private sealed record Wanted(JsonElement? Payload, CertificateSigningRequest? Request);

    [LoggerMessage(1, LogLevel.Warning, "Registration goes on in {Delay}: {Trouble}")]
    private partial void LogTrouble(string trouble, TimeSpan delay);

    [LoggerMessage(2, LogLevel.Information, "Registration {RegistrationId} is assigned to the hub {Hub} as device {DeviceId}")]
    private partial void LogAssigned(string registrationId, string hub, string deviceId);
}
