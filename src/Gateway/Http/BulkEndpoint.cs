using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Hub.Limits;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Homeport.Gateway.Http;

/// <summary>Many identities in one call: each element stands for itself, and those that were refused are listed.</summary>
public static class BulkEndpoint
{
    private const int MaxElements = 100;

    private static readonly Dictionary<string, BulkMode> Modes = Enum.GetValues<BulkMode>().ToDictionary(m => m.ToString(), StringComparer.OrdinalIgnoreCase);

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
            if (Read(elements[i]).Succeeded(out var element, out refusal))
                good.Add((i, element));
            else
                errors[i] = Error(elements[i], refusal);
        }
        var refusals = await bulk.RunAsync([.. good.Select(g => g.Element)], CancellationToken.None);
        for (var i = 0; i < good.Count; i++)
        {
            if (refusals[i] is { } failed)
                errors[good[i].Place] = Error(elements[good[i].Place], failed);
        }
        List<BulkError> listed = [.. errors.OfType<BulkError>()];
        await context.WriteJsonAsync(new BulkResult(listed.Count == 0, listed, []), Json.Default.BulkResult,
            listed.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest);
    }

    private static BulkError Error(BulkDevice? element, Refusal refusal)
        => new(element?.Id, element?.ModuleId, refusal.Error.Name, refusal.Text, element?.ImportMode);

    private static Outcome<BulkElement> Read(BulkDevice? element)
    {
        if (string.IsNullOrEmpty(element?.Id))
            return new Refusal(HubErrors.ArgumentNull, "An element has no id", "Add the member id.");
        if (!Modes.TryGetValue(element.ImportMode ?? nameof(BulkMode.Create), out var mode))
        {
            return new Refusal(HubErrors.ArgumentInvalid, $"Device '{element.Id}': importMode is '{element.ImportMode}'",
                "Use create, update, updateIfMatchETag, delete, deleteIfMatchETag, updateTwin or updateTwinIfMatchETag.");
        }
        if (!ReadTwin(element).Succeeded(out var twin, out var refusal))
            return refusal;
        var hasTwin = twin.Tags is not null || twin.Desired is not null;
        if (mode is not (BulkMode.Create or BulkMode.Update or BulkMode.UpdateIfMatchETag))
        {
            var named = new Identity { DeviceId = element.Id, ModuleId = element.ModuleId, GenerationId = "", Authentication = new Authentication(AuthenticationType.None) };
            return new BulkElement(mode, named, element.ETag, element.TwinETag, twin);
        }
        return ReadIdentity(element).Succeeded(out var identity, out refusal)
            ? new BulkElement(mode, identity, element.ETag, element.TwinETag, hasTwin ? twin : null) { Reported = ReportedOf(element) }
            : refusal;
    }

    private static Outcome<TwinPatch> ReadTwin(BulkDevice element)
    {
        var json = new JsonObject();
        foreach (var (name, value) in ((string, JsonElement)[])[("tags", element.Tags), ("properties", element.Properties)])
        {
            if (value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null))
                json[name] = JsonNode.Parse(value.GetRawText());
        }
        return TwinPatch.Read(json);
    }

    /// <summary>As a device was exported, with <c>$metadata</c> and <c>$version</c>, which begin anew.</summary>
    private static JsonObject? ReportedOf(BulkDevice element)
    {
        if (element.Properties.ValueKind != JsonValueKind.Object || !element.Properties.TryGetProperty("reported", out var sent) || sent.ValueKind != JsonValueKind.Object)
            return null;
        var reported = (JsonObject)JsonNode.Parse(sent.GetRawText())!;
        reported.Remove("$metadata");
        reported.Remove("$version");
        return reported.Count > 0 ? reported : null;
    }

    private static Outcome<Identity> ReadIdentity(BulkDevice element) => element.ModuleId is null
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
