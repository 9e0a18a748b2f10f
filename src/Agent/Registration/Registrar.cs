using System.Diagnostics.CodeAnalysis;
using Homeport.Agent.Identity;
using Homeport.Agent.Settings;
using Homeport.Contract.Errors;
using Homeport.Contract.Naming;
using Homeport.Contract.Rest;
using Homeport.Device;
using Homeport.Device.Provisioning;
using Homeport.Tpm;

namespace Homeport.Agent.Registration;

/// <summary>
/// Registers the device by its TPM: once when a program or a person asks, and at the start, until it works, when the settings name a service and
/// nothing is imprinted yet. One registration at a time.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and it lives as long as the process.")]
internal sealed partial class Registrar(AgentOptions options, AgentIdentity identity, ServerTrust trust, HubClock clock, ILogger<Registrar> logger)
{
    private static readonly TimeSpan TryLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _again = new(0, 1);
    private AgentRegistration? _state;

    /// <summary>The registration that runs, or the last one; null when there was none.</summary>
    public AgentRegistration? State
    {
        get
        {
            lock (_gate)
                return _state;
        }
    }

    /// <summary>Called when a hub was assigned.</summary>
    public Action? Assigned { get; set; }

    /// <summary>Starts one registration and returns at once; <see cref="State"/> tells how it goes.</summary>
    public Outcome<AgentRegistration> Start(AgentRegistrationRequest request, CancellationToken stopping)
    {
        var endpoint = request.Endpoint ?? options.Settings.Provisioning?.Endpoint;
        var idScope = request.IdScope ?? options.Settings.Provisioning?.IdScope;
        var registrationId = request.RegistrationId ?? options.Settings.Provisioning?.RegistrationId;
        if (Check(endpoint, idScope, registrationId) is { } reason)
            return new Refusal(AgentErrors.FieldsInvalid, reason.TrimEnd('.'), "The server prints its end point and ID scope when it starts.");
        lock (_gate)
        {
            if (_state is { State: "running", NextTry: not null } && registrationId == _state.RegistrationId && endpoint == _state.Endpoint)
            {
                // It waits for its next try: that is now.
                if (_again.CurrentCount == 0)
                    _again.Release();
                return _state;
            }

            if (_state?.State == "running")
                return new Refusal(AgentErrors.RegistrationRunning, $"It registers with {_state.Endpoint} since a moment ago", "Wait for its end: GET /registrations/current");
            _state = new AgentRegistration("running", endpoint!, idScope!, registrationId);
        }

        _ = RunOnceAsync(stopping);
        return State!;
    }

    /// <summary>The registration of the settings, tried until it works.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        if (options.Settings.Provisioning is not { } provisioning)
            return;
        var present = await Task.Run(() => identity.ListLogicalDevices().FirstOrDefault(d => d.Number == 0), stopping);
        if (present is { HasKey: true, HostName.Length: > 0 })
            return;
        lock (_gate)
            _state = new AgentRegistration("running", provisioning.Endpoint, provisioning.IdScope, provisioning.RegistrationId);
        var delay = FirstDelay;
        while (!await TryAsync(stopping))
        {
            var wait = delay * (0.75 + (Random.Shared.NextDouble() / 2));
            Change(s => s with { State = "running", NextTry = clock.GetUtcNow() + wait });
            await _again.WaitAsync(wait, stopping);
            Change(s => s with { NextTry = null });
            delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestDelay.Ticks));
        }
    }

    private async Task RunOnceAsync(CancellationToken stopping)
    {
        try
        {
            await TryAsync(stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The agent ends; the TPM has the old key or the new one.
        }
    }

    private async Task<bool> TryAsync(CancellationToken stopping)
    {
        var state = State!;
        string failure;
        try
        {
            var attestation = new TpmAttestation(identity.Source, state.RegistrationId);
            using var client = new ProvisioningClient(new ProvisioningOptions(state.Endpoint, state.IdScope) { Trust = trust, Limit = TryLimit }, clock);
            var result = await Task.Run(() => client.RegisterAsync(attestation, null, stopping), stopping);
            identity.Changed();
            await Task.Run(identity.RememberStorageKey, stopping);
            Change(s => s with
            {
                State = "assigned",
                RegistrationId = result.RegistrationId,
                AssignedHub = result.AssignedHub,
                DeviceId = result.DeviceId,
                Message = null,
                NextTry = null,
            });
            LogAssigned(result.RegistrationId, result.AssignedHub, result.DeviceId);
            Assigned?.Invoke();
            return true;
        }
        catch (ProvisioningException e)
        {
            failure = e.Message;
        }
        catch (TpmException e)
        {
            failure = e.Message;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever it was, the next try may work, and the page has to say what happened.
            failure = e.Message;
        }

        identity.Changed();
        LogFailed(state.Endpoint, failure);
        Change(s => s with { State = "failed", Message = failure });
        return false;
    }

    private void Change(Func<AgentRegistration, AgentRegistration> change)
    {
        lock (_gate)
            _state = change(_state!);
    }

    private static string? Check(string? endpoint, string? idScope, string? registrationId)
    {
        if (string.IsNullOrEmpty(endpoint) || string.IsNullOrEmpty(idScope))
            return "A registration needs endpoint and idScope, in the request or in the settings";
        if (ImprintRules.CheckEndpoint(endpoint) is { } host)
            return host;
        if (idScope.Length > 64 || !idScope.All(char.IsAsciiLetterOrDigit))
            return "An ID scope has letters and digits only";
        return registrationId is null ? null : RegistrationIdRules.Check(registrationId);
    }

    [LoggerMessage(1, LogLevel.Information, "Registered as {RegistrationId}: hub {Hub}, device {DeviceId}")]
    private partial void LogAssigned(string registrationId, string hub, string deviceId);

    [LoggerMessage(2, LogLevel.Warning, "The registration with {Endpoint} came to nothing: {Failure}")]
    private partial void LogFailed(string endpoint, string failure);
}
