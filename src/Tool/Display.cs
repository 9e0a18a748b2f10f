using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary>Values as people and scripts read them.</summary>
internal static class Display
{
    // For scripts everything outside ASCII is escaped: it arrives unchanged and steers no terminal.
    private static readonly JsonWriterOptions Lines = new() { Indented = false };
    private static readonly JsonWriterOptions Indented = new() { Indented = true };
    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>What devices and other people wrote must not steer the terminal: control and format characters become dots.</summary>
    public static string Clean(string? text) => string.Concat((text ?? "").Select(c => Steers(c) ? '.' : c));

    /// <summary>Cleans a text of several lines.</summary>
    public static string CleanLines(string text) => string.Join(Environment.NewLine, text.ReplaceLineEndings("\n").Split('\n').Select(Clean));

    /// <summary>A time in UTC, or "never".</summary>
    public static string Time(ServiceTime time) => time.Time is { } at ? at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) : "never";

    /// <summary>Properties as <c>a=1, b=2</c>.</summary>
    public static string Properties(IEnumerable<KeyValuePair<string, string?>> properties) => Clean(string.Join(", ", properties.Select(p => $"{p.Key}={p.Value}")));

    /// <summary>A name and its value in each line, aligned.</summary>
    public static void Details(params (string Name, string? Value)[] lines)
    {
        var width = lines.Max(l => l.Name.Length) + 2;
        foreach (var (name, value) in lines)
            Console.WriteLine(name.PadRight(width) + Clean(value));
    }

    /// <summary>JSON for a script: one value, indented.</summary>
    public static void Json<T>(T value, JsonTypeInfo<T> type) => Json(JsonSerializer.SerializeToNode(value, type));

    /// <summary>JSON for a script: one value, indented.</summary>
    public static void Json(JsonNode? node) => Console.WriteLine(Text(node, Indented));

    /// <summary>JSON for a script: one value of many, in one line.</summary>
    public static void JsonLine(JsonNode? node) => Console.WriteLine(Text(node, Lines));

    /// <summary>JSON for people, with its characters as they are.</summary>
    public static string ReadableJson(JsonNode? node) => CleanLines(Text(node, Readable));

    /// <summary>A body: JSON or text as it is, other bytes in Base64.</summary>
    public static string Body(byte[] body)
    {
        try
        {
            return Clean(Strict.GetString(body));
        }
        catch (DecoderFallbackException)
        {
            return $"({body.Length} bytes, Base64) {Convert.ToBase64String(body)}";
        }
    }

    private static bool Steers(char c)
        => char.IsControl(c) || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    private static string Text(JsonNode? node, JsonWriterOptions options)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, options))
        {
            if (node is null)
                writer.WriteNullValue();
            else
                node.WriteTo(writer);
        }
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
