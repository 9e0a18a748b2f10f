using System.Text.Json.Nodes;

namespace Homeport.Tool.Migration;

/// <summary>Takes over an application from its exported CSV file and the key of its group, where there is no API token any more.</summary>
internal sealed class CentralFileImport(CentralClient target, MigrationRun run)
{
    /// <summary>Sets the group's keys, then registers the devices of the file.</summary>
    /// <param name="file">CSV as IoT Central exports it.</param>
    /// <param name="group">The group whose key the devices' keys are derived from.</param>
    /// <param name="primary">Its primary key, Base64.</param>
    /// <param name="secondary">Its secondary key, or null for a new one.</param>
    /// <param name="replaceKeys">A group that is there gets these keys.</param>
    /// <param name="query">More parameters of the import.</param>
    public async Task RunAsync(FileInfo file, string group, string? primary, string? secondary, bool replaceKeys, string query)
    {
        if (primary is not null && !await GroupAsync(group, primary, secondary, replaceKeys))
            return;
        await using var stream = Open(file);
        using var content = new StreamContent(stream);
        var answer = await target.SendAsync(HttpMethod.Post, $"api/x/devices/import?validateOnly={(run.DryRun ? "true" : "false")}{query}", content, run.Token);
        if (answer?["progress"] is not JsonObject progress)
            throw new ToolException("The server's answer to the import is not understood. Is it a Homeport server of this version?");
        run.Report.AddMany("device", MigrationOutcome.Made, (int)(long)progress["created"]! + (int)(long)progress["updated"]!);
        run.Report.AddMany("device", MigrationOutcome.There, (int)(long)progress["skipped"]!);
        var shown = 0;
        foreach (var row in (MigrationRun.Text(answer["errorFile"]) ?? "").Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            // The last three columns are the line, the code and the message; the others may have keys.
            var (line, reason) = LastColumns(row);
            run.Report.Add("device", $"line {line}", MigrationOutcome.LeftOut, reason);
            shown++;
        }
        run.Report.AddMany("device", MigrationOutcome.LeftOut, (int)(long)progress["failed"]! - shown);
        foreach (var column in answer["ignoredColumns"] as JsonArray ?? [])
            run.Report.Add("column", MigrationRun.Text(column) ?? "", MigrationOutcome.ByHand, "The column means nothing here and was left out.");
    }

    private async Task<bool> GroupAsync(string group, string primary, string? secondary, bool replaceKeys)
    {
        if (!MigrationRun.IsKey(primary) || (secondary is not null && !MigrationRun.IsKey(secondary)))
            throw ToolException.BadUsage("A key of the group is not the Base64 text of 16 to 64 bytes. Copy it again from Permissions, Device connection groups.");
        var path = $"api/enrollmentGroups/{Uri.EscapeDataString(group)}";
        var there = await run.FindAsync(() => target.GetAsync(path, run.Token));
        if (MigrationRun.Text(there?["attestation"]?["symmetricKey"]?["primaryKey"]) == primary)
        {
            run.Report.Add("enrollmentGroup", group, MigrationOutcome.There);
            return true;
        }
        if (there is not null && !replaceKeys)
        {
            run.Report.Add("enrollmentGroup", group, MigrationOutcome.LeftOut, "A group of this name with other keys is here: the devices would be refused. Import again with --replace-keys, if no device uses the keys of the one here. No device was imported.");
            return false;
        }
        var keys = new JsonObject { ["primaryKey"] = primary };
        if (secondary is not null)
            keys["secondaryKey"] = secondary;
        var body = new JsonObject { ["displayName"] = group, ["enabled"] = true, ["type"] = "iot", ["attestation"] = new JsonObject { ["type"] = "symmetricKey", ["symmetricKey"] = keys } };
        if (!run.DryRun)
            await run.PatientlyAsync(() => target.SendAsync(HttpMethod.Put, path, body, run.Token));
        run.Report.Add("enrollmentGroup", group, MigrationOutcome.Made, there is null ? null : "Its keys were replaced.");
        return true;
    }

    private static FileStream Open(FileInfo file)
    {
        try
        {
            return file.OpenRead();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The file '{file.Name}' cannot be read: {e.Message}", e);
        }
    }

    private static (string Line, string Reason) LastColumns(string row)
    {
        var columns = new List<string>();
        var (start, quoted) = (0, false);
        for (var i = 0; i <= row.Length; i++)
        {
            if (i < row.Length && row[i] == '"')
                quoted = !quoted;
            if (i < row.Length && (quoted || row[i] != ','))
                continue;
            columns.Add(row[start..i].Trim('"').Replace("\"\"", "\"", StringComparison.Ordinal));
            start = i + 1;
        }
        return columns.Count < 3 ? ("?", "The row was refused.") : (columns[^3], $"{columns[^2]}: {columns[^1]}");
    }
}
