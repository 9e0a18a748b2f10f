using System.Globalization;
using System.Text.Json;
using Homeport.Hub.Twins;
using Microsoft.Data.Sqlite;

namespace Homeport.Storage.Sqlite;

/// <summary>The index of the tags: a row for each scalar, under its path.</summary>
internal static class TwinTags
{
    /// <summary>Writes the rows of a twin anew.</summary>
    public static void Write(SqliteConnection connection, string hub, Twin twin)
    {
        connection.Execute("DELETE FROM twin_tags WHERE hub=$hub AND device_id=$device AND module_id=$module",
            ("$hub", hub), ("$device", twin.DeviceId), ("$module", twin.ModuleId ?? ""));
        using var tags = JsonDocument.Parse(twin.Tags);
        Write(connection, hub, twin, "", tags.RootElement);
    }

    /// <summary>A value as it stands in the index, or null for one that is not indexed.</summary>
    public static string? Indexed(object? value) => value switch
    {
        string text => "s:" + text,
        bool truth => truth ? "b:true" : "b:false",
        double number => "n:" + number.ToString("R", CultureInfo.InvariantCulture),
        _ => null,
    };

    private static void Write(SqliteConnection connection, string hub, Twin twin, string path, JsonElement level)
    {
        foreach (var member in level.EnumerateObject())
        {
            // Names have no dots, so that a path is unique.
            var at = path.Length == 0 ? member.Name : path + "." + member.Name;
            if (member.Value.ValueKind == JsonValueKind.Object)
            {
                Write(connection, hub, twin, at, member.Value);
                continue;
            }
            if (Indexed(ValueOf(member.Value)) is { } value)
            {
                connection.Execute("INSERT OR IGNORE INTO twin_tags (hub, path, value, device_id, module_id) VALUES ($hub, $path, $value, $device, $module)",
                    ("$hub", hub), ("$path", at), ("$value", value), ("$device", twin.DeviceId), ("$module", twin.ModuleId ?? ""));
            }
        }
    }

    private static object? ValueOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };
}
