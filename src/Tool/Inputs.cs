using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Homeport.Tool;

/// <summary>Values that are written on the command line, in a file (<c>@file</c>) or to the standard input (<c>-</c>).</summary>
internal static class Inputs
{
    public const string Sources = "; @file reads a file, - the standard input";

    /// <summary>The bytes of a value.</summary>
    public static async Task<byte[]> BytesAsync(string text, CancellationToken token)
    {
        if (text == "-")
        {
            using var input = Console.OpenStandardInput();
            using var bytes = new MemoryStream();
            await input.CopyToAsync(bytes, token);
            return bytes.ToArray();
        }
        if (!text.StartsWith('@'))
            return Encoding.UTF8.GetBytes(text);
        try
        {
            return await File.ReadAllBytesAsync(text[1..], token);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw ToolException.BadUsage($"The file cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Any JSON value.</summary>
    public static async Task<JsonNode?> JsonAsync(string text, string what, CancellationToken token)
    {
        try
        {
            return JsonNode.Parse(await BytesAsync(text, token));
        }
        catch (JsonException e)
        {
            throw ToolException.BadUsage($"{what} is no JSON: {e.Message} A text needs quotes of its own: '\"text\"'.", e);
        }
    }

    /// <summary>A JSON object.</summary>
    public static async Task<JsonObject> ObjectAsync(string text, string what, CancellationToken token)
        => await JsonAsync(text, what, token) as JsonObject ?? throw ToolException.BadUsage($"{what} is no JSON object. Write it as '{{\"name\":\"value\"}}'.");

    /// <summary>A JSON object, whole or as <c>path=value</c> several times: <c>fan.speed=3</c> is <c>{"fan":{"speed":3}}</c>.</summary>
    public static async Task<JsonObject> ChangesAsync(IReadOnlyList<string> texts, CancellationToken token)
    {
        if (texts is [var whole] && (whole is "-" || whole.TrimStart() is ['{' or '@', ..]))
            return await ObjectAsync(whole, "The change", token);
        var changes = new JsonObject();
        foreach (var text in texts)
        {
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            var names = equals < 0 ? [] : text[..equals].Split('.');
            if (names.Length == 0 || names.Any(n => n.Length == 0))
                throw ToolException.BadUsage($"'{text}' is no change. Write path=value, such as fan.speed=3, or one JSON object.");
            Put(changes, names, Value(text[(equals + 1)..]), text);
        }
        return changes;
    }

    private static void Put(JsonObject target, string[] names, JsonNode? value, string text)
    {
        foreach (var name in names[..^1])
        {
            if (!target.TryGetPropertyValue(name, out var next))
                target[name] = next = new JsonObject();
            target = next as JsonObject ?? throw Twice(text);
        }
        if (!target.TryAdd(names[^1], value))
            throw Twice(text);
    }

    private static ToolException Twice(string text) => ToolException.BadUsage($"'{text}' sets what another change sets as well. Say each property once.");

    /// <summary>JSON as it is; what is no JSON is a text.</summary>
    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }
}
