using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using Homeport.Contract.Errors;

namespace Homeport.Provisioning.Bulk.Jobs;

/// <summary>Imports as jobs: made, looked at and cancelled by operators; <see cref="ImportJobRunner"/> runs them, one at a time.</summary>
public sealed class ImportJobs(IImportJobStore store, IImportFiles files, DeviceImport import, ImportLimits limits, TimeProvider time)
{
    /// <summary>Imports that may wait or run: each keeps a file on the disk.</summary>
    public const int MaxOpen = 20;

    private const int MaxName = 200;
    private const int MaxShown = 20;
    private readonly ConcurrentDictionary<string, bool> _arriving = new(StringComparer.Ordinal);

    /// <summary>How much an import may be.</summary>
    public ImportLimits Limits => limits;

    /// <summary>Raised when the runner has something new to look at. Handlers must only post.</summary>
    public Action? Changed { get; set; }

    /// <summary>Takes a file and queues its import. Refused, with nothing kept, when the file as a whole cannot be imported.</summary>
    /// <param name="content">The file.</param>
    /// <param name="name">What its sender calls it.</param>
    /// <param name="options">How.</param>
    /// <param name="token">Ends the reading.</param>
    public async Task<Outcome<ImportJob>> CreateAsync(Stream content, string? name, ImportOptions options, CancellationToken token)
    {
        if ((await store.OpenAsync(MaxOpen, token)).Count >= MaxOpen)
            return new Refusal(FleetErrors.TooManyJobs, $"{MaxOpen} imports wait or run", "Wait until some are done, or cancel some.");
        // The first part is the time: ids are in the order of the jobs.
        var id = $"imp-{Guid.CreateVersion7(time.GetUtcNow()):N}";
        _arriving[id] = true;
        var kept = false;
        try
        {
            var outcome = await TakeAsync(id, content, name, options, token);
            kept = outcome.Refusal is null;
            return outcome;
        }
        finally
        {
            if (!kept)
                files.Delete(id);
            _arriving.TryRemove(id, out _);
        }
    }

    /// <summary>Finds a job.</summary>
    public async Task<Outcome<ImportJob>> GetAsync(string id, CancellationToken token)
        => await store.FindAsync(id, token) is { } job ? job : new Refusal(FleetErrors.JobNotFound, $"There is no import '{Shown.Text(id)}'", "Check the id; imports are listed for 30 days after their end.");

    /// <summary>Jobs, the newest first.</summary>
    public Task<IReadOnlyList<ImportJob>> ListAsync(long before, int max, CancellationToken token) => store.ListAsync(before, max, token);

    /// <summary>Ends a job after the rows that are in work. What it made stays.</summary>
    public async Task<Outcome<ImportJob>> CancelAsync(string id, CancellationToken token)
    {
        if (!(await GetAsync(id, token)).Succeeded(out var job, out var refusal))
            return refusal;
        if (!await store.CancelAsync(id, time.GetUtcNow(), token) && job.Status != ImportJobStatus.Cancelled)
            return new Refusal(FleetErrors.JobState, $"The import '{id}' is over", "Cancel imports that wait or run.");
        Changed?.Invoke();
        return await GetAsync(id, token);
    }

    /// <summary>The error file of a job: failed rows, to be corrected and imported again.</summary>
    /// <param name="id">The job.</param>
    /// <param name="withKeys">The reader may see keys; else their columns are empty.</param>
    /// <param name="token">Ends it.</param>
    /// <returns>Lines with CRLF.</returns>
    public async IAsyncEnumerable<string> ErrorLinesAsync(string id, bool withKeys, [EnumeratorCancellation] CancellationToken token)
    {
        await foreach (var row in ErrorRowsAsync(id, token))
            yield return string.Join(',', row.Fields.Select((f, i) => CsvReader.Quote(withKeys || row.IsHeader || !row.Secret.Contains(i) ? f : ""))) + "\r\n";
    }

    /// <summary>The first rows that failed, without what they say.</summary>
    public async Task<IReadOnlyList<FailedRow>> FirstFailedAsync(string id, CancellationToken token)
    {
        var first = new List<FailedRow>();
        await foreach (var (fields, isHeader, _) in ErrorRowsAsync(id, token))
        {
            if (!isHeader)
                first.Add(new FailedRow(long.Parse(fields[^3], CultureInfo.InvariantCulture), fields[^2], fields[^1]));
            if (first.Count == MaxShown)
                break;
        }
        return first;
    }

    /// <summary>Removes files that nobody needs any more, and old jobs.</summary>
    internal async Task PruneAsync(CancellationToken token)
    {
        var now = time.GetUtcNow();
        foreach (var id in files.List())
        {
            // In this order: a file that has arrived has a job.
            if (!_arriving.ContainsKey(id) && (await store.FindAsync(id, token) is not { } job || now - job.Ended >= ImportJob.FileHistory))
                files.Delete(id);
        }
        await store.PruneAsync(now - ImportJob.FileHistory, now - ImportJob.History, token);
    }

    private async Task<Outcome<ImportJob>> TakeAsync(string id, Stream content, string? name, ImportOptions options, CancellationToken token)
    {
        if (await files.WriteAsync(id, content, limits.MaxBytes, token) is not var (bytes, sha256))
            return new Refusal(HubErrors.ArgumentInvalid, $"The file has more than {limits.MaxBytes} bytes", "Send it in parts, or raise import-mb.");
        await using var stored = files.Open(id);
        if (!(await import.SurveyAsync(stored, options, limits.MaxRows, token)).Succeeded(out var survey, out var refusal))
            return refusal;
        var job = new ImportJob
        {
            Id = id,
            File = new ImportFile(NameOf(name), bytes, sha256, survey.Rows),
            Options = options,
            IgnoredColumns = survey.Ignored,
            Created = time.GetUtcNow(),
        };
        await store.InsertAsync(job, token);
        Changed?.Invoke();
        return await GetAsync(id, token);
    }

    private static string NameOf(string? name)
    {
        var plain = new string([.. (name ?? "").Where(c => !char.IsControl(c)).Take(MaxName)]).Trim();
        return plain.Length == 0 ? "devices.csv" : plain;
    }

    private async IAsyncEnumerable<(IReadOnlyList<string> Fields, bool IsHeader, HashSet<int> Secret)> ErrorRowsAsync(string id, [EnumeratorCancellation] CancellationToken token)
    {
        HashSet<int>? secret = null;
        await foreach (var part in store.ErrorsAsync(id, token))
        {
            using var text = new StringReader(part);
            var csv = new CsvReader(text) { Delimiter = ',' };
            while (await csv.ReadAsync(token) is { } fields)
            {
                var isHeader = secret is null;
                secret ??= [.. fields.Index().Where(f => ImportColumns.IsSecret(f.Item)).Select(f => f.Index)];
                yield return (fields, isHeader, secret);
            }
        }
    }
}
