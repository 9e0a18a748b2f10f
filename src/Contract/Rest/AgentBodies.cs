using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest;

/// <summary>The answer of <c>GET /token</c>.</summary>
/// <param name="Token">A shared access signature for the hub.</param>
/// <param name="Expiry">When it ends, in seconds since 1970.</param>
/// <param name="HostName">Host name of the hub.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="ConnectionString">The three in one, as the SDKs take it.</param>
public sealed record AgentToken(string Token, long Expiry, string HostName, string DeviceId, string ConnectionString);

/// <summary>A refusal of the agent.</summary>
/// <param name="Error">A fixed name.</param>
/// <param name="Message">Cause and fix.</param>
public sealed record AgentError(string Error, string Message)
{
    /// <summary>What is wrong with a field, by the name of the field.</summary>
    public IReadOnlyDictionary<string, string>? Fields { get; init; }
}

/// <summary>What the agent knows, without keys and tokens.</summary>
public sealed record AgentStatus
{
    public required string Version { get; init; }

    public required AgentTpm Tpm { get; init; }

    /// <summary>The logical devices that hold something.</summary>
    public IReadOnlyList<AgentLogicalDevice> LogicalDevices { get; init; } = [];

    public AgentRegistration? Registration { get; init; }

    public required AgentConnection Connection { get; init; }

    /// <summary>The queues of programs, as they report them.</summary>
    public IReadOnlyList<AgentQueue> Queues { get; init; } = [];

    /// <summary>The last errors, newest first.</summary>
    public IReadOnlyList<AgentTrouble> Troubles { get; init; } = [];
}

/// <summary>The TPM of the device.</summary>
public sealed record AgentTpm
{
    /// <summary>Its place, such as <c>device:/dev/tpmrm0</c>.</summary>
    public required string Source { get; init; }

    /// <summary>Manufacturer, vendor and firmware; null when it cannot be reached.</summary>
    public string? Make { get; init; }

    /// <summary>True: an emulation that protects nothing from an administrator.</summary>
    public bool? IsSoftware { get; init; }

    /// <summary>Base64 of the TPM2B_PUBLIC, as an enrollment takes it.</summary>
    public string? EndorsementKey { get; init; }

    /// <summary>Base64 of the DER certificate of the endorsement key, or null when the maker put none into the chip.</summary>
    public string? EndorsementCertificate { get; init; }

    /// <summary>The registration id that follows from the endorsement key.</summary>
    public string? RegistrationId { get; init; }

    /// <summary>Why the TPM cannot be used, with the fix.</summary>
    public string? Failure { get; init; }
}

/// <summary>What is imprinted at one number.</summary>
/// <param name="Number">0 to 15.</param>
/// <param name="HostName">Empty when there is no record.</param>
/// <param name="DeviceId">The device.</param>
/// <param name="HasKey">False: a record without its key.</param>
public sealed record AgentLogicalDevice(uint Number, string HostName, string DeviceId, bool HasKey);

/// <summary>A registration with a provisioning service.</summary>
/// <param name="State"><c>none</c>, <c>running</c>, <c>assigned</c> or <c>failed</c>.</param>
/// <param name="Endpoint">Host name of the service.</param>
/// <param name="IdScope">Its ID scope.</param>
/// <param name="RegistrationId">Null until it is known.</param>
public sealed record AgentRegistration(string State, string Endpoint, string IdScope, string? RegistrationId)
{
    public string? AssignedHub { get; init; }

    public string? DeviceId { get; init; }

    /// <summary>Why it failed, or why it is still running.</summary>
    public string? Message { get; init; }

    /// <summary>When the next try begins.</summary>
    public DateTimeOffset? NextTry { get; init; }
}

/// <summary>What <c>POST /registrations</c> takes; what is missing comes from the settings.</summary>
public sealed record AgentRegistrationRequest
{
    public string? Endpoint { get; set; }

    public string? IdScope { get; set; }

    public string? RegistrationId { get; set; }
}

/// <summary>Whether the hub can be reached and accepts the device.</summary>
/// <param name="State"><c>unknown</c>, <c>notProvisioned</c>, <c>connected</c>, <c>refused</c>, <c>unreachable</c>, <c>untrusted</c> or <c>clockWrong</c>.</param>
/// <param name="Message">Cause and fix.</param>
/// <param name="Checked">When it was seen last.</param>
public sealed record AgentConnection(string State, string? Message, DateTimeOffset? Checked)
{
    /// <summary>How far the clock of this machine is behind that of the hub, in seconds; negative: ahead.</summary>
    public double? ClockBehindSeconds { get; init; }
}

/// <summary>What a program says of its queue.</summary>
/// <param name="Name">The queue's file.</param>
public sealed record AgentQueue(string Name)
{
    /// <summary>Waiting for the hub.</summary>
    public long Messages { get; init; }

    /// <summary>Of these, bodies and properties.</summary>
    public long Bytes { get; init; }

    /// <summary>How long the oldest message has been waiting, in seconds; null when there is none.</summary>
    public double? OldestSeconds { get; init; }

    /// <summary>Messages that were dropped since the queue was made.</summary>
    public long Dropped { get; init; }

    /// <summary>Why messages wait; null when nothing is wrong.</summary>
    public string? Trouble { get; init; }

    /// <summary>When the program said so; null when it said nothing that can be read.</summary>
    public DateTimeOffset? Written { get; init; }
}

/// <summary>Something that went wrong.</summary>
public sealed record AgentTrouble(DateTimeOffset Time, string Message);

/// <summary>What the page and the tool imprint.</summary>
public sealed record AgentImprint
{
    public string? HostName { get; set; }

    public string? DeviceId { get; set; }

    /// <summary>Base64 of 16 to 64 bytes.</summary>
    public string? PrimaryKey { get; set; }

    /// <summary>Null: the logical device of the settings.</summary>
    public uint? LogicalDevice { get; set; }
}

/// <summary>Source-generated serialization of what the agent reads and writes.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    WriteIndented = true)]
[JsonSerializable(typeof(AgentSettings))]
[JsonSerializable(typeof(AgentToken))]
[JsonSerializable(typeof(AgentError))]
[JsonSerializable(typeof(AgentStatus))]
[JsonSerializable(typeof(AgentQueue))]
[JsonSerializable(typeof(AgentRegistration))]
[JsonSerializable(typeof(AgentRegistrationRequest))]
[JsonSerializable(typeof(AgentImprint))]
public sealed partial class AgentJson : JsonSerializerContext
{
    /// <summary>To write an answer. Base64 keeps its '+', since small JSON parsers on devices know no <c>\u</c> sequences.</summary>
    public static AgentJson Wire { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
