using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Device.Identity;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Device.Provisioning;

/// <summary>What a device was assigned.</summary>
/// <param name="RegistrationId">Under which it registered.</param>
/// <param name="AssignedHub">Host name of its hub.</param>
/// <param name="DeviceId">Its name there.</param>
/// <param name="Substatus">For example <c>initialAssignment</c>.</param>
/// <param name="Key">Signs its tokens for the hub.</param>
public sealed record ProvisioningResult(string RegistrationId, string AssignedHub, string DeviceId, string? Substatus, IDeviceKey Key);

/// <summary>
/// Registers a device with a Device Provisioning Service over HTTPS (device API): register, answer the challenge of a TPM, poll, take over the key.
/// </summary>
public sealed partial class ProvisioningClient : IDisposable
{
    /// <summary>What services of all ages accept.</summary>
    private const string ApiVersion = "2021-06-01";

    private const int MaxBodyBytes = 64 * 1024;

    private static readonly MediaTypeHeaderValue JsonContent = new("application/json", "utf-8");

    private readonly ProvisioningOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly HttpClient _http;

    public ProvisioningClient(ProvisioningOptions options, TimeProvider? time = null, ILogger<ProvisioningClient>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _time = time ?? TimeProvider.System;
        _logger = logger ?? NullLogger<ProvisioningClient>.Instance;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = options.RequestLimit };
        handler.SslOptions.RemoteCertificateValidationCallback = options.Trust.Validate;
        _http = new HttpClient(options.Observe?.Invoke(handler) ?? handler)
        {
            BaseAddress = new Uri($"https://{options.Endpoint}/"),
            MaxResponseContentBufferSize = MaxBodyBytes,
            Timeout = options.RequestLimit,
        };
    }

    /// <summary>Registers, again if need be; the service decides whether anything changes.</summary>
    /// <param name="attestation">The proof of identity.</param>
    /// <param name="payload">Anything for a custom allocation of the service, or null.</param>
    /// <param name="cancellationToken">Ends the registration; the TPM keeps what it has.</param>
    /// <exception cref="ProvisioningException">It came to nothing.</exception>
    /// <exception cref="Homeport.Tpm.TpmException">The TPM refused.</exception>
    public async Task<ProvisioningResult> RegisterAsync(IAttestation attestation, JsonElement? payload, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(attestation);
        using var limit = new CancellationTokenSource(_options.Limit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var call = new Call();
        try
        {
            var state = await RegisterAndPollAsync(attestation, payload, call, both.Token);
            var key = await attestation.CompleteAsync(state, both.Token);
            LogAssigned(state.RegistrationId ?? "", state.AssignedHub!, state.DeviceId!);
            return new ProvisioningResult(state.RegistrationId ?? "", state.AssignedHub!, state.DeviceId!, state.Substatus, key);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            var reason = call.LastTrouble is null ? "the service kept the device waiting" : $"the last trouble was: {call.LastTrouble}";
            throw new ProvisioningException(ProvisioningFailure.TimedOut, $"Not registered within {_options.Limit}; {reason}", e);
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<RegistrationStateDescription> RegisterAndPollAsync(
        IAttestation attestation, JsonElement? payload, Call call, CancellationToken cancellationToken)
    {
        var request = await attestation.BeginAsync(cancellationToken) with { Payload = payload };
        var registrationId = request.RegistrationId!;
        var expiry = _time.GetUtcNow() + _options.TokenLifetime;
        var address = $"{Uri.EscapeDataString(_options.IdScope)}/registrations/{Uri.EscapeDataString(registrationId)}";
        var body = JsonSerializer.SerializeToUtf8Bytes(request, ProvisioningJson.Wire.RegisterRequest);
        call.Token = await attestation.AuthorizeAsync(_options.IdScope, registrationId, expiry, cancellationToken);

        var answer = await SendAsync(HttpMethod.Put, $"{address}/register?api-version={ApiVersion}", body, call, cancellationToken);
        if (answer.Status == HttpStatusCode.Unauthorized && call.Token is null)
        {
            var challenge = ProvisioningBody.Read(answer.Body, ProvisioningJson.Wire.TpmChallengeBody);
            call.Token = challenge.AuthenticationKey is null
                ? null
                : await attestation.AnswerAsync(
                    ProvisioningBody.DecodeKey(challenge.AuthenticationKey), _options.IdScope, registrationId, expiry, cancellationToken);
            if (call.Token is null)
                throw ProvisioningBody.Refusal(answer.Status, answer.Body);
            answer = await SendAsync(HttpMethod.Put, $"{address}/register?api-version={ApiVersion}", body, call, cancellationToken);
        }

        while (true)
        {
            if (!answer.Succeeded)
                throw ProvisioningBody.Refusal(answer.Status, answer.Body);
            var operation = ProvisioningBody.Read(answer.Body, ProvisioningJson.Wire.OperationDescription);
            if (Finished(operation) is { } state)
                return state with { RegistrationId = state.RegistrationId ?? registrationId };
            await Task.Delay(answer.RetryAfter ?? _options.DefaultDelay, _time, cancellationToken);
            answer = await SendAsync(
                HttpMethod.Get, $"{address}/operations/{Uri.EscapeDataString(operation.OperationId)}?api-version={ApiVersion}", null, call, cancellationToken);
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
    private async Task<Answer> SendAsync(HttpMethod method, string address, byte[]? body, Call call, CancellationToken cancellationToken)
    {
        while (true)
        {
            Answer? answer = null;
            try
            {
                answer = await SendOnceAsync(method, address, body, call.Token, cancellationToken);
                if (answer.Status != HttpStatusCode.TooManyRequests && (int)answer.Status < 500)
                    return answer;
                call.LastTrouble = ProvisioningBody.Refusal(answer.Status, answer.Body).Message;
            }
            catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.SecureConnectionError)
            {
                throw new ProvisioningException(
                    ProvisioningFailure.Untrusted,
                    $"The certificate of {_options.Endpoint} is not trusted or is for another name. Give the CA file of the service.", e);
            }
            catch (HttpRequestException e) when (e.HttpRequestError != HttpRequestError.ConfigurationLimitExceeded)
            {
                call.LastTrouble = $"{_options.Endpoint}: {e.Message}";
            }
            catch (HttpRequestException e)
            {
                throw new ProvisioningException(ProvisioningFailure.Protocol, $"An answer has more than {MaxBodyBytes} bytes.", e);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                call.LastTrouble = $"{_options.Endpoint} did not answer within {_options.RequestLimit}.";
            }

            var delay = answer?.RetryAfter ?? _options.DefaultDelay;
            LogTrouble(call.LastTrouble ?? "", delay);
            await Task.Delay(delay * (1 + (Random.Shared.NextDouble() / 4)), _time, cancellationToken);
        }
    }

    private async Task<Answer> SendOnceAsync(HttpMethod method, string address, byte[]? body, string? token, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, address);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (token is not null)
            request.Headers.TryAddWithoutValidation("Authorization", token);
        if (body is not null)
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = JsonContent } };
        using var response = await _http.SendAsync(request, cancellationToken);
        return new Answer(response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellationToken), RetryAfter(response));
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        var value = response.Headers.RetryAfter;
        var delay = value?.Delta ?? value?.Date - _time.GetUtcNow();
        if (delay is null)
            return null;
        return delay.Value < TimeSpan.Zero ? TimeSpan.Zero : delay.Value > _options.LongestDelay ? _options.LongestDelay : delay.Value;
    }

    /// <summary>What one registration carries from request to request.</summary>
    private sealed class Call
    {
        public string? Token { get; set; }

        public string? LastTrouble { get; set; }
    }

    private sealed record Answer(HttpStatusCode Status, byte[] Body, TimeSpan? RetryAfter)
    {
        public bool Succeeded => (int)Status is >= 200 and < 300;
    }

    [LoggerMessage(1, LogLevel.Warning, "Registration goes on in {Delay}: {Trouble}")]
    private partial void LogTrouble(string trouble, TimeSpan delay);

    [LoggerMessage(2, LogLevel.Information, "Registration {RegistrationId} is assigned to the hub {Hub} as device {DeviceId}")]
    private partial void LogAssigned(string registrationId, string hub, string deviceId);
}
