using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Provisioning;
using Homeport.Provisioning.Registrations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>
/// How devices register over HTTPS. Source: DPS device API, <c>RuntimeRegistration</c>; all API versions are served alike. Letter
/// case and a slash at the end of an address do not count.
/// </summary>
public static class ProvisioningDeviceEndpoints
{
    /// <summary>Seconds until the first poll. The registration is finished by then; the SDKs wait for 1 (C#: 2) at the least.</summary>
    private const string RetryAfter = "1";

    private const string Registration = "/{idScope}/registrations/{registrationId}";

    /// <summary>Maps <c>/{idScope}/registrations/{registrationId}</c> with <c>/register</c> and <c>/operations/{operationId}</c>.</summary>
    public static void MapProvisioningDevices(this IEndpointRouteBuilder routes, ProvisioningApi api)
    {
        ArgumentNullException.ThrowIfNull(routes);
        routes.Map(Pattern(Registration + "/register"), api.ByMethod((HttpMethods.Put, context => RegisterAsync(api, context))));
        routes.Map(Pattern(Registration + "/operations/{operationId}"), api.ByMethod((HttpMethods.Get, context => PollAsync(api, context))));
        routes.Map(Pattern(Registration), api.ByMethod((HttpMethods.Post, context => LookUpAsync(api, context))));
    }

    private static async Task RegisterAsync(ProvisioningApi api, HttpContext context)
    {
        if (!(await ReadCallAsync(api, context, withBody: true)).Succeeded(out var call, out var refusal)
            || !(await api.Registrations.RegisterAsync(call, context.RequestAborted)).Succeeded(out var reply, out refusal))
        {
            await api.RefuseDeviceAsync(context, refusal);
            return;
        }
        if (reply.Failure is { } failure)
            api.Explain(failure, call.RegistrationId);
        if (reply.Challenge is { } blob)
            await ChallengeAsync(context, blob);
        else
            await AcceptAsync(context, call, reply.OperationId!);
    }

    // C# takes no other status than 202, although the registration is finished.
    private static Task AcceptAsync(HttpContext context, RegistrationCall call, string operationId)
    {
        var request = context.Request;
        context.Response.Headers.Location =
            $"{request.Scheme}://{request.Host}/{Uri.EscapeDataString(call.IdScope)}/registrations/{Uri.EscapeDataString(call.RegistrationId)}/operations/{operationId}?api-version={Uri.EscapeDataString(call.ApiVersion)}";
        context.Response.Headers.RetryAfter = RetryAfter;
        return ProvisioningAnswers.WriteAsync(context, RegistrationForm.ShowStarted(operationId), ProvisioningJson.Wire.OperationDescription, StatusCodes.Status202Accepted);
    }

    private static async Task PollAsync(ProvisioningApi api, HttpContext context)
    {
        var operationId = (string)context.Request.RouteValues["operationId"]!;
        // A body, which Node sends, says nothing.
        if ((await ReadCallAsync(api, context, withBody: false)).Succeeded(out var call, out var refusal)
            && (await api.Registrations.PollAsync(call, operationId, context.RequestAborted)).Succeeded(out var view, out refusal))
        {
            await ProvisioningAnswers.WriteAsync(context, RegistrationForm.ShowOperation(operationId, view), ProvisioningJson.Wire.OperationDescription);
            return;
        }
        await api.RefuseDeviceAsync(context, refusal);
    }

    private static async Task LookUpAsync(ProvisioningApi api, HttpContext context)
    {
        if (!(await ReadCallAsync(api, context, withBody: true)).Succeeded(out var call, out var refusal)
            || !(await api.Registrations.LookUpAsync(call, context.RequestAborted)).Succeeded(out var reply, out refusal))
        {
            await api.RefuseDeviceAsync(context, refusal);
            return;
        }
        if (reply.Challenge is { } blob)
            await ChallengeAsync(context, blob);
        else
            await ProvisioningAnswers.WriteAsync(context, RegistrationForm.ShowToDevice(reply.View!), ProvisioningJson.Wire.RegistrationStateDescription);
    }

    private static Task ChallengeAsync(HttpContext context, byte[] blob)
        => ProvisioningAnswers.WriteAsync(context, new TpmChallengeBody(Convert.ToBase64String(blob)), ProvisioningJson.Wire.TpmChallengeBody, StatusCodes.Status401Unauthorized);

    private static async Task<Outcome<RegistrationCall>> ReadCallAsync(ProvisioningApi api, HttpContext context, bool withBody)
    {
        if (ProvisioningApi.CheckApiVersion(context) is { } noVersion)
            return noVersion;
        var idScope = (string)context.Request.RouteValues["idScope"]!;
        if (!idScope.Equals(api.IdScope, StringComparison.OrdinalIgnoreCase))
            return new Refusal(ProvisioningErrors.ScopeNotFound, $"The address has the ID scope '{Shown.Text(idScope)}'", "Use the ID scope that this server shows at its start.");
        var call = new RegistrationCall
        {
            IdScope = idScope,
            RegistrationId = (string)context.Request.RouteValues["registrationId"]!,
            Authorization = context.Request.Headers.Authorization.ToString(),
            Certificate = context.Connection.ClientCertificate,
            Address = context.Connection.RemoteIpAddress,
            ApiVersion = context.Request.Query["api-version"].ToString(),
        };
        if (!withBody)
            return call;
        return (await ProvisioningAnswers.ReadBodyAsync(context, RegistrationCall.MaxBodySize)).Succeeded(out var body, out var refusal) ? call.WithBody(body) : refusal;
    }

    private static RoutePattern Pattern(string text)
        => RoutePatternFactory.Parse(text, defaults: null, parameterPolicies: new { idScope = new IdScopeConstraint() });
}
