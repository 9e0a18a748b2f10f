namespace Homeport.Contract.Rest;

/// <summary>What the server knows of a device, for the one who asks why it does not work. Holds no secrets.</summary>
public sealed record DeviceDiagnosis
{
    public required string DeviceId { get; init; }
    public required bool Registered { get; init; }
    /// <summary>The registered id that comes closest, when this one is not registered.</summary>
    public string? Nearest { get; init; }
    /// <summary>Null when it is not registered.</summary>
    public IdentityDiagnosis? Device { get; init; }
    public required IReadOnlyList<IdentityDiagnosis> Modules { get; init; }
    /// <summary>What its last registration led to; null when it never registered.</summary>
    public RegistrationDiagnosis? Registration { get; init; }
    /// <summary>What is wrong, the most important first; empty when nothing is.</summary>
    public required IReadOnlyList<DiagnosisFinding> Findings { get; init; }
    /// <summary>The newest first.</summary>
    public required IReadOnlyList<ExplanationBody> Refusals { get; init; }
}

/// <summary>The state of a device or of one of its modules.</summary>
public sealed record IdentityDiagnosis
{
    public string? ModuleId { get; init; }
    /// <summary>A module's is its device's.</summary>
    public required bool Enabled { get; init; }
    public string? StatusReason { get; init; }
    public required ServiceTime StatusUpdatedTime { get; init; }
    /// <summary><c>sas</c>, <c>selfSigned</c>, <c>certificateAuthority</c> or <c>none</c>.</summary>
    public required string AuthenticationType { get; init; }
    public required bool Connected { get; init; }
    /// <summary>When it connected, or when its last connection ended.</summary>
    public required ServiceTime Since { get; init; }
    public required ServiceTime LastActivityTime { get; init; }
    /// <summary>It listens for direct methods now.</summary>
    public required bool TakesMethods { get; init; }
    /// <summary>Topic filters of its MQTT session; null when no session is kept, as with clean sessions.</summary>
    public IReadOnlyList<string>? SessionFilters { get; init; }
    /// <summary>Messages in its queue.</summary>
    public required int MessagesWaiting { get; init; }
    public TwinVersions? Twin { get; init; }
}

/// <summary>The registration record of a device.</summary>
public sealed record RegistrationDiagnosis
{
    /// <summary><c>assigned</c>, <c>failed</c> or <c>disabled</c>.</summary>
    public required string Status { get; init; }
    public string? AssignedHub { get; init; }
    /// <summary>Name in that hub.</summary>
    public string? DeviceId { get; init; }
    /// <summary>Null for an individual enrollment.</summary>
    public string? EnrollmentGroupId { get; init; }
    public int? ErrorCode { get; init; }
    public string? ErrorMessage { get; init; }
    public required ServiceTime LastUpdatedTime { get; init; }
}

/// <summary>How often a twin changed, and its parts.</summary>
public sealed record TwinVersions(long Version, long Desired, long Reported);

/// <summary>Something that is wrong, and the smallest change that mends it.</summary>
public sealed record DiagnosisFinding(string Seen, string Fix);
