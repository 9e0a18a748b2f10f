using System.Net;
using System.Text.Json.Nodes;

namespace Homeport.Tool.Migration;

/// <summary>What the parts of an import share.</summary>
/// <param name="Report">What became of each thing.</param>
/// <param name="Certificates">Certificates that the source does not give.</param>
/// <param name="DryRun">Reads and checks all, and writes nothing.</param>
/// <param name="Token">Set by Ctrl+C.</param>
internal sealed record MigrationRun(MigrationReport Report, KnownCertificates Certificates, bool DryRun, CancellationToken Token)
{
    /// <summary>Calls that are under way at once.</summary>
    public const int Concurrent = 8;

    private const int Tries = 6;

    /// <summary>Repeats a call that a busy server refuses, with growing pauses.</summary>
    public async Task<T> PatientlyAsync<T>(Func<Task<T>> call)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (ToolException e) when (e.IsTransient && attempt < Tries)
            {
                await Task.Delay(TimeSpan.FromSeconds(1 << (attempt - 1)), Token);
            }
        }
    }

    /// <summary>Does a thing; when the server refuses it, that is noted, and the others go on.</summary>
    public async Task EachAsync(string kind, string id, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (ToolException e) when (e.Status is { } status && status != HttpStatusCode.Unauthorized && status != HttpStatusCode.Forbidden && !e.IsTransient)
        {
            Report.Add(kind, id, MigrationOutcome.LeftOut, e.Message);
        }
        catch (InvalidOperationException)
        {
            // The only ones that values of JSON throw: a text is asked for and there is something else.
            Report.Add(kind, id, MigrationOutcome.LeftOut, "A member of it is of another kind than it should be.");
        }
    }

    /// <summary>Gives null for what is not there.</summary>
    public async Task<JsonNode?> FindAsync(Func<Task<JsonNode?>> get)
    {
        try
        {
            return await PatientlyAsync(get);
        }
        catch (ToolException e) when (e.Status == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>A text, or null for anything else.</summary>
    public static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>A key as it has to be: Base64 of 16 to 64 bytes.</summary>
    public static bool IsKey(string? text)
    {
        Span<byte> bytes = stackalloc byte[64];
        return text is not null && Convert.TryFromBase64String(text, bytes, out var length) && length >= 16;
    }
}
