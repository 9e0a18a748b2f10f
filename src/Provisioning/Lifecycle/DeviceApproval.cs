using Homeport.Contract.Errors;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;

namespace Homeport.Provisioning.Lifecycle;

/// <summary>Decides at each registration whether an operator lets the device in, and notes those who wait.</summary>
public sealed class DeviceApproval(IDeviceStore store, TimeProvider time)
{
    /// <summary>How often the calls of a device that is refused are noted: it may try without end.</summary>
    private static readonly TimeSpan NoteInterval = TimeSpan.FromMinutes(1);

    private ApprovalPolicy? _policy;

    /// <summary>Told once of each device that begins to wait. The device hears of it when that is done.</summary>
    public Func<DeviceFacts, CancellationToken, Task>? Waits { get; set; }

    /// <summary>The policy of the application.</summary>
    public async Task<ApprovalPolicy> PolicyAsync(CancellationToken token) => Volatile.Read(ref _policy) ?? await LoadAsync(token);

    /// <summary>Sets the policy. It counts for devices that come from now on; those who wait go on waiting.</summary>
    public async Task SetPolicyAsync(ApprovalPolicy policy, CancellationToken token)
    {
        await store.SavePolicyAsync(policy, token);
        Volatile.Write(ref _policy, policy);
    }

    /// <summary>Null when a device with a good proof may be assigned, else what it is told.</summary>
    /// <param name="call">What it sent.</param>
    /// <param name="deviceId">Its name in the hub.</param>
    /// <param name="modelId">The model that it named, or null.</param>
    /// <param name="proof">Of its enrollment.</param>
    /// <param name="token">Ends the call.</param>
    internal async Task<Refusal?> AdmitAsync(RegistrationCall call, string deviceId, string? modelId, AttestationProof proof, CancellationToken token)
    {
        var policy = await PolicyAsync(token);
        var enrollment = proof.Enrollment;
        var group = enrollment.Kind == EnrollmentKind.Group ? enrollment.Id : null;
        var automatic = group is null || (enrollment.Settings.Approval is { } own ? own == ApprovalMode.Automatic : policy.AutoApprove);
        var before = await store.FindAsync(deviceId, token);
        // Those who need nobody cost no write: their entry comes with their identity in the hub.
        if (before is null && automatic && policy.ConnectWithoutTemplate)
            return null;
        var knock = new Knock(deviceId, call.RegistrationId, group, proof.Credential, AddressOf(call), modelId, StoredTime.Now(time));
        var after = LifeCycle.Knock(before, knock, automatic);
        var verdict = LifeCycle.Verdict(after, policy);
        if (before is null || before.Approved != after.Approved || (verdict is not null && knock.Time - before.LastSeen.GetValueOrDefault() >= NoteInterval))
            after = await NoteAsync(knock, automatic, token);
        return LifeCycle.Verdict(after, policy);
    }

    /// <summary>Null when nobody blocked a device while it was assigned.</summary>
    internal async Task<Refusal?> RecheckAsync(string deviceId, CancellationToken token)
        => await store.FindAsync(deviceId, token) is { Blocked: true } blocked ? LifeCycle.Verdict(blocked, await PolicyAsync(token)) : null;

    /// <summary>How long a device that is not let in shall stay away; null: it may come.</summary>
    internal async Task<TimeSpan?> StayAwayAsync(string deviceId, CancellationToken token)
        => await store.FindAsync(deviceId, token) is { } facts ? LifeCycle.Verdict(facts, await PolicyAsync(token))?.RetryAfter : null;

    private async Task<DeviceFacts> NoteAsync(Knock knock, bool automatic, CancellationToken token)
    {
        var isNew = false;
        var noted = (await store.ChangeAsync(knock.DeviceId, facts =>
        {
            isNew = facts is null;
            return LifeCycle.Knock(facts, knock, automatic);
        }, token)).Value!;
        if (isNew && noted.Status == DeviceStatus.WaitingForApproval && Waits is not null)
            await Waits(noted, token);
        return noted;
    }

    private static string? AddressOf(RegistrationCall call) => call.Address is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4().ToString() : call.Address?.ToString();

    private async Task<ApprovalPolicy> LoadAsync(CancellationToken token)
    {
        var read = await store.ReadPolicyAsync(token);
        // One that was set meanwhile is newer.
        return Interlocked.CompareExchange(ref _policy, read, null) ?? read;
    }
}
