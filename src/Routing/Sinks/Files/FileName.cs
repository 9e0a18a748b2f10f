using System.Globalization;

namespace Homeport.Routing.Sinks.Files;

/// <summary>
/// Names of files by a format of IoT Hub: the tokens {iothub}, {partition}, {YYYY}, {MM}, {DD}, {HH} and {mm}, each once, and any text between. Source: Azure
/// "IoT Hub endpoints", Azure Storage.
/// </summary>
internal static class FileName
{
    /// <summary>The format when an endpoint has none.</summary>
    public const string Default = "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}.json";

    private const int MaxFormat = 256;
    private static readonly string[] Tokens = ["{iothub}", "{partition}", "{YYYY}", "{MM}", "{DD}", "{HH}", "{mm}"];

    /// <summary>Null when the format can be used, else what is wrong.</summary>
    public static string? Check(string format)
    {
        if (format.Length > MaxFormat)
            return $"it has {format.Length} characters";
        var rest = format;
        foreach (var token in Tokens)
        {
            var at = rest.IndexOf(token, StringComparison.Ordinal);
            if (at < 0)
                return $"it has no {token}";
            rest = rest.Remove(at, token.Length);
        }
        if (rest.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('/' or '-' or '_' or '.')))
            return "it has something else than the tokens once each and A-Z, a-z, 0-9, '/', '-', '_' and '.'";
        return format.StartsWith('/') || format.EndsWith('/') || format.Contains("//", StringComparison.Ordinal) || format.Contains("..", StringComparison.Ordinal)
            ? "it has an empty part, or one of dots" : null;
    }

    /// <summary>
    /// The name of a file that begins with a message. It follows from the message alone, so that a file which is written again takes the place of the one
    /// before; the offset keeps files of one minute apart.
    /// </summary>
    public static string Of(string format, string hubName, RoutedMessage first)
    {
        var time = first.EnqueuedTime.UtcDateTime;
        string[] values =
        [
            hubName, first.Partition.ToString("00", CultureInfo.InvariantCulture), Text("yyyy"), Text("MM"), Text("dd"), Text("HH"), Text("mm"),
        ];
        var name = format;
        for (var i = 0; i < Tokens.Length; i++)
            name = name.Replace(Tokens[i], values[i], StringComparison.Ordinal);
        var dot = name.LastIndexOf('.');
        var place = string.Create(CultureInfo.InvariantCulture, $"-{first.Offset}");
        return dot > name.LastIndexOf('/') ? name.Insert(dot, place) : name + place;

        string Text(string part) => time.ToString(part, CultureInfo.InvariantCulture);
    }
}
