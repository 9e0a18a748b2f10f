namespace Homeport.Hub.Registry;

/// <summary>A device, or a module of one, as the registry keeps it.</summary>
public sealed record Identity
{
    /// <summary>Name, case-sensitive.</summary>
    public required string DeviceId { get; init; }

    /// <summary>Module of the device, or null for the device itself.</summary>
    public string? ModuleId { get; init; }

    /// <summary>Tells a device from an earlier one with the same name.</summary>
    public required string GenerationId { get; init; }

    /// <summary>Changes with every write. Shown in Base64.</summary>
    public long Version { get; init; } = 1;

    /// <summary>False keeps it from connecting.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Why it is disabled; at most 128 characters.</summary>
    public string? StatusReason { get; init; }

    /// <summary>When <see cref="Enabled"/> last changed.</summary>
    public DateTimeOffset? StatusTime { get; init; }

    public required Authentication Authentication { get; init; }

    /// <summary>May act as an IoT Edge gateway.</summary>
    public bool IotEdge { get; init; }

    /// <summary>Of an edge device its own scope, which the registry makes; of another device that of the edge device above it.</summary>
    public string? DeviceScope { get; init; }

    /// <summary>Scope of the edge device above it, or null.</summary>
    public string? ParentScope { get; init; }

    /// <summary>Who manages a module, for example <c>iotEdge</c>.</summary>
    public string? ManagedBy { get; init; }

    /// <summary>Last connection or disconnection, null for never.</summary>
    public DateTimeOffset? ConnectionTime { get; init; }

    /// <summary>Last message or connection, null for never.</summary>
    public DateTimeOffset? LastActivity { get; init; }

    /// <summary>Name in the table of live connections and in logs: <c>{device}</c> or <c>{device}/{module}</c>.</summary>
    public string Key => KeyOf(DeviceId, ModuleId);

    /// <summary>The ETag as REST shows it, without quotes.</summary>
    public string ETag => ETagOf(Version);

    /// <summary>The ETag of a version.</summary>
    public static string ETagOf(long version)
        => Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(version.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    /// <summary>Ids have no slash, so the key is unique.</summary>
    public static string KeyOf(string deviceId, string? moduleId) => moduleId is null ? deviceId : deviceId + "/" + moduleId;
}

/// <summary>How an identity proves itself.</summary>
public enum AuthenticationType
{
    /// <summary>Tokens signed with a symmetric key.</summary>
    Sas,
    /// <summary>A TLS client certificate known by its thumbprint.</summary>
    SelfSigned,
    /// <summary>A TLS client certificate issued by a registered CA.</summary>
    CertificateAuthority,
    /// <summary>Nothing of its own: tokens of a policy only.</summary>
    None,
}

/// <summary>The credentials of an identity; both of a pair are valid.</summary>
/// <param name="Type">Which of the credentials count.</param>
/// <param name="PrimaryKey">16 to 64 bytes.</param>
/// <param name="SecondaryKey">16 to 64 bytes.</param>
/// <param name="PrimaryThumbprint">SHA-1 or SHA-256 in upper-case hex.</param>
/// <param name="SecondaryThumbprint">SHA-1 or SHA-256 in upper-case hex.</param>
public sealed record Authentication(
    AuthenticationType Type,
    byte[]? PrimaryKey = null,
    byte[]? SecondaryKey = null,
    string? PrimaryThumbprint = null,
    string? SecondaryThumbprint = null)
{
    /// <summary>Type only: the keys stay out of logs.</summary>
    public override string ToString() => Type.ToString();
}
