using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Provisioning.Enrollments;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http.Provisioning;

/// <summary>The lists of endorsement keys of TPM groups over REST. Homeport's own, beside the Azure API for groups.</summary>
public static class EndorsementEndpoints
{
    private const string Root = "/enrollmentGroups/{id}/endorsementKeys";
    private const string Continuation = "x-ms-continuation";

    /// <summary>Maps <c>/enrollmentGroups/{id}/endorsementKeys</c>.</summary>
    public static void MapEndorsementKeys(this IEndpointRouteBuilder routes, ProvisioningApi api, EndorsementLists lists)
    {
        ArgumentNullException.ThrowIfNull(routes);
        routes.Map(Root, api.ByMethod(
            (HttpMethods.Get, api.Guard(Rights.EnrollmentRead, context => ListAsync(api, lists, context))),
            (HttpMethods.Post, api.Guard(Rights.EnrollmentWrite, context => ImportAsync(api, lists, context)))));
        routes.Map(Root + "/{hash}", api.ByMethod(
            (HttpMethods.Delete, api.Guard(Rights.EnrollmentWrite, context => DeleteAsync(api, lists, context)))));
    }

    private static async Task ListAsync(ProvisioningApi api, EndorsementLists lists, HttpContext context)
    {
        var size = EnrollmentQuery.PageSize(context.Request.Headers["x-ms-max-item-count"]);
        if (!(await lists.ListAsync(Id(context), context.Request.Headers[Continuation], size, context.RequestAborted)).Succeeded(out var page, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        if (page.Continuation is not null)
            context.Response.Headers[Continuation] = page.Continuation;
        var body = new EndorsementListDescription(page.Count, [.. page.Keys.Select(k => new EndorsementDescription(Convert.ToHexStringLower(k.Hash), k.RegistrationId))]);
        await ProvisioningAnswers.WriteAsync(context, body, ProvisioningJson.Wire.EndorsementListDescription);
    }

    private static async Task DeleteAsync(ProvisioningApi api, EndorsementLists lists, HttpContext context)
    {
        if (await lists.DeleteAsync(Id(context), (string)context.Request.RouteValues["hash"]!, context.RequestAborted) is { } refusal)
            await api.RefuseAsync(context, refusal);
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>The text may be long, so it has no limit of size, and the answer tells the progress line by line while it is read.</summary>
    private static async Task ImportAsync(ProvisioningApi api, EndorsementLists lists, HttpContext context)
    {
        if (!(await lists.FindGroupAsync(Id(context), context.RequestAborted)).Succeeded(out var group, out var refusal))
        {
            await api.RefuseAsync(context, refusal);
            return;
        }
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        context.Response.ContentType = "application/x-ndjson";
        var last = new EndorsementProgress { Errors = [] };
        try
        {
            await foreach (var progress in lists.ImportAsync(group, context.Request.BodyReader, context.RequestAborted))
            {
                last = progress;
                await WriteAsync(context, Describe(progress, null));
            }
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException)
        {
            await WriteAsync(context, Describe(last, e.Message));
        }
    }

    private static async Task WriteAsync(HttpContext context, EndorsementImportDescription line)
    {
        await context.Response.BodyWriter.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, ProvisioningJson.Wire.EndorsementImportDescription), context.RequestAborted);
        await context.Response.BodyWriter.WriteAsync("\n"u8.ToArray(), context.RequestAborted);
    }

    private static EndorsementImportDescription Describe(EndorsementProgress progress, string? failure) => new()
    {
        Rows = progress.Rows,
        Added = progress.Added,
        Known = progress.Known,
        InOtherGroup = progress.InOtherGroup,
        OverLimit = progress.OverLimit,
        Invalid = progress.Invalid,
        Errors = progress.Errors,
        Done = progress.Done,
        Failure = failure,
    };

    private static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!;
}
