using Homeport.Amqp;
using Homeport.Amqp.Sasl;
using Homeport.Contract.Errors;
using Homeport.Gateway.Amqp.Provisioning;
using Homeport.Hub.Live;

namespace Homeport.Gateway.Amqp;

public sealed partial class AmqpClient
{
    /// <inheritdoc/>
    void IConnectionHandler.OnSaslInit(AmqpConnection connection, SaslInit init) => BeforeNextFrame(() => AuthenticateAsync(init));

    /// <inheritdoc/>
    void IConnectionHandler.OnSaslResponse(AmqpConnection connection, byte[] response) => BeforeNextFrame(() => ExchangeAsync(response));

    private async ValueTask AuthenticateAsync(SaslInit init)
    {
        switch (init.Mechanism.ToUpperInvariant())
        {
            case "ANONYMOUS" or "MSSBCBS" or "EXTERNAL":
                EndSasl(SaslCode.Ok);
                break;
            case "PLAIN":
                EndSasl(await GuardAsync(() => PlainAsync(init.InitialResponse)));
                break;
            case "TPM" when _door.Hub.Registrations is { } door:
                _tpm = new TpmExchange(door, TpmExchange.CallOf(this));
                await ExchangeAsync(init.InitialResponse ?? []);
                break;
            default:
                Refuse(new Refusal(HubErrors.IotHubUnauthorized, $"The SASL mechanism '{Shorten(init.Mechanism)}' is not offered", $"Use one of {string.Join(", ", AmqpDoor.Settings.SaslMechanisms)}."));
                EndSasl(SaslCode.Auth);
                break;
        }
    }

    /// <summary>One step of the mechanism TPM.</summary>
    private async ValueTask ExchangeAsync(byte[] message)
    {
        byte[]? challenge = null;
        var code = await GuardAsync(async () =>
        {
            if (_tpm is null)
                return SaslCode.Auth;
            if (!(await _tpm.TakeAsync(message, Ended)).Succeeded(out challenge, out var refusal))
            {
                Refuse(refusal);
                return SaslCode.Auth;
            }
            if (_tpm.IsDone)
                Registration = _tpm.Call;
            return SaslCode.Ok;
        });
        if (code != SaslCode.Ok || _tpm!.IsDone)
        {
            EndSasl(code);
            return;
        }
        using (Enter())
            _connection.SaslChallenge(challenge);
    }

    private async Task<SaslCode> PlainAsync(byte[]? response)
    {
        if (!PlainCredentials.TryParse(response, out var shown, out var reason))
        {
            Refuse(new Refusal(HubErrors.IotHubUnauthorized, $"SASL PLAIN: {reason}", "Send {deviceId}@sas.{hub} or {policy}@sas.root.{hub} with a security token as password."));
            return SaslCode.Auth;
        }
        if (shown.Registration is var (scope, registrationId))
        {
            // Whether the token is good, the device hears when it registers.
            Registration = TpmExchange.CallOf(this) with { IdScope = scope, RegistrationId = registrationId, Authorization = shown.Token };
            return SaslCode.Ok;
        }
        if (!(await Tokens.PutAsync(shown.Token, Ended)).Succeeded(out _, out var refusal))
        {
            Refuse(refusal, shown.DeviceId);
            return SaslCode.Auth;
        }
        if (shown.DeviceId is null)
            return SaslCode.Ok;
        if ((await OpenDeviceAsync(shown.DeviceId, shown.ModuleId, null, Ended)).Succeeded(out _, out refusal))
            return SaslCode.Ok;
        Refuse(refusal, shown.DeviceId);
        return SaslCode.Auth;
    }

    private async Task<SaslCode> GuardAsync(Func<Task<SaslCode>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Fault(e);
            return SaslCode.SysTemp;
        }
    }

    private void EndSasl(SaslCode code)
    {
        using (Enter())
        {
            if (code != SaslCode.Ok)
                End(CloseReason.AuthenticationFailed);
            _connection.SaslEnd(code);
        }
    }
}
