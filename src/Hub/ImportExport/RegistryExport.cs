using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Files;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Hub.ImportExport;

/// <summary>Writes the registry into a file: a line for each device, then one for each module, in the order of their ids.</summary>
public sealed class RegistryExport(IIdentityStore identities, IQuerySource rows)
{
    private const int NoteEach = 1000;
    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    /// <summary>Writes the file. Null when it is there.</summary>
    /// <param name="container">Where it goes.</param>
    /// <param name="job">Its name, and whether the keys are in it.</param>
    /// <param name="note">Told how many percent are done; false ends the export.</param>
    /// <param name="token">Ends the call.</param>
    internal async Task<Refusal?> RunAsync(IBlobContainer container, ImportExportJob job, Func<int, Task<bool>> note, CancellationToken token)
    {
        var file = new BlockWriter(container, job.OutputBlobName!);
        var (total, _) = await identities.CountAsync(token);
        long done = 0;
        foreach (var collection in (QueryCollection[])[QueryCollection.Devices, QueryCollection.Modules])
        {
            await foreach (var row in rows.ScanAsync(new QueryScan(collection, [], QueryParts.All, null), token))
            {
                if (row is not TwinRow twin || await identities.FindAsync(twin.DeviceId, twin.ModuleId, token) is not { } identity)
                    continue;
                if (await file.WriteAsync(Write(identity, twin, withKeys: !job.ExcludeKeysInExport), token) is { } refusal)
                    return refusal;
                if (++done % NoteEach == 0 && !await note((int)Math.Min(99, done * 100 / Math.Max(1, total))))
                    return null;
            }
        }
        return await file.CommitAsync(token);
    }

    private static byte[] Write(Identity identity, TwinRow twin, bool withKeys)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, TwinJson.Compact))
        {
            writer.WriteStartObject();
            writer.WriteString("id", identity.DeviceId);
            if (identity.ModuleId is not null)
                writer.WriteString("moduleId", identity.ModuleId);
            writer.WriteString("eTag", identity.ETag);
            if (identity.ModuleId is null)
            {
                writer.WriteString("status", identity.Enabled ? "enabled" : "disabled");
                writer.WriteString("statusReason", identity.StatusReason);
                writer.WriteStartObject("capabilities");
                writer.WriteBoolean("iotEdge", identity.IotEdge);
                writer.WriteEndObject();
                if (identity.DeviceScope is not null)
                    writer.WriteString("deviceScope", identity.DeviceScope);
                if (identity.ParentScope is not null)
                {
                    writer.WriteStartArray("parentScopes");
                    writer.WriteStringValue(identity.ParentScope);
                    writer.WriteEndArray();
                }
            }
            else if (identity.ManagedBy is not null)
            {
                writer.WriteString("managedBy", identity.ManagedBy);
            }
            writer.WritePropertyName("authentication");
            JsonSerializer.Serialize(writer, IdentityForm.ToDescription(identity.Authentication, withKeys), Json.Default.AuthenticationDescription);
            WriteTwin(writer, twin);
            writer.WriteEndObject();
        }
        stream.Write(LineEnd);
        return stream.ToArray();
    }

    private static void WriteTwin(Utf8JsonWriter writer, TwinRow twin)
    {
        writer.WriteString("twinETag", twin.ETag);
        writer.WritePropertyName("tags");
        writer.WriteRawValue(twin.Tags.Span, skipInputValidation: true);
        writer.WriteStartObject("properties");
        writer.WritePropertyName("desired");
        writer.WriteRawValue(new TwinSection(twin.Desired, twin.DesiredMetadata, twin.DesiredVersion!.Value).ForService(), skipInputValidation: true);
        writer.WritePropertyName("reported");
        writer.WriteRawValue(new TwinSection(twin.Reported, twin.ReportedMetadata, twin.ReportedVersion!.Value).ForService(), skipInputValidation: true);
        writer.WriteEndObject();
    }
}
