using System.Text.Json;

namespace Homeport.Server.Options;

/// <summary>The value of a setting and where it came from.</summary>
internal sealed record SettingValue(string? Text, string Source)
{
    public bool IsDefault => Source == SettingSources.DefaultSource;
}

/// <summary>Where settings come from, the first that has one wins: command line, environment, settings file, default.</summary>
internal sealed class SettingSources
{
    public const string DefaultSource = "default";
    public const string CommandLineSource = "command line";
    public const string VariableSource = "environment variable";

    private readonly Dictionary<string, SettingValue> _values = new(StringComparer.Ordinal);

    private SettingSources()
    {
    }

    /// <summary>What was wrong with the sources, all of it.</summary>
    public List<string> Errors { get; } = [];

    public SettingValue this[Setting setting] => _values[setting.Name];

    /// <summary>Collects the values.</summary>
    /// <param name="commandLine">Values of options that were given.</param>
    /// <param name="settingsFile">A file asked for with <c>--settings</c>, or null.</param>
    /// <param name="variable">Reads an environment variable.</param>
    public static SettingSources Collect(IReadOnlyDictionary<string, string> commandLine, string? settingsFile, Func<string, string?> variable)
    {
        var sources = new SettingSources();
        var file = settingsFile is null ? [] : sources.ReadFile(settingsFile);
        foreach (var setting in Setting.All)
        {
            sources._values[setting.Name] =
                commandLine.TryGetValue(setting.Name, out var text) ? new SettingValue(text, CommandLineSource)
                : variable(setting.Variable) is { Length: > 0 } value ? new SettingValue(value, $"{VariableSource} {setting.Variable}")
                : file.TryGetValue(setting.JsonName, out var entry) ? new SettingValue(entry, $"settings file {settingsFile}")
                : new SettingValue(setting.Default, DefaultSource);
        }
        return sources;
    }

    private Dictionary<string, string> ReadFile(string path)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new JsonException("The file is not a JSON object.");
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (Setting.All.All(s => s.JsonName != member.Name))
                    Errors.Add($"{path}: there is no setting '{member.Name}'. Settings are {string.Join(", ", Setting.All.Select(s => s.JsonName))}.");
                else
                    values[member.Name] = member.Value.ValueKind == JsonValueKind.Array ? string.Join(',', member.Value.EnumerateArray()) : member.Value.ToString();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            Errors.Add($"The settings file cannot be used: {e.Message}");
        }
        return values;
    }
}
