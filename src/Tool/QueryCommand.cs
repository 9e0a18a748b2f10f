using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary><c>homeport query</c>: queries over twins, modules and jobs.</summary>
internal static class QueryCommand
{
    private const int PageSize = 1000;
    private const string Continuation = "x-ms-continuation";
    private static readonly string[] TwinColumns = ["deviceId", "moduleId", "status", "connectionState", "lastActivityTime", "authenticationType", "version"];

    public static Command Create(CommandHost host)
    {
        var text = new Argument<string>("query") { Description = "Such as \"SELECT * FROM devices WHERE tags.site = 'north'\"" };
        var top = new Option<int?>("--top") { Description = "End after so many results; without it all are read" };
        return host.Run(new Command("query", "Runs a query; with --json each result is one line with all its members") { text, top }, async call =>
        {
            var table = new List<JsonNode?>();
            var isTwin = false;
            await foreach (var (type, result) in ReadAsync(call, call.Get(text), call.Get(top) ?? int.MaxValue))
            {
                isTwin = type == "Twin";
                if (call.Json)
                    Display.JsonLine(result);
                else
                    table.Add(result);
            }
            if (!call.Json)
                Write(table, isTwin);
        });
    }

    private static async IAsyncEnumerable<(string? ItemType, JsonNode? Result)> ReadAsync(Call call, string query, int top)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new QueryDescription(query), Json.Default.QueryDescription);
        string? continuation = null;
        do
        {
            List<KeyValuePair<string, string>> headers = [new("x-ms-max-item-count", Math.Clamp(top, 1, PageSize).ToString(CultureInfo.InvariantCulture))];
            if (continuation is not null)
                headers.Add(new(Continuation, continuation));
            var answer = await call.Hub.SendAsync(new HubRequest(HttpMethod.Post, "devices/query", body) { Headers = headers }, call.Token);
            foreach (var result in answer.Node() as JsonArray ?? [])
            {
                if (top-- <= 0)
                    yield break;
                yield return (answer.Header("x-ms-item-type"), result);
            }
            continuation = answer.Header(Continuation);
        }
        while (continuation is not null && top > 0);
    }

    /// <summary>Of twins what tells them apart; of other results all members.</summary>
    private static void Write(List<JsonNode?> results, bool isTwin)
    {
        var members = results.OfType<JsonObject>().SelectMany(r => r.Select(m => m.Key)).Distinct(StringComparer.Ordinal);
        string[] columns = isTwin ? [.. TwinColumns.Where(members.Contains)] : [.. members];
        var table = new Table([.. columns.Select(c => Display.Clean(c).ToUpperInvariant())]);
        foreach (var result in results)
            table.Add([.. columns.Select(c => Cell(result?[c]))]);
        table.Write();
        Console.Error.WriteLine($"{results.Count} results.");
    }

    private static string? Cell(JsonNode? value) => value switch
    {
        null => null,
        JsonValue text when text.TryGetValue<string>(out var s) => s,
        _ => value.ToJsonString(),
    };
}
