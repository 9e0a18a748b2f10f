using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Homeport.Hub.Registry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Many identities in one call: each element stands for itself, and those that were refused are listed.</summary>
public static class BulkEndpoint
{
    private const int MaxElements = 100;

    /// <summary>Maps <c>POST /devices</c>.</summary>
    public static void MapBulk(this IEndpointRouteBuilder routes, HubApi hub)
    {
        var bulk = new BulkRegistry(hub.Registry, hub.Twins);
        routes.MapPost("/devices", hub.Guard(Rights.RegistryWrite, context => RunAsync(hub, bulk, context), HubOperation.Registry));
    }

    private static async Task RunAsync(HubApi hub, BulkRegistry bulk, HttpContext context)
    {
        if (!(await context.ReadJsonAsync(Json.Default.IReadOnlyListBulkDevice)).Succeeded(out var elements, out var refusal))
        {
            await hub.RefuseAsync(context, refusal);
            return;
        }
        if (elements.Count is 0 or > MaxElements)
        {
            await hub.RefuseAsync(context, new Refusal(HubErrors.ArgumentInvalid, $"The call has {elements.Count} elements", $"Send 1 to {MaxElements} elements in a call."));
            return;
        }
        var errors = new BulkError?[elements.Count];
        var good = new List<(int Place, BulkElement Element)>(elements.Count);
        for (var i = 0; i < elements.Count; i++)
        {
            if (BulkForm.Read(elements[i]).Succeeded(out var element, out refusal))
                good.Add((i, element));
            else
                errors[i] = BulkForm.Error(elements[i], refusal);
        }
        var refusals = await bulk.RunAsync([.. good.Select(g => g.Element)], CancellationToken.None);
        for (var i = 0; i < good.Count; i++)
        {
            if (refusals[i] is { } failed)
                errors[good[i].Place] = BulkForm.Error(elements[good[i].Place], failed);
        }
        List<BulkError> listed = [.. errors.OfType<BulkError>()];
        await context.WriteJsonAsync(new BulkResult(listed.Count == 0, listed, []), Json.Default.BulkResult,
            listed.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest);
    }
}
