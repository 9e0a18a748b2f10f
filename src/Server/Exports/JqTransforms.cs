using System.Text.RegularExpressions;
using Homeport.Contract.Errors;
using Homeport.Operations.Exports;

namespace Homeport.Server.Exports;

/// <summary>
/// Transforms by the program jq, which IoT Central uses too. A query sees its messages and nothing else: no files, no environment, no other
/// messages. Source: Azure "Transform data inside your IoT Central application for export"; jq manual 1.6.
/// </summary>
/// <param name="folder">Where the module <c>iotc</c> is written.</param>
/// <param name="program">Path of jq, or null when there is none.</param>
/// <param name="patience">How long a batch of messages may take.</param>
internal sealed partial class JqTransforms(string folder, string? program, TimeSpan patience) : ITransforms
{
    /// <summary>Characters of a query.</summary>
    public const int MaxQuery = 8192;

    /// <summary>How long a batch of messages may take on a server.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // What reads more than the message is taken away. Queries may not import: the module is the only one.
    private const string Before = """
        def input: error("input is not possible here"); def inputs: input; def debug: .; def debug(f): .; def stderr: .;
        def halt: error("halt is not possible here"); def halt_error: halt; def halt_error(f): halt; def input_filename: null; def input_line_number: 0; def env: {};
        try {m: [
        """;

    private const string After = "\n]} catch {e: (if type == \"string\" then . else tojson end)}";
    private const string Module = "def find(f): .[] | select(f);\n";

    /// <summary>The jq on the path, or null.</summary>
    public static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(f => Path.Combine(f, OperatingSystem.IsWindows() ? "jq.exe" : "jq")).FirstOrDefault(File.Exists);

    /// <inheritdoc/>
    public async Task<Refusal?> CheckAsync(string query, CancellationToken token)
    {
        if (program is null)
            return Bad("This server finds no jq, which runs transforms", "Install the package jq on the server, or leave transform out.");
        if (query.Length > MaxQuery)
            return Bad($"It has {query.Length} characters", $"Write at most {MaxQuery}.");
        if (query.Contains('\0', StringComparison.Ordinal))
            return Bad("It has the character NUL in it", "Leave it out.");
        await using var trial = new JqProcess(program, folder, ProgramOf(query), patience);
        try
        {
            await trial.RunAsync(["null"u8.ToArray()], token);
            return null;
        }
        catch (TransformException e)
        {
            return Bad(e.Message, "Correct it: it is a query of jq, and may import the module iotc only.");
        }
    }

    /// <inheritdoc/>
    public ITransform Open(string query) => program is null ? new NoTransform() : new JqProcess(program, folder, ProgramOf(query), patience);

    /// <summary>Writes the module.</summary>
    public void Prepare()
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "iotc.jq"), Module);
    }

    /// <summary>The program around a query: what it makes of a message is one line.</summary>
    internal static string ProgramOf(string query)
    {
        var import = Import().Match(query);
        return $"{import.Value}{Before}\n{query[import.Length..]}{After}";
    }

    private static Refusal Bad(string seen, string fix) => new(ExportErrors.InvalidTransform, seen, fix);

    [GeneratedRegex("""^(\s|#[^\n]*\n)*import\s+"iotc"\s+as\s+\w+\s*;""", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Import();

    /// <summary>jq was there when the query was written, and is gone.</summary>
    private sealed class NoTransform : ITransform
    {
        public Task<IReadOnlyList<Transformed>> RunAsync(IReadOnlyList<ReadOnlyMemory<byte>> messages, CancellationToken token)
            => throw new TransformException("jq is not installed on the server any more");

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
