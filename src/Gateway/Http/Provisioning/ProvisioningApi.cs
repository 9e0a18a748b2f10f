using Homeport.Contract.Errors;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Access;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>What the HTTPS endpoints of an application's provisioning service stand on.</summary>
/// <param name="devices">The device side.</param>
/// <param name="enrollments">Who may register.</param>
/// <param name="registrations">Registers devices.</param>
/// <param name="authorizer">Lets service calls in.</param>
/// <param name="explanations">Keeps why something was refused.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">For failures of the server itself.</param>
public sealed partial class ProvisioningApi(
    RegistrationDoor devices,
    EnrollmentService enrollments,
    RegistrationService registrations,
    ServiceAuthorizer authorizer,
    Explanations explanations,
    TimeProvider time,
    ILogger<ProvisioningApi> logger)
{
    private const string Door = "dps https";

    internal RegistrationDoor Devices => devices;

    /// <summary>Who may register.</summary>
    public EnrollmentService Enrollments => enrollments;

    /// <summary>Registers devices.</summary>
    public RegistrationService Registrations => registrations;

    /// <summary>Keeps a refusal for the operator.</summary>
    /// <param name="refusal">What was refused.</param>
    /// <param name="registrationId">Device that it concerns, or null.</param>
    internal Refusal Explain(Refusal refusal, string? registrationId = null) => explanations.Keep(refusal, Door, registrationId);

    /// <summary>Runs a call of a service whose policy has the right. Homeport's own addresses have their version in the path.</summary>
    internal Func<HttpContext, Task> Guard(Rights needed, Func<HttpContext, Task> call) => context =>
    {
        if (!context.Request.Path.StartsWithSegments("/homeport", StringComparison.OrdinalIgnoreCase) && CheckApiVersion(context) is { } noVersion)
            return RefuseAsync(context, noVersion);
        return authorizer.Authorize(context.Request.Headers.Authorization, needed).Succeeded(out _, out var refusal) ? call(context) : RefuseAsync(context, refusal);
    };

    /// <summary>Answers a call by its HTTP method. Failures of the server are logged and answered in the service's form.</summary>
    internal RequestDelegate ByMethod(params (string Method, Func<HttpContext, Task> Call)[] calls) => async context =>
    {
        var call = calls.FirstOrDefault(c => c.Method.Equals(context.Request.Method, StringComparison.OrdinalIgnoreCase)).Call;
        try
        {
            if (call is not null)
                await call(context);
            else
                await RefuseMethodAsync(context, calls.Select(c => c.Method));
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
        {
            var refusal = Explain(new Refusal(ProvisioningErrors.InternalError, $"{context.Request.Method} {context.Request.Path} failed in the server", "Look into the server's log."));
            LogFailed(e, refusal.TrackingId);
            await ProvisioningAnswers.RefuseAsync(context, refusal, time.GetUtcNow());
        }
    };

    /// <summary>Refuses a call with all that is known, as a service client may see it.</summary>
    internal Task RefuseAsync(HttpContext context, Refusal refusal) => ProvisioningAnswers.RefuseAsync(context, Explain(refusal), time.GetUtcNow());

    /// <summary>Null when the query has an <c>api-version</c>; every known one is served alike.</summary>
    internal static Refusal? CheckApiVersion(HttpContext context) => RegistrationCall.CheckApiVersion(context.Request.Query["api-version"].ToString());

    private Task RefuseMethodAsync(HttpContext context, IEnumerable<string> methods)
    {
        var allowed = string.Join(", ", methods);
        context.Response.Headers.Allow = allowed;
        return RefuseAsync(context, new Refusal(ProvisioningErrors.MethodNotAllowed, $"The call was {context.Request.Method} {context.Request.Path}", $"Use {allowed}."));
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Error, Message = "A provisioning call failed. Tracking id {TrackingId}")]
    private partial void LogFailed(Exception exception, string trackingId);
}
