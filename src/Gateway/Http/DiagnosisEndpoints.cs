using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Registrations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>What a diagnosis stands on.</summary>
/// <param name="Hub">The registry, connections, twins, queues and refusals.</param>
/// <param name="Subscriptions">What clients subscribed to.</param>
/// <param name="Registrations">What registrations led to.</param>
public sealed record DiagnosisApi(HubApi Hub, ISubscriptionStore Subscriptions, RegistrationService Registrations);

/// <summary>Homeport's own REST: one answer to why a device does not work.</summary>
public static class DiagnosisEndpoints
{
    /// <summary>Maps <c>/homeport/v1/devices/{id}/diagnosis</c>.</summary>
    public static void MapDiagnosis(this IEndpointRouteBuilder routes, DiagnosisApi api)
        => routes.MapGet("/homeport/v1/devices/{deviceId}/diagnosis", api.Hub.Guard(Rights.ServiceConnect, context => DiagnoseAsync(api, context)));

    private static async Task DiagnoseAsync(DiagnosisApi api, HttpContext context)
    {
        var (deviceId, token) = (context.DeviceId(), context.RequestAborted);
        var refusals = api.Hub.Explanations.Of(deviceId);
        var bodies = refusals.Select(MessageEndpoints.ToBody).ToList();
        var registration = await RegistrationAsync(api, deviceId, token);
        // A device that is not there is an answer here, not an error.
        if (!(await api.Hub.Registry.GetAsync(deviceId, null, token)).Succeeded(out var device, out var missing))
        {
            var diagnosis = new DeviceDiagnosis
            {
                DeviceId = deviceId,
                Registered = false,
                Nearest = missing.Nearest,
                Modules = [],
                Registration = registration,
                Findings = Once([.. DiagnosisFindings.OfRegistration(registration, api.Hub.HostName, refusals), .. DiagnosisFindings.OfAbsent(deviceId, missing.Nearest, registration, api.Hub.HostName, refusals)]),
                Refusals = bodies,
            };
            await context.WriteJsonAsync(diagnosis, Json.Default.DeviceDiagnosis);
            return;
        }
        var state = await DescribeAsync(api, device, device, token);
        var modules = new List<IdentityDiagnosis>();
        foreach (var module in (await api.Hub.Registry.ListModulesAsync(deviceId, token)).Value ?? [])
            modules.Add(await DescribeAsync(api, module, device, token));
        var found = new DeviceDiagnosis
        {
            DeviceId = deviceId,
            Registered = true,
            Device = state,
            Modules = modules,
            Registration = registration,
            Findings = Once([.. DiagnosisFindings.OfRegistration(registration, api.Hub.HostName, refusals), .. DiagnosisFindings.Of(deviceId, state, modules, refusals)]),
            Refusals = bodies,
        };
        await context.WriteJsonAsync(found, Json.Default.DeviceDiagnosis);
    }

    /// <summary>A refusal may explain the registration and the device; what mends it is said once.</summary>
    private static IReadOnlyList<DiagnosisFinding> Once(IReadOnlyList<DiagnosisFinding> findings) => [.. findings.DistinctBy(f => f.Fix)];

    private static async Task<RegistrationDiagnosis?> RegistrationAsync(DiagnosisApi api, string registrationId, CancellationToken token)
    {
        if ((await api.Registrations.GetAsync(registrationId, token)).Value is not { } found)
            return null;
        return new RegistrationDiagnosis
        {
            Status = RegistrationForm.ShowToService(found).Status!,
            AssignedHub = found.AssignedHub,
            DeviceId = found.DeviceId,
            EnrollmentGroupId = found.EnrollmentGroupId,
            ErrorCode = found.ErrorCode,
            ErrorMessage = found.ErrorMessage,
            LastUpdatedTime = new ServiceTime(found.Updated),
        };
    }

    private static async Task<IdentityDiagnosis> DescribeAsync(DiagnosisApi api, Identity identity, Identity device, CancellationToken token)
    {
        var state = await api.Hub.StateOfAsync(identity);
        var filters = await api.Subscriptions.FindAsync(identity.DeviceId, identity.ModuleId, token);
        var twin = (await api.Hub.Twins.GetAsync(identity.DeviceId, identity.ModuleId, token)).Value;
        return new IdentityDiagnosis
        {
            ModuleId = identity.ModuleId,
            Enabled = device.Enabled,
            StatusReason = device.StatusReason,
            StatusUpdatedTime = device.StatusTime,
            AuthenticationType = TwinDocument.TypeOf(identity.Authentication.Type),
            Connected = state.Connected,
            Since = identity.ConnectionTime,
            LastActivityTime = state.LastActivity,
            TakesMethods = api.Hub.Live.TryGet(identity.Key, out var link) && link.TakesMethods,
            SessionFilters = filters is null ? null : [.. filters.Keys.Order(StringComparer.Ordinal)],
            MessagesWaiting = state.MessageCount,
            Twin = twin is null ? null : new TwinVersions(twin.Version, twin.Desired.Version, twin.Reported.Version),
        };
    }
}
