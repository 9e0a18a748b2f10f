using Homeport.Contract.Errors;
using Homeport.Tpm;
using Homeport.Tpm.Commands;

namespace Homeport.Agent;

/// <summary>What the agent refuses, by name. Programs go by the name, people by the text.</summary>
internal static class AgentErrors
{
    public static readonly ServiceError BadRequest = new("BadRequest", 400001, "The request cannot be understood.");
    public static readonly ServiceError FieldsInvalid = new("FieldsInvalid", 400002, "A field cannot be used.");
    public static readonly ServiceError PeerRefused = new("PeerRefused", 403001, "This user may not use the identity of the device.");
    public static readonly ServiceError WebPageRefused = new("WebPageRefused", 403002, "Web pages may not ask the agent.");
    public static readonly ServiceError NotFound = new("NotFound", 404001, "The agent has no such resource.");
    public static readonly ServiceError NotProvisioned = new("NotProvisioned", 409001, "The logical device is not provisioned.");
    public static readonly ServiceError RegistrationRunning = new("RegistrationRunning", 409002, "A registration is running.");
    public static readonly ServiceError TooManyRequests = new("TooManyRequests", 429001, "Too many tries.");
    public static readonly ServiceError TpmUnavailable = new("TpmUnavailable", 503001, "The TPM cannot be used now.");
    public static readonly ServiceError TpmRefused = new("TpmRefused", 500001, "The TPM refused.");

    /// <summary>A failure of the TPM as a refusal: unavailable when trying again may help.</summary>
    public static Refusal Of(TpmException e) => new(
        e.Failure is TpmFailure.Unreachable or TpmFailure.TimedOut or TpmFailure.NotInstalled || e.Code is TpmResponseCode.Lockout or TpmResponseCode.Retry
            ? TpmUnavailable
            : TpmRefused,
        e.Message.TrimEnd('.'),
        "More: homeport-agent doctor");
}
