using System.Text.Json;
using System.Text.Json.Nodes;

namespace Homeport.Tool.Migration;

/// <summary>What became of a thing of the source.</summary>
internal enum MigrationOutcome
{
    /// <summary>It was made, or would be.</summary>
    Made,
    /// <summary>It was there already and stays as it is.</summary>
    There,
    /// <summary>It cannot be taken over; the reason says why.</summary>
    LeftOut,
    /// <summary>Somebody has to do something by hand; the reason says what.</summary>
    ByHand,
}

/// <summary>
/// The report of an import: a JSON file with an entry for each thing, written as it happens, and a table at the end. Memory does not grow with the
/// entries. Nothing secret is in it.
/// </summary>
internal sealed class MigrationReport : IDisposable
{
    /// <summary>Entries that the table lists one by one; the file has all.</summary>
    private const int Listed = 40;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, int[]> _counts = new(StringComparer.Ordinal);
    private readonly List<string> _lines = [];
    private readonly FileStream _file;
    private readonly Utf8JsonWriter _writer;
    private readonly string _path;
    private readonly bool _dryRun;
    private int _more;

    public MigrationReport(string source, string path, bool dryRun)
    {
        (_path, _dryRun) = (path, dryRun);
        try
        {
            _file = new FileStream(path, FileMode.Create, FileAccess.Write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The report '{path}' cannot be written: {e.Message}", e);
        }
        _writer = new Utf8JsonWriter(_file, new JsonWriterOptions { Indented = true });
        _writer.WriteStartObject();
        _writer.WriteString("source", source);
        _writer.WriteBoolean("dryRun", dryRun);
        _writer.WriteString("started", TimeProvider.System.GetUtcNow());
        _writer.WriteStartArray("entries");
    }

    /// <summary>Nothing was noted yet.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_lock)
                return _counts.Count == 0;
        }
    }

    /// <summary>Notes an entry.</summary>
    /// <param name="kind">Such as <c>device</c>.</param>
    /// <param name="id">Its id.</param>
    /// <param name="outcome">What became of it.</param>
    /// <param name="reason">Why, or what is to be done.</param>
    public void Add(string kind, string id, MigrationOutcome outcome, string? reason = null)
    {
        lock (_lock)
        {
            if (!_counts.TryGetValue(kind, out var counts))
                _counts[kind] = counts = new int[4];
            counts[(int)outcome]++;
            _writer.WriteStartObject();
            _writer.WriteString("kind", kind);
            _writer.WriteString("id", id);
            _writer.WriteString("outcome", Name(outcome));
            if (reason is not null)
                _writer.WriteString("reason", reason);
            _writer.WriteEndObject();
            if (_writer.BytesPending > 64 * 1024)
                _writer.Flush();
            if (outcome is not (MigrationOutcome.LeftOut or MigrationOutcome.ByHand))
                return;
            if (_lines.Count < Listed)
                _lines.Add($"{(outcome == MigrationOutcome.LeftOut ? "left out" : "by hand")}: {kind} {Display.Clean(id)}: {Display.Clean(reason)}");
            else
                _more++;
        }
    }

    /// <summary>Counts things whose ids nobody keeps.</summary>
    public void AddMany(string kind, MigrationOutcome outcome, int count)
    {
        lock (_lock)
        {
            if (!_counts.TryGetValue(kind, out var counts))
                _counts[kind] = counts = new int[4];
            counts[(int)outcome] += Math.Max(0, count);
        }
    }

    /// <summary>Ends the file and shows the table. Gives the exit code: 1 when something was left out.</summary>
    public int Close(bool json)
    {
        _writer.WriteEndArray();
        var counts = new JsonObject();
        foreach (var (kind, numbers) in _counts)
            counts[kind] = new JsonObject(Enum.GetValues<MigrationOutcome>().Select(o => KeyValuePair.Create<string, JsonNode?>(Name(o), numbers[(int)o])));
        _writer.WritePropertyName("counts");
        counts.WriteTo(_writer);
        _writer.WriteEndObject();
        _writer.Flush();
        var isWhole = _counts.Values.All(c => c[(int)MigrationOutcome.LeftOut] == 0);
        if (json)
            Display.Json(new JsonObject { ["dryRun"] = _dryRun, ["report"] = _path, ["counts"] = counts });
        else
            Show();
        return isWhole ? 0 : ToolException.Failed;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _writer.Dispose();
        _file.Dispose();
    }

    private void Show()
    {
        var table = new Table("", _dryRun ? "would be made" : "made", "there already", "left out", "by hand");
        foreach (var (kind, counts) in _counts)
            table.Add([kind, .. counts.Select(c => $"{c}")]);
        table.Write();
        if (_lines.Count > 0)
            Console.WriteLine();
        foreach (var line in _lines)
            Console.WriteLine(line);
        if (_more > 0)
            Console.WriteLine($"... and {_more} more.");
        Console.WriteLine();
        Console.WriteLine($"{(_dryRun ? "Nothing was written. " : "")}All entries are in {_path}.");
    }

    private static string Name(MigrationOutcome outcome) => JsonNamingPolicy.CamelCase.ConvertName(outcome.ToString());
}
