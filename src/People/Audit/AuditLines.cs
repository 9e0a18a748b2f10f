using System.Text.Json;
using Homeport.Contract.Rest.Operators;

namespace Homeport.People.Audit;

/// <summary>Entries of the audit log as JSON.</summary>
public static class AuditLines
{
    /// <summary>Writes the whole log as JSON lines, the oldest entry first.</summary>
    public static async Task WriteAsync(AuditLog audit, Stream target, CancellationToken token)
    {
        await foreach (var entry in audit.ExportAsync(token))
        {
            await JsonSerializer.SerializeAsync(target, Describe(entry), OperatorJson.Default.AuditEntryDescription, token);
            await target.WriteAsync("\n"u8.ToArray(), token);
        }
    }

    /// <summary>An entry as the API shows it.</summary>
    public static AuditEntryDescription Describe(AuditEntry entry) => new(
        entry.Number,
        entry.Time,
        new AuditActorDescription(JsonNamingPolicy.CamelCase.ConvertName(entry.ActorKind.ToString()), entry.ActorId, entry.ActorName, entry.Address),
        entry.Action,
        new AuditEntityDescription(entry.EntityType, entry.EntityId),
        JsonNamingPolicy.CamelCase.ConvertName(entry.Result.ToString()),
        entry.Detail,
        Convert.ToHexStringLower(entry.PreviousHash),
        Convert.ToHexStringLower(entry.Hash));
}
