using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Registry;

/// <summary>Reads the elements of bulk calls and of import files. Source: IoT Hub data plane, <c>ExportImportDevice</c>.</summary>
public static class BulkForm
{
    private static readonly Dictionary<string, BulkMode> Modes = Enum.GetValues<BulkMode>().ToDictionary(m => m.ToString(), StringComparer.OrdinalIgnoreCase);

    /// <summary>What became of an element that was refused.</summary>
    public static BulkError Error(BulkDevice? element, Refusal refusal)
        => new(element?.Id, element?.ModuleId, refusal.Error.Name, refusal.Text, element?.ImportMode);

    /// <summary>Reads an element.</summary>
    /// <param name="element">The element.</param>
    /// <param name="otherwise">What it is when it does not say; also whether <c>createOrUpdate</c> is allowed, which files have and calls have not.</param>
    public static Outcome<BulkElement> Read(BulkDevice? element, BulkMode otherwise = BulkMode.Create)
    {
        if (string.IsNullOrEmpty(element?.Id))
            return new Refusal(HubErrors.ArgumentNull, "An element has no id", "Add the member id.");
        var inFile = IsOfFiles(otherwise);
        if (!Modes.TryGetValue(element.ImportMode ?? otherwise.ToString(), out var mode) || (IsOfFiles(mode) && !inFile))
        {
            return new Refusal(HubErrors.ArgumentInvalid, $"Device '{element.Id}': importMode is '{element.ImportMode}'",
                "Use create, update, updateIfMatchETag, delete, deleteIfMatchETag, updateTwin or updateTwinIfMatchETag"
                + (inFile ? ", createOrUpdate or createOrUpdateIfMatchETag." : "."));
        }
        if (!ReadTwin(element).Succeeded(out var twin, out var refusal))
            return refusal;
        var hasTwin = twin.Tags is not null || twin.Desired is not null;
        if (mode is BulkMode.Delete or BulkMode.DeleteIfMatchETag or BulkMode.UpdateTwin or BulkMode.UpdateTwinIfMatchETag)
        {
            var named = new Identity { DeviceId = element.Id, ModuleId = element.ModuleId, GenerationId = "", Authentication = new Authentication(AuthenticationType.None) };
            return new BulkElement(mode, named, element.ETag, element.TwinETag, twin);
        }
        return ReadIdentity(element).Succeeded(out var identity, out refusal)
            ? new BulkElement(mode, identity, element.ETag, element.TwinETag, hasTwin ? twin : null) { Reported = ReportedOf(element) }
            : refusal;
    }

    private static bool IsOfFiles(BulkMode mode) => mode is BulkMode.CreateOrUpdate or BulkMode.CreateOrUpdateIfMatchETag;

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
        TwinJson.RemoveOwn(reported);
        return reported.Count > 0 ? reported : null;
    }

    private static Outcome<Identity> ReadIdentity(BulkDevice element) => element.ModuleId is null
        ? IdentityForm.Read(
            new DeviceDescription
            {
                Status = element.Status,
                StatusReason = element.StatusReason,
                Authentication = element.Authentication,
                Capabilities = element.Capabilities,
                DeviceScope = element.DeviceScope,
                ParentScopes = element.ParentScopes,
            },
            element.Id!)
        : IdentityForm.Read(new ModuleDescription { Authentication = element.Authentication, ManagedBy = element.ManagedBy }, element.Id!, element.ModuleId);
}
