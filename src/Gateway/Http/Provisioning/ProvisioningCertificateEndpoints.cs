using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Registry;
using Homeport.Provisioning;
using Homeport.Provisioning.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>
/// CA certificates of the provisioning service over REST. In Azure they are in the resource manager; bodies are the same as there, and its
/// address with subscription and resource group, whose names do not count, leads here as well. The revocation lists are Homeport's own.
/// </summary>
public static class ProvisioningCertificateEndpoints
{
    private const string Managed = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Devices/provisioningServices/{service}";
    private const int MaxBodySize = 128 * 1024;

    /// <summary>Maps <c>/certificates</c>, <c>/certificates/{name}</c> and its actions <c>generateVerificationCode</c>, <c>verify</c> and <c>crl</c>.</summary>
    public static void MapProvisioningCertificates(this IEndpointRouteBuilder routes, ProvisioningApi api, ProvisioningAuthorities authorities)
    {
        ArgumentNullException.ThrowIfNull(routes);
        foreach (var root in (string[])["/certificates", Managed + "/certificates"])
        {
            routes.Map(root, api.ByMethod((HttpMethods.Get, Guard(api, context => ListAsync(authorities, context)))));
            routes.Map(root + "/{name}", api.ByMethod(
                (HttpMethods.Get, Guard(api, async context => await AnswerAsync(api, context, await authorities.GetAsync(Name(context), context.RequestAborted)))),
                (HttpMethods.Put, Guard(api, context => PutAsync(api, authorities, context))),
                (HttpMethods.Delete, Guard(api, context => DeleteAsync(api, authorities, context)))));
            routes.Map(root + "/{name}/generateVerificationCode", api.ByMethod((HttpMethods.Post, Guard(api, async context =>
                await AnswerAsync(api, context, await authorities.GenerateCodeAsync(Name(context), Condition(context), context.RequestAborted), withCode: true)))));
            routes.Map(root + "/{name}/verify", api.ByMethod((HttpMethods.Post, Guard(api, context => VerifyAsync(api, authorities, context)))));
        }
        routes.Map("/certificates/{name}/crl", api.ByMethod(
            (HttpMethods.Get, Guard(api, async context => await AnswerListAsync(api, context, await authorities.GetListAsync(Name(context), context.RequestAborted)))),
            (HttpMethods.Put, Guard(api, context => PutListAsync(api, authorities, context))),
            (HttpMethods.Delete, Guard(api, async context => await AnswerDeletedAsync(api, context, await authorities.DeleteListAsync(Name(context), context.RequestAborted))))));
    }

    private static Func<HttpContext, Task> Guard(ProvisioningApi api, Func<HttpContext, Task> call) => api.Guard(Rights.ServiceConfig, call);

    private static async Task ListAsync(ProvisioningAuthorities authorities, HttpContext context)
    {
        var all = await authorities.ListAsync(context.RequestAborted);
        await ProvisioningAnswers.WriteAsync(context, new CertificateList([.. all.Select(c => CertificateEndpoints.Describe(c, withCode: false))]), Json.Default.CertificateList);
    }

    private static async Task PutAsync(ProvisioningApi api, ProvisioningAuthorities authorities, HttpContext context)
    {
        if (!(await ReadAsync(context)).Succeeded(out var body, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(api, context, await authorities.PutAsync(Name(context), CertificateEndpoints.TextOf(body), IsAttested(body), Condition(context), context.RequestAborted));
    }

    private static async Task VerifyAsync(ProvisioningApi api, ProvisioningAuthorities authorities, HttpContext context)
    {
        if (!(await ReadAsync(context)).Succeeded(out var body, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(api, context, await authorities.VerifyAsync(Name(context), CertificateEndpoints.TextOf(body), Condition(context), context.RequestAborted));
    }

    private static async Task DeleteAsync(ProvisioningApi api, ProvisioningAuthorities authorities, HttpContext context)
        => await AnswerDeletedAsync(api, context, await authorities.DeleteAsync(Name(context), Condition(context), context.RequestAborted));

    private static async Task PutListAsync(ProvisioningApi api, ProvisioningAuthorities authorities, HttpContext context)
    {
        if (!(await ProvisioningAnswers.ReadBodyAsync(context, RevocationList.MaxSize)).Succeeded(out var bytes, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        await AnswerListAsync(api, context, await authorities.PutListAsync(Name(context), bytes, context.RequestAborted));
    }

    private static Task AnswerAsync(ProvisioningApi api, HttpContext context, Outcome<CaCertificate> outcome, bool withCode = false)
    {
        if (!outcome.Succeeded(out var certificate, out var refusal))
            return api.RefuseAsync(context, refusal);
        context.SetETag(certificate.ETag);
        return ProvisioningAnswers.WriteAsync(context, CertificateEndpoints.Describe(certificate, withCode), Json.Default.CertificateDescription);
    }

    private static Task AnswerListAsync(ProvisioningApi api, HttpContext context, Outcome<RevocationList> outcome)
    {
        if (!outcome.Succeeded(out var list, out var refusal))
            return api.RefuseAsync(context, refusal);
        var body = new RevocationListDescription(new ServiceTime(list.ThisUpdate), list.NextUpdate is { } next ? new ServiceTime(next) : null, list.Count);
        return ProvisioningAnswers.WriteAsync(context, body, ProvisioningJson.Wire.RevocationListDescription);
    }

    private static Task AnswerDeletedAsync(ProvisioningApi api, HttpContext context, Refusal? refusal)
    {
        if (refusal is not null)
            return api.RefuseAsync(context, refusal);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static async Task<Outcome<CertificateUpload>> ReadAsync(HttpContext context)
        => (await ProvisioningAnswers.ReadBodyAsync(context, MaxBodySize)).Succeeded(out var body, out var refusal) ? JsonBody.Read(body, Json.Default.CertificateUpload) : refusal;

    private static bool IsAttested(CertificateUpload body) => body.Properties?.IsVerified ?? body.IsVerified ?? false;

    private static string Name(HttpContext context) => (string)context.Request.RouteValues["name"]!;

    private static IfMatch Condition(HttpContext context) => IfMatch.Parse(context.Request.Headers.IfMatch);
}
