using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Limits;
using Homeport.Hub.Registry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>
/// CA certificates of the hub over REST. Azure has this in its resource manager; the bodies are those, the addresses are our own since
/// the provisioning service has <c>/certificates</c> under the same host name.
/// </summary>
public static class CertificateEndpoints
{
    private const string Root = "/homeport/v1/certificates";

    /// <summary>Maps <c>/homeport/v1/certificates</c>, <c>.../{name}</c> and its actions <c>generateVerificationCode</c> and <c>verify</c>.</summary>
    public static void MapCertificates(this IEndpointRouteBuilder routes, HubApi hub, CertificateAuthorities authorities)
    {
        routes.MapGet(Root, hub.Guard(Rights.RegistryRead, context => ListAsync(authorities, context), HubOperation.Registry));
        routes.MapGet(Root + "/{name}", hub.Guard(Rights.RegistryRead, async context =>
            await AnswerAsync(hub, context, await authorities.GetAsync(Name(context), context.RequestAborted)), HubOperation.Registry));
        routes.MapPut(Root + "/{name}", hub.Guard(Rights.RegistryWrite, context => PutAsync(hub, authorities, context), HubOperation.Registry));
        routes.MapDelete(Root + "/{name}", hub.Guard(Rights.RegistryWrite, context => DeleteAsync(hub, authorities, context), HubOperation.Registry));
        routes.MapPost(Root + "/{name}/generateVerificationCode", hub.Guard(Rights.RegistryWrite, async context =>
            await AnswerAsync(hub, context, await authorities.GenerateCodeAsync(Name(context), Condition(context), context.RequestAborted), withCode: true), HubOperation.Registry));
        routes.MapPost(Root + "/{name}/verify", hub.Guard(Rights.RegistryWrite, context => VerifyAsync(hub, authorities, context), HubOperation.Registry));
    }

    private static async Task ListAsync(CertificateAuthorities authorities, HttpContext context)
    {
        var all = await authorities.ListAsync(context.RequestAborted);
        await context.WriteJsonAsync(new CertificateList([.. all.Select(c => Describe(c, withCode: false))]), Json.Default.CertificateList);
    }

    private static async Task PutAsync(HubApi hub, CertificateAuthorities authorities, HttpContext context)
    {
        if (!(await context.ReadJsonAsync(Json.Default.CertificateUpload)).Succeeded(out var body, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(hub, context, await authorities.PutAsync(Name(context), TextOf(body), attested: false, Condition(context), context.RequestAborted));
    }

    private static async Task DeleteAsync(HubApi hub, CertificateAuthorities authorities, HttpContext context)
    {
        if (await authorities.DeleteAsync(Name(context), Condition(context), context.RequestAborted) is { } refusal)
            await hub.RefuseAsync(context, refusal);
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task VerifyAsync(HubApi hub, CertificateAuthorities authorities, HttpContext context)
    {
        if (!(await context.ReadJsonAsync(Json.Default.CertificateUpload)).Succeeded(out var body, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(hub, context, await authorities.VerifyAsync(Name(context), TextOf(body), Condition(context), context.RequestAborted));
    }

    private static Task AnswerAsync(HubApi hub, HttpContext context, Outcome<CaCertificate> outcome, bool withCode = false)
    {
        if (!outcome.Succeeded(out var certificate, out var refusal))
            return hub.RefuseAsync(context, refusal);
        context.SetETag(certificate.ETag);
        return context.WriteJsonAsync(Describe(certificate, withCode), Json.Default.CertificateDescription);
    }

    internal static CertificateDescription Describe(CaCertificate certificate, bool withCode)
    {
        using var parsed = X509CertificateLoader.LoadCertificate(certificate.Certificate);
        return new CertificateDescription(certificate.Name, certificate.ETag, new CertificateProperties
        {
            Subject = parsed.Subject,
            Expiry = parsed.NotAfter.ToUniversalTime().ToString("R", CultureInfo.InvariantCulture),
            Thumbprint = parsed.Thumbprint,
            IsVerified = certificate.Verified,
            Created = Text(certificate.Created),
            Updated = Text(certificate.Updated),
            Certificate = Convert.ToBase64String(certificate.Certificate),
            VerificationCode = withCode ? certificate.VerificationCode : null,
        });
    }

    internal static string? TextOf(CertificateUpload body) => body.Properties?.Certificate ?? body.Certificate;

    private static string Text(DateTimeOffset time) => time.ToString("R", CultureInfo.InvariantCulture);

    private static string Name(HttpContext context) => (string)context.Request.RouteValues["name"]!;

    private static IfMatch Condition(HttpContext context) => IfMatch.Parse(context.Request.Headers.IfMatch);
}
