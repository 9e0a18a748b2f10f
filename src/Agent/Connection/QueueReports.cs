using System.Text.Json;
using Homeport.Contract.Rest;

namespace Homeport.Agent.Connection;

/// <summary>What programs of this device say of their queues, in the files that the settings name.</summary>
internal static class QueueReports
{
    private const int MaxBytes = 16 * 1024;

    /// <summary>Reads all of them; one that cannot be read says why.</summary>
    public static IReadOnlyList<AgentQueue> Read(IEnumerable<string> paths) => [.. paths.Select(Read)];

    private static AgentQueue Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > MaxBytes)
                return Unread(path, $"The file has more than {MaxBytes} bytes: it is no report of a queue.");
            return JsonSerializer.Deserialize(file, AgentJson.Default.AgentQueue) ?? Unread(path, "The file says null: it is no report of a queue.");
        }
        catch (FileNotFoundException)
        {
            return Unread(path, "There is no report yet. Does the program run, and is this its ReportPath?");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Unread(path, $"The report cannot be read: {e.Message}");
        }
        catch (JsonException)
        {
            return Unread(path, "The file is no report of a queue.");
        }
    }

    private static AgentQueue Unread(string path, string trouble) => new(path) { Trouble = trouble };
}
