using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest.Operators;

/// <summary>A list in the form of IoT Central.</summary>
public sealed record Collection<T>(IReadOnlyList<T> Value, string? NextLink = null);

/// <summary>Error body of the operators' API, in the form of IoT Central.</summary>
public sealed record OperatorErrorBody(OperatorError Error);

/// <summary>What went wrong.</summary>
public sealed record OperatorError(string Code, string Message, string RequestId, string Time);

/// <summary>A role that somebody can have.</summary>
public sealed record RoleDescription(string Id, string DisplayName);

/// <summary>A role in an organization.</summary>
public sealed record RoleAssignment(string Role, string? Organization = null);

/// <summary>A part of the application with its own devices and people.</summary>
public sealed record OrganizationDescription(string? Id, string? DisplayName, string? Parent, string? Etag);

/// <summary>A person. Members below <see cref="Roles"/> are Homeport's own.</summary>
public sealed record UserDescription
{
    public string? Id { get; init; }

    /// <summary><c>email</c>, <c>servicePrincipal</c> or <c>adGroup</c>.</summary>
    public string? Type { get; init; }

    /// <summary>Of type email: the name to sign in with.</summary>
    public string? Email { get; init; }

    /// <summary>Of the other types: the tenant, which is compared when the issuer names one.</summary>
    public string? TenantId { get; init; }

    /// <summary>Of the other types: the claim <c>oid</c> or <c>sub</c> of the program, or a value of the groups claim.</summary>
    public string? ObjectId { get; init; }

    public IReadOnlyList<RoleAssignment>? Roles { get; init; }

    public bool? Enabled { get; init; }

    public bool? Locked { get; init; }

    /// <summary>An authenticator app is set up.</summary>
    public bool? Totp { get; init; }

    public DateTimeOffset? LastSignIn { get; init; }

    /// <summary>Issuer of <see cref="Subject"/>.</summary>
    public string? Issuer { get; init; }

    /// <summary>The identity of the issuer that the account is bound to.</summary>
    public string? Subject { get; init; }

    /// <summary>Shown once, when the account is made or its password is reset.</summary>
    public string? InitialPassword { get; init; }

    public string? Etag { get; init; }
}

/// <summary>An API token.</summary>
public sealed record ApiTokenDescription
{
    public string? Id { get; init; }

    public IReadOnlyList<RoleAssignment>? Roles { get; init; }

    public DateTimeOffset? Expiry { get; init; }

    public DateTimeOffset? LastUsed { get; init; }

    /// <summary>Shown once, when the token is made.</summary>
    public string? Token { get; init; }
}

/// <summary>A signed-in browser.</summary>
public sealed record SessionDescription(string Id, string User, DateTimeOffset Created, DateTimeOffset LastSeen, string? Address, string? Program);

/// <summary>An entry of the audit log. Hashes are hexadecimal.</summary>
public sealed record AuditEntryDescription(
    long Number, DateTimeOffset Time, AuditActorDescription Actor, string Action, AuditEntityDescription Entity, string Result, string? Detail, string PreviousHash, string Hash);

/// <summary>Who did it.</summary>
public sealed record AuditActorDescription(string Type, string Id, string Name, string? Address);

/// <summary>To what.</summary>
public sealed record AuditEntityDescription(string Type, string Id);

/// <summary>What came of checking the chain.</summary>
public sealed record AuditVerificationDescription(bool Intact, long Entries, long? Broken, string Head);

/// <summary>What came of an import.</summary>
public sealed record ImportDescription
{
    /// <summary><c>succeeded</c>, <c>succeededWithErrors</c> or <c>failed</c>.</summary>
    public required string Status { get; init; }

    public bool ValidateOnly { get; init; }

    public required string OnExisting { get; init; }

    public required ImportProgress Progress { get; init; }

    public required IReadOnlyList<string> IgnoredColumns { get; init; }

    public required string Sha256 { get; init; }

    /// <summary>CSV of the rows that failed, with keys for those who may see them; null when there is none.</summary>
    public string? ErrorFile { get; init; }
}

/// <summary>Rows of a file by what came of them.</summary>
public sealed record ImportProgress(long Processed, long Created, long Updated, long Skipped, long Failed);

/// <summary>Serialization of the operators' API.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(OperatorErrorBody))]
[JsonSerializable(typeof(RoleDescription))]
[JsonSerializable(typeof(Collection<RoleDescription>))]
[JsonSerializable(typeof(OrganizationDescription))]
[JsonSerializable(typeof(Collection<OrganizationDescription>))]
[JsonSerializable(typeof(UserDescription))]
[JsonSerializable(typeof(Collection<UserDescription>))]
[JsonSerializable(typeof(ApiTokenDescription))]
[JsonSerializable(typeof(Collection<ApiTokenDescription>))]
[JsonSerializable(typeof(Collection<SessionDescription>))]
[JsonSerializable(typeof(AuditEntryDescription))]
[JsonSerializable(typeof(Collection<AuditEntryDescription>))]
[JsonSerializable(typeof(AuditVerificationDescription))]
[JsonSerializable(typeof(ImportDescription))]
public sealed partial class OperatorJson : JsonSerializerContext;
