using Homeport.Contract.Rest;
using Homeport.Hub.Access;

namespace Homeport.Gateway.Http;

/// <summary>What is wrong with a device, as far as its state and its refusals tell, the most important first.</summary>
internal static class DiagnosisFindings
{
    private const string ServiceDoor = "service";

    /// <summary>What its last registration says: it is the door through which most devices come. What it was refused since says more.</summary>
    public static IEnumerable<DiagnosisFinding> OfRegistration(RegistrationDiagnosis? registration, string hub, IReadOnlyList<KeptRefusal> refusals)
    {
        var isHere = registration is { Status: "assigned" } && string.Equals(registration.AssignedHub, hub, StringComparison.OrdinalIgnoreCase);
        if (registration is not null && !isHere && refusals.FirstOrDefault(r => r.Door != ServiceDoor) is { } own && own.Time > registration.LastUpdatedTime.Time
            && registration.ErrorMessage?.Contains(own.Refusal.TrackingId, StringComparison.Ordinal) != true)
        {
            yield return new DiagnosisFinding($"It was refused after its registration. {own.Refusal.Seen}", own.Refusal.Fix);
        }
        if (registration is { Status: not "assigned" })
            yield return new DiagnosisFinding($"Its registration is {registration.Status}. {registration.ErrorMessage}", "Mend that, and let the device register again.");
        else if (registration is not null && !string.Equals(registration.AssignedHub, hub, StringComparison.OrdinalIgnoreCase))
            yield return new DiagnosisFinding($"It was assigned to the hub '{registration.AssignedHub}' as '{registration.DeviceId}', not to this one", $"Look there: what it does after its registration is seen at '{registration.AssignedHub}'.");
    }

    /// <summary>Why a device is not in the hub: what it was refused comes first.</summary>
    public static IEnumerable<DiagnosisFinding> OfAbsent(string deviceId, string? nearest, RegistrationDiagnosis? registration, string hub, IReadOnlyList<KeptRefusal> refusals)
    {
        if (refusals.FirstOrDefault(r => r.Door != ServiceDoor) is { } own)
            yield return new DiagnosisFinding($"It was refused. {own.Refusal.Seen}", own.Refusal.Fix);
        if (registration is { Status: "assigned" } && registration.DeviceId != deviceId && string.Equals(registration.AssignedHub, hub, StringComparison.OrdinalIgnoreCase))
            yield return new DiagnosisFinding($"The registration '{deviceId}' has the device id '{registration.DeviceId}' here", $"Ask for that: homeport why {registration.DeviceId}");
        else if (registration is null || string.Equals(registration.AssignedHub, hub, StringComparison.OrdinalIgnoreCase))
            yield return NotRegistered(deviceId, nearest);
    }

    private static DiagnosisFinding NotRegistered(string deviceId, string? nearest) => new($"Device '{deviceId}' is not registered",
        nearest is null ? $"Register it: homeport device create {deviceId}" : $"Use the id as it is registered: '{nearest}'.");

    public static IEnumerable<DiagnosisFinding> Of(
        string deviceId, IdentityDiagnosis device, IReadOnlyList<IdentityDiagnosis> modules, IReadOnlyList<KeptRefusal> refusals)
    {
        if (!device.Enabled)
            yield return new DiagnosisFinding($"The device is disabled{(device.StatusReason is null ? "" : $" ({device.StatusReason})")}", $"Enable it: homeport device enable {deviceId}");

        var identities = modules.Prepend(device).ToList();
        // What a service was refused says nothing of why the device is absent.
        var own = refusals.FirstOrDefault(r => r.Door != ServiceDoor);
        var lastActivity = identities.Max(i => i.LastActivityTime.Time);
        if (!identities.Exists(i => i.Connected))
        {
            if (own is not null && (lastActivity is null || own.Time > lastActivity))
            {
                yield return new DiagnosisFinding($"It was refused after its last activity. {own.Refusal.Seen}", own.Refusal.Fix);
            }
            else if (lastActivity is null)
            {
                yield return new DiagnosisFinding("It never arrived here: it was neither let in nor refused",
                    "Check the host name in its connection string, that it trusts this server's CA, and that it reaches port 8883 or 443.");
            }
        }

        foreach (var identity in identities.Where(WaitsInVain))
        {
            yield return new DiagnosisFinding($"{identity.MessagesWaiting} messages wait for '{Name(deviceId, identity)}', which is connected and subscribes to none",
                "Let it listen for messages, or take them out: homeport queue purge " + Name(deviceId, identity));
        }
    }

    private static bool WaitsInVain(IdentityDiagnosis identity)
        => identity is { Connected: true, MessagesWaiting: > 0, SessionFilters: { } filters } && !filters.Any(f => f.Contains("/messages/devicebound/", StringComparison.Ordinal));

    private static string Name(string deviceId, IdentityDiagnosis identity) => identity.ModuleId is null ? deviceId : $"{deviceId}/{identity.ModuleId}";
}
