using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Provisioning;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>Certificates that devices got at their registration: list and revoke.</summary>
public static class IssuedCertificateEndpoints
{
    private const string Root = "/homeport/v1/issuedCertificates";
    private const string Continuation = "x-ms-continuation";
    private const int MaxBodySize = 4096;

    /// <summary>Maps <c>/homeport/v1/issuedCertificates</c>, <c>.../{serialNumber}</c> and <c>.../{serialNumber}/revoke</c>.</summary>
    public static void MapIssuedCertificates(this IEndpointRouteBuilder routes, ProvisioningApi api, CertificateIssuance issuance)
    {
        ArgumentNullException.ThrowIfNull(routes);
        routes.Map(Root, api.ByMethod((HttpMethods.Get, api.Guard(Rights.RegistrationStatusRead, context => ListAsync(issuance, context)))));
        routes.Map(Root + "/{serialNumber}", api.ByMethod((HttpMethods.Get, api.Guard(Rights.RegistrationStatusRead, async context =>
            await AnswerAsync(api, issuance, context, await issuance.GetAsync(Serial(context), context.RequestAborted))))));
        routes.Map(Root + "/{serialNumber}/revoke", api.ByMethod((HttpMethods.Post, api.Guard(Rights.RegistrationStatusWrite, context => RevokeAsync(api, issuance, context)))));
    }

    private static async Task ListAsync(CertificateIssuance issuance, HttpContext context)
    {
        var token = context.RequestAborted;
        IReadOnlyList<IssuedCertificate> found;
        if (context.Request.Query["registrationId"].FirstOrDefault() is { Length: > 0 } registrationId)
        {
            found = await issuance.OfAsync(registrationId, token);
        }
        else
        {
            var size = EnrollmentQuery.PageSize(context.Request.Headers["x-ms-max-item-count"]);
            found = await issuance.ListAsync(context.Request.Headers[Continuation].FirstOrDefault(), size, token);
            if (found.Count == size)
                context.Response.Headers[Continuation] = found[^1].SerialNumber;
        }
        var shown = new List<IssuedCertificateDescription>(found.Count);
        foreach (var certificate in found)
            shown.Add(await DescribeAsync(issuance, certificate, token));
        await ProvisioningAnswers.WriteAsync(context, shown, ProvisioningJson.Wire.IReadOnlyListIssuedCertificateDescription);
    }

    private static async Task RevokeAsync(ProvisioningApi api, CertificateIssuance issuance, HttpContext context)
    {
        if (!(await ProvisioningAnswers.ReadBodyAsync(context, MaxBodySize)).Succeeded(out var body, out var refusal)
            || !ReadOptional(body).Succeeded(out var sent, out refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        await AnswerAsync(api, issuance, context, await issuance.RevokeAsync(Serial(context), sent.Reason, context.RequestAborted));
    }

    private static Outcome<RevocationDescription> ReadOptional(byte[] body)
        => body.Length == 0 ? new RevocationDescription(null) : JsonBody.Read(body, ProvisioningJson.Received.RevocationDescription);

    private static async Task AnswerAsync(ProvisioningApi api, CertificateIssuance issuance, HttpContext context, Outcome<IssuedCertificate> outcome)
    {
        if (outcome.Succeeded(out var certificate, out var refusal))
            await ProvisioningAnswers.WriteAsync(context, await DescribeAsync(issuance, certificate, context.RequestAborted), ProvisioningJson.Wire.IssuedCertificateDescription);
        else
            await api.RefuseAsync(context, refusal);
    }

    private static async Task<IssuedCertificateDescription> DescribeAsync(CertificateIssuance issuance, IssuedCertificate certificate, CancellationToken token) => new()
    {
        SerialNumber = certificate.SerialNumber,
        RegistrationId = certificate.RegistrationId,
        DeviceId = certificate.DeviceId,
        IotHubHostName = certificate.Hub,
        CertificateAuthorityName = certificate.Authority,
        Sha256Thumbprint = certificate.Thumbprint,
        NotBeforeUtc = new ServiceTime(certificate.NotBefore),
        NotAfterUtc = new ServiceTime(certificate.NotAfter),
        RevokedUtc = certificate.Revoked is { } revoked ? new ServiceTime(revoked) : null,
        RevocationReason = certificate.Reason,
        Status = await issuance.StatusAsync(certificate, token),
    };

    private static string Serial(HttpContext context) => (string)context.Request.RouteValues["serialNumber"]!;
}
