using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Homeport.Provisioning;
using Homeport.Provisioning.Registrations;
using Microsoft.Extensions.Logging;

namespace Homeport.Gateway.Provisioning;

/// <summary>
/// The device side of an application's provisioning service: calls in, statuses and JSON bodies out. HTTPS, MQTT and AMQP differ
/// only in how they carry them.
/// </summary>
/// <param name="idScope">The application's, for example <c>0ne00A1B2C3</c>.</param>
/// <param name="registrations">Registers devices.</param>
/// <param name="limits">Stops floods and guessing.</param>
/// <param name="explanations">Keeps why something was refused.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">For failures of the server itself.</param>
public sealed partial class RegistrationDoor(
    string idScope, RegistrationService registrations, RegistrationLimits limits, Explanations explanations, TimeProvider time, ILogger<RegistrationDoor> logger)
{
    private const int Ok = 200;
    private const int Accepted = 202;
    private const int Challenge = 401;
    private readonly PollPace _pace = new(time);

    /// <summary>The application's ID scope.</summary>
    public string IdScope => idScope;

    /// <summary>Registers a device; it may get a challenge for its TPM instead, with status 401 and no <see cref="RegistrationAnswer.Refusal"/>.</summary>
    /// <param name="call">Who calls, from the address.</param>
    /// <param name="body">JSON, or nothing.</param>
    /// <param name="token">Ends the call.</param>
    public Task<RegistrationAnswer> RegisterAsync(RegistrationCall call, ReadOnlyMemory<byte> body, CancellationToken token) => GuardAsync(call, async () =>
    {
        if (!call.WithBody(body.Span).Succeeded(out var whole, out var refusal))
            return Refuse(call, refusal);
        if (whole.AsksForChallenge && limits.TakeChallenge(whole) is { } throttled)
            return Later(call, throttled);
        if (!(await registrations.RegisterAsync(whole, token)).Succeeded(out var reply, out refusal))
            return Refuse(call, refusal);
        if (reply.Failure is { } failure)
            Explain(call, failure);
        else if (whole.Tpm is not null && reply.Challenge is null)
            limits.NoteAnswer(call.Address);
        if (reply.Challenge is { } blob)
            return Challenged(blob);
        return Answer(Accepted, RegistrationForm.ShowStarted(reply.OperationId!), ProvisioningJson.Wire.OperationDescription) with
        {
            OperationId = reply.OperationId,
            RetryAfter = _pace.Next(),
        };
    });

    /// <summary>Says what came of an operation.</summary>
    public Task<RegistrationAnswer> PollAsync(RegistrationCall call, string operationId, CancellationToken token) => GuardAsync(call, async () =>
        (await registrations.PollAsync(call, operationId, token)).Succeeded(out var view, out var refusal)
            ? Answer(Ok, RegistrationForm.ShowOperation(operationId, view), ProvisioningJson.Wire.OperationDescription) with { RetryAfter = (int?)view.RetryAfter?.TotalSeconds }
            : Refuse(call, refusal));

    /// <summary>Shows a device its registration; it may get a challenge for its TPM instead.</summary>
    public Task<RegistrationAnswer> LookUpAsync(RegistrationCall call, ReadOnlyMemory<byte> body, CancellationToken token) => GuardAsync(call, async () =>
    {
        if (!call.WithBody(body.Span).Succeeded(out var whole, out var refusal))
            return Refuse(call, refusal);
        if (whole.AsksForChallenge && limits.TakeChallenge(whole) is { } throttled)
            return Later(call, throttled);
        if (!(await registrations.LookUpAsync(whole, token)).Succeeded(out var reply, out refusal))
            return Refuse(call, refusal);
        return reply.Challenge is { } blob
            ? Challenged(blob)
            : Answer(Ok, RegistrationForm.ShowToDevice(reply.View!), ProvisioningJson.Wire.RegistrationStateDescription);
    });

    /// <summary>
    /// Refuses a call; the operator finds all of it by the tracking id. What enrollments there are is not said to a stranger.
    /// </summary>
    public RegistrationAnswer Refuse(RegistrationCall call, Refusal refusal)
    {
        Explain(call, refusal);
        if (IsGuess(refusal.Error))
            limits.NoteGuess(call.Address);
        return ToAnswer(refusal);
    }

    private async Task<RegistrationAnswer> GuardAsync(RegistrationCall call, Func<Task<RegistrationAnswer>> run)
    {
        try
        {
            if (limits.Check(call) is { } throttled)
                return Later(call, throttled);
            if (Check(call) is { } bad)
                return Refuse(call, bad);
            return await run();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            var refusal = Explain(call, new Refusal(ProvisioningErrors.InternalError, $"A call for {call} failed in the server", "Look into the server's log."));
            LogFailed(e, refusal.TrackingId);
            return ToAnswer(refusal);
        }
    }

    /// <summary>The wait has some chance in it, so that those who were sent away do not come back all at once.</summary>
    private RegistrationAnswer Later(RegistrationCall call, Throttled throttled) => ToAnswer(Explain(call, throttled.Refusal)) with
    {
        RetryAfter = (int)Math.Ceiling(throttled.RetryAfter.TotalSeconds) + RandomNumberGenerator.GetInt32(1, 4),
    };

    private Refusal? Check(RegistrationCall call)
    {
        if (RegistrationCall.CheckApiVersion(call.ApiVersion) is { } version)
            return version;
        return call.IdScope.Equals(idScope, StringComparison.OrdinalIgnoreCase)
            ? null
            : new Refusal(ProvisioningErrors.ScopeNotFound, $"The address has the ID scope '{Shown.Text(call.IdScope)}'", "Use the ID scope that this server shows at its start.");
    }

    /// <summary>Keeps a refusal for the operator.</summary>
    public Refusal Explain(RegistrationCall call, Refusal refusal) => explanations.Keep(refusal, call.Door, call.RegistrationId);

    private RegistrationAnswer ToAnswer(Refusal refusal)
    {
        var isDiscreet = refusal.Error == ProvisioningErrors.CredentialMismatch || refusal.Error == ProvisioningErrors.EnrollmentNotFound;
        var text = isDiscreet ? $"{refusal.Error.Text} The server keeps the reason under the tracking id." : refusal.Text;
        var body = new DeviceErrorBody(refusal.Error.Code, refusal.TrackingId, text, new ServiceTime(time.GetUtcNow()));
        return Answer(refusal.Error.HttpStatus, body, ProvisioningJson.Wire.DeviceErrorBody) with
        {
            Refusal = refusal,
            RetryAfter = refusal.RetryAfter is { } wait ? (int)Math.Ceiling(wait.TotalSeconds) + RandomNumberGenerator.GetInt32(0, 3) : null,
        };
    }

    private static bool IsGuess(ServiceError error)
        => error == ProvisioningErrors.CredentialMismatch || error == ProvisioningErrors.EnrollmentNotFound || error == ProvisioningErrors.Unauthorized || error == ProvisioningErrors.ScopeNotFound;

    private static RegistrationAnswer Challenged(byte[] blob) => Answer(Challenge, new TpmChallengeBody(Convert.ToBase64String(blob)), ProvisioningJson.Wire.TpmChallengeBody);

    private static RegistrationAnswer Answer<T>(int status, T body, JsonTypeInfo<T> type) => new(status, JsonSerializer.SerializeToUtf8Bytes(body, type));

    [LoggerMessage(EventId = 3102, Level = LogLevel.Error, Message = "A registration call failed. Tracking id {TrackingId}")]
    private partial void LogFailed(Exception exception, string trackingId);
}
