using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Lifecycle;

/// <summary>
/// The life cycle of devices: what each event makes of the facts. Nothing here knows a store, a hub or a clock. Source of the table: IoT
/// Central's device states, with its two axes kept apart: whether the device may connect, and which template it follows.
/// </summary>
public static class LifeCycle
{
    /// <summary>
    /// Begins the message that a device reads when it is not let in. Central decides inside custom allocation, and devices in the field
    /// look for this text and for the number 400209.
    /// </summary>
    public const string NotLetIn = "Custom allocation failed with status code: 401";

    /// <summary>What a device reads that has to have a template first.</summary>
    public const string NoTemplate = "Custom allocation failed with status code: 404";

    /// <summary>An operator makes a device that may come.</summary>
    public static Outcome<DeviceFacts> Create(DeviceFacts? before, DeviceFacts wanted) => before is null
        ? wanted with { Approved = true }
        : new Refusal(ProvisioningErrors.DeviceExists, $"There is a device '{before.DeviceId}', which is {Word(before)}", "Choose another id, or change that device.");

    /// <summary>
    /// A device came with good credentials. An individual enrollment is an operator's consent; a rule that approves by itself counts
    /// for devices that come for the first time, and never for one that waits already.
    /// </summary>
    /// <param name="before">What is known of it, or null.</param>
    /// <param name="knock">How it came.</param>
    /// <param name="automatic">A rule approves those who come for the first time.</param>
    public static DeviceFacts Knock(DeviceFacts? before, Knock knock, bool automatic)
    {
        var enrolled = knock.GroupId is null;
        var facts = before ?? new DeviceFacts { DeviceId = knock.DeviceId, Created = knock.Time, Approved = automatic };
        return facts with
        {
            // Whoever blocked it decides what it is again afterwards.
            Approved = facts.Approved || (enrolled && !facts.Blocked),
            RegistrationId = knock.RegistrationId,
            GroupId = knock.GroupId,
            Credential = knock.Credential,
            Address = knock.Address ?? facts.Address,
            ModelId = knock.ModelId ?? facts.ModelId,
            LastSeen = knock.Time,
        };
    }

    /// <summary>Null when a device that came may be assigned, else what it is told.</summary>
    public static Refusal? Verdict(DeviceFacts facts, ApprovalPolicy policy) => facts switch
    {
        { Blocked: true } => Refused(NotLetIn, $"The device '{facts.DeviceId}' is blocked", "Unblock it, if it may come back.", TimeSpan.FromSeconds(300)),
        { Approved: false } => Refused(NotLetIn, $"The device '{facts.DeviceId}' waits for approval", "Approve it in the console, under Approvals.", TimeSpan.FromSeconds(60)),
        { Template: null } when !policy.ConnectWithoutTemplate => Refused(NoTemplate, $"The device '{facts.DeviceId}' has no device template", "Migrate it to a template, or allow devices without one.", TimeSpan.FromSeconds(60)),
        _ => null,
    };

    /// <summary>A hub has it.</summary>
    public static DeviceFacts Assign(DeviceFacts facts) => facts with { Provisioned = true };

    /// <summary>An operator lets in a device that waits.</summary>
    public static Outcome<DeviceFacts> Approve(DeviceFacts facts) => facts.Blocked
        ? new Refusal(ProvisioningErrors.DeviceState, $"The device '{facts.DeviceId}' is blocked", "Unblock it first.")
        : facts with { Approved = true };

    /// <summary>An operator keeps a device out, whatever it is.</summary>
    public static DeviceFacts Block(DeviceFacts facts) => facts with { Blocked = true };

    /// <summary>It is again what it was.</summary>
    public static DeviceFacts Unblock(DeviceFacts facts) => facts with { Blocked = false };

    /// <summary>IoT Central's <c>enabled: true</c>: let in, whatever it was.</summary>
    public static DeviceFacts Enable(DeviceFacts facts) => facts with { Blocked = false, Approved = true };

    /// <summary>It follows another template, or the first one; null: none any more.</summary>
    public static DeviceFacts Migrate(DeviceFacts facts, string? template) => facts with { Template = template };

    /// <summary>The state in words of a sentence.</summary>
    public static string Word(DeviceFacts facts) => facts.Status switch
    {
        DeviceStatus.Blocked => "blocked",
        DeviceStatus.WaitingForApproval => "waiting for approval",
        DeviceStatus.Registered => "registered",
        _ => "provisioned",
    };

    private static Refusal Refused(string text, string seen, string fix, TimeSpan comeBack)
        => new(ProvisioningErrors.NotAdmitted with { Text = text + "." }, seen, fix) { RetryAfter = comeBack };
}
