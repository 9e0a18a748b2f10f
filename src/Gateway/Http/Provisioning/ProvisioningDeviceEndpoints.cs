using System.Globalization;
using Homeport.Gateway.Provisioning;
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
        var call = CallOf(context);
        var answer = await ReadBodyAsync(api, context, call, body => api.Devices.RegisterAsync(call, body, context.RequestAborted));
        // C# takes no other status than 202, although the registration may be finished.
        if (answer.OperationId is { } operationId)
            context.Response.Headers.Location = OperationAddress(context.Request, call, operationId);
        await WriteAsync(context, answer);
    }

    private static async Task PollAsync(ProvisioningApi api, HttpContext context)
    {
        // A body, which Node sends, says nothing.
        var operationId = (string)context.Request.RouteValues["operationId"]!;
        await WriteAsync(context, await api.Devices.PollAsync(CallOf(context), operationId, context.RequestAborted));
    }

    private static async Task LookUpAsync(ProvisioningApi api, HttpContext context)
    {
        var call = CallOf(context);
        await WriteAsync(context, await ReadBodyAsync(api, context, call, body => api.Devices.LookUpAsync(call, body, context.RequestAborted)));
    }

    private static async Task<RegistrationAnswer> ReadBodyAsync(
        ProvisioningApi api, HttpContext context, RegistrationCall call, Func<byte[], Task<RegistrationAnswer>> answer)
        => (await ProvisioningAnswers.ReadBodyAsync(context, RegistrationCall.MaxBodySize)).Succeeded(out var body, out var refusal)
            ? await answer(body)
            : api.Devices.Refuse(call, refusal);

    private static Task WriteAsync(HttpContext context, RegistrationAnswer answer)
    {
        if (answer.RetryAfter is { } seconds)
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (answer.Refusal is { } refusal)
            ProvisioningAnswers.NameRefusal(context, refusal);
        return ProvisioningAnswers.WriteAsync(context, answer.Body, answer.Status);
    }

    private static string OperationAddress(HttpRequest request, RegistrationCall call, string operationId)
        => $"{request.Scheme}://{request.Host}/{Uri.EscapeDataString(call.IdScope)}/registrations/{Uri.EscapeDataString(call.RegistrationId)}/operations/{operationId}?api-version={Uri.EscapeDataString(call.ApiVersion)}";

    private static RegistrationCall CallOf(HttpContext context) => new()
    {
        IdScope = (string)context.Request.RouteValues["idScope"]!,
        RegistrationId = (string)context.Request.RouteValues["registrationId"]!,
        Authorization = context.Request.Headers.Authorization.ToString(),
        Certificate = context.Connection.ClientCertificate,
        Intermediates = ClientChain.Of(context.Connection.ClientCertificate),
        ApiVersion = context.Request.Query["api-version"].ToString(),
        Address = context.Connection.RemoteIpAddress,
        Door = "dps https",
    };

    private static RoutePattern Pattern(string text)
        => RoutePatternFactory.Parse(text, defaults: null, parameterPolicies: new { idScope = new IdScopeConstraint() });
}
