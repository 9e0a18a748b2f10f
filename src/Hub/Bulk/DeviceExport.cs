using System.Text;
using System.Text.Json.Nodes;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Bulk;

/// <summary>Writes devices as a CSV file that <see cref="DeviceImport"/> reads again.</summary>
public sealed class DeviceExport(IdentityRegistry registry, IQuerySource source)
{
    /// <summary>Different tags that become columns.</summary>
    public const int MaxTags = 200;

    /// <summary>Writes all devices. Memory does not grow with their number.</summary>
    /// <param name="target">Gets UTF-8 with CRLF.</param>
    /// <param name="withKeys">Writes keys; the caller has the right to see them.</param>
    /// <param name="spreadsheetSafe">Puts an apostrophe before texts that a spreadsheet would take for a formula; such a file does not come back the same.</param>
    /// <param name="token">Ends it.</param>
    /// <returns>Devices that were written.</returns>
    public async Task<long> RunAsync(Stream target, bool withKeys, bool spreadsheetSafe, CancellationToken token)
    {
        var tags = await TagsAsync(token);
        await using var text = new StreamWriter(target, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\r\n" };
        await text.WriteLineAsync(string.Join(',', ((string[])
        [
            ImportColumns.DeviceId, ImportColumns.DeviceName, ImportColumns.PrimaryKey, ImportColumns.SecondaryKey, ImportColumns.PrimaryThumbprint, ImportColumns.SecondaryThumbprint,
        ]).Concat(tags.Select(t => ImportColumns.TagPrefix + t)).Select(CsvReader.Quote)));
        long count = 0;
        await foreach (var (deviceId, own) in DevicesAsync(token))
        {
            // The query reads no keys.
            if ((await registry.GetAsync(deviceId, null, token)).Value is not { } identity)
                continue;
            var authentication = identity.Authentication;
            var fields = new List<string>
            {
                deviceId, Text(own[ImportColumns.NameTag]), withKeys ? Base64(authentication.PrimaryKey) : "", withKeys ? Base64(authentication.SecondaryKey) : "",
                authentication.PrimaryThumbprint ?? "", authentication.SecondaryThumbprint ?? "",
            };
            fields.AddRange(tags.Select(t => Text(own[t])));
            await text.WriteLineAsync(string.Join(',', fields.Select(f => CsvReader.Quote(spreadsheetSafe ? Safe(f) : f))).AsMemory(), token);
            count++;
        }
        return count;
    }

    private async Task<IReadOnlyList<string>> TagsAsync(CancellationToken token)
    {
        var tags = new SortedSet<string>(StringComparer.Ordinal);
        await foreach (var (_, own) in DevicesAsync(token))
        {
            foreach (var (name, value) in own)
            {
                if (tags.Count < MaxTags && name != ImportColumns.NameTag && value is JsonValue)
                    tags.Add(name);
            }
        }
        return [.. tags];
    }

    private async IAsyncEnumerable<(string DeviceId, JsonObject Tags)> DevicesAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        var scan = new QueryScan(QueryCollection.Devices, [], QueryParts.Tags, null);
        await foreach (var row in source.ScanAsync(scan, token).WithCancellation(token))
            yield return (row.Key.DeviceId, row is TwinRow { Tags.IsEmpty: false } twin ? TwinMerge.Read(twin.Tags) : []);
    }

    // Tags that are lists or objects have no place in a column.
    private static string Text(JsonNode? value) => value is JsonValue scalar ? scalar.ToString() : "";

    private static string Base64(byte[]? bytes) => bytes is null ? "" : Convert.ToBase64String(bytes);

    private static string Safe(string field) => field.Length > 0 && field[0] is '=' or '+' or '-' or '@' or '\t' ? "'" + field : field;
}
