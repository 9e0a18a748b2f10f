using System.Text.Json;
using System.Text.Json.Serialization;

namespace Homeport.Contract.Rest;

/// <summary>Body of the device's register call; every member is optional. Source: DPS device API, <c>DeviceRegistration</c>.</summary>
public sealed record RegisterRequest
{
    /// <summary>If there, it has to be the one of the address.</summary>
    public string? RegistrationId { get; init; }
    public TpmAttestationDescription? Tpm { get; init; }
    /// <summary>Any JSON; a custom allocation webhook reads it.</summary>
    public JsonElement? Payload { get; init; }
    /// <summary>Name of <see cref="Payload"/> in api-version 2019-01-15 and before.</summary>
    public JsonElement? Data { get; init; }
    /// <summary>A certificate signing request in Base64 (preview API versions).</summary>
    public string? Csr { get; init; }
}

/// <summary>State of a registration operation. Source: DPS device API, <c>RegistrationOperationStatus</c>.</summary>
public sealed record OperationDescription(string OperationId, string Status, RegistrationStateDescription? RegistrationState = null);

/// <summary>
/// What a registration led to. Source: DPS, <c>DeviceRegistrationResult</c> (device API, ETag in Base64) and
/// <c>DeviceRegistrationState</c> (service API, plain ETag).
/// </summary>
public sealed record RegistrationStateDescription
{
    public TpmResultDescription? Tpm { get; init; }
    public SymmetricKeyResultDescription? SymmetricKey { get; init; }
    public string? RegistrationId { get; init; }
    public ServiceTime? CreatedDateTimeUtc { get; init; }
    public string? AssignedHub { get; init; }
    public string? DeviceId { get; init; }
    /// <summary><c>unassigned</c>, <c>assigning</c>, <c>assigned</c>, <c>failed</c> or <c>disabled</c>.</summary>
    public string? Status { get; init; }
    /// <summary><c>initialAssignment</c>, <c>deviceDataMigrated</c>, <c>deviceDataReset</c> or <c>reprovisionedToInitialAssignment</c>.</summary>
    public string? Substatus { get; init; }
    public int? ErrorCode { get; init; }
    public string? ErrorMessage { get; init; }
    public ServiceTime? LastUpdatedDateTimeUtc { get; init; }
    public string? Etag { get; init; }
    /// <summary>What a custom allocation webhook has for the device; any JSON.</summary>
    public JsonElement? Payload { get; init; }
    /// <summary>Certificates issued for the request of the register call: Base64 of DER, the device's own first.</summary>
    public IReadOnlyList<string>? IssuedCertificateChain { get; init; }
}

/// <summary>Base64 of the blob that carries the device's hub key, for its TPM alone.</summary>
public sealed record TpmResultDescription(string? AuthenticationKey);

/// <summary>The group through which the device came.</summary>
public sealed record SymmetricKeyResultDescription(string? EnrollmentGroupId);

/// <summary>
/// Body of the 401 to the first register call of a TPM. It has no member <c>status</c>: by that the C SDK knows it. The C SDK
/// needs <see cref="KeyName"/> too.
/// </summary>
public sealed record TpmChallengeBody(string AuthenticationKey)
{
    public string Message { get; } = "Authorization required, resend request using supplied key";
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? UnencryptedAuthenticationKey { get; }
    public string KeyName { get; } = "registration";
}
