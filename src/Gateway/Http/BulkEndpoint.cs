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
        => routes.MapPost("/devices", hub.Guard(Rights.RegistryWrite, context => RunAsync(hub, context), HubOperation.Registry));

    private static async Task RunAsync(HubApi hub, HttpContext context)
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
        var errors = new List<BulkError>();
        foreach (var element in elements)
        {
            if (await RunAsync(hub, element, context.RequestAborted) is { } failed)
                errors.Add(new BulkError(element.Id, element.ModuleId, failed.Error.Name, failed.Text, element.ImportMode));
        }
        await context.WriteJsonAsync(new BulkResult(errors.Count == 0, errors, []), Json.Default.BulkResult,
            errors.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest);
    }

    private static async Task<Refusal?> RunAsync(HubApi hub, BulkDevice? element, CancellationToken token)
    {
        if (string.IsNullOrEmpty(element?.Id))
            return new Refusal(HubErrors.ArgumentNull, "An element has no id", "Add the member id.");
        var (write, condition) = (element.ImportMode ?? "create").ToUpperInvariant() switch
        {
            "CREATE" => (true, IfMatch.Absent),
            "UPDATE" => (true, IfMatch.Parse("*")),
            "UPDATEIFMATCHETAG" => (true, IfMatch.Parse(element.ETag ?? "(none)")),
            "DELETE" => (false, IfMatch.Parse("*")),
            "DELETEIFMATCHETAG" => (false, IfMatch.Parse(element.ETag ?? "(none)")),
            _ => ((bool?)null, IfMatch.Absent),
        };
        if (write is null)
        {
            return new Refusal(HubErrors.ArgumentInvalid, $"Device '{element.Id}': importMode is '{element.ImportMode}'",
                "Use create, update, updateIfMatchETag, delete or deleteIfMatchETag.");
        }
        if (write == false)
            return await hub.Registry.DeleteAsync(element.Id, element.ModuleId, condition, token);
        return Read(element).Succeeded(out var identity, out var refusal)
            ? (await hub.Registry.PutAsync(identity, condition, token)).Refusal
            : refusal;
    }

    private static Outcome<Identity> Read(BulkDevice element) => element.ModuleId is null
        ? DeviceMapping.ToIdentity(
            new DeviceDescription
            {
                Status = element.Status,
                StatusReason = element.StatusReason,
                Authentication = element.Authentication,
                Capabilities = element.Capabilities,
                DeviceScope = element.DeviceScope,
            },
            element.Id!)
        : DeviceMapping.ToIdentity(new ModuleDescription { Authentication = element.Authentication, ManagedBy = element.ManagedBy }, element.Id!, element.ModuleId);
}
