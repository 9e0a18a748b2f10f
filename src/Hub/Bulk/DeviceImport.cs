using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;

namespace Homeport.Hub.Bulk;

/// <summary>What happens to a device that is there already.</summary>
public enum OnExisting
{
    /// <summary>It stays as it is: the same file can be imported again.</summary>
    Skip,
    /// <summary>It gets the keys, thumbprints and tags of the file.</summary>
    Update,
    /// <summary>The row is refused.</summary>
    Fail,
}

/// <summary>How to import.</summary>
/// <param name="OnExisting">What happens to a device that is there already.</param>
/// <param name="ValidateOnly">Checks every row and writes nothing.</param>
public sealed record ImportOptions(OnExisting OnExisting = OnExisting.Skip, bool ValidateOnly = false);

/// <summary>How far an import is, and what came of it.</summary>
public sealed class ImportReport
{
    public long Processed { get; internal set; }

    public long Created { get; internal set; }

    public long Updated { get; internal set; }

    public long Skipped { get; internal set; }

    public long Failed { get; internal set; }

    /// <summary>Columns of the file that mean nothing here.</summary>
    public IReadOnlyList<string> IgnoredColumns { get; internal set; } = [];

    /// <summary>Bytes and SHA-256 of the file, for the audit log.</summary>
    public string Sha256 { get; internal set; } = "";

    /// <summary>
    /// The rows that failed, to be corrected and imported again: the columns of the file without secrets, and <c>IOTC_ROW</c>,
    /// <c>IOTC_ERRORCODE</c>, <c>IOTC_ERRORMESSAGE</c>. The first <see cref="DeviceImport.MaxErrors"/>.
    /// </summary>
    public string ErrorFile { get; internal set; } = "";
}

/// <summary>Registers the devices of a CSV file. Rows succeed and fail one by one; memory does not grow with the file's rows beyond 16 bytes each.</summary>
public sealed class DeviceImport(IdentityRegistry registry, DeviceTwins twins)
{
    /// <summary>Failed rows that the error file lists.</summary>
    public const int MaxErrors = 10_000;

    /// <summary>Longest file, in bytes.</summary>
    public const long MaxBytes = 512L * 1024 * 1024;

    /// <summary>Rows that are written at once, to share a commit.</summary>
    private const int Batch = 500;

    /// <summary>Runs an import to its end. Refused when the file as a whole cannot be read; then nothing was written.</summary>
    /// <param name="file">The file.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told after each batch.</param>
    /// <param name="token">Ends it between two batches; what is registered by then stays.</param>
    public async Task<Outcome<ImportReport>> RunAsync(Stream file, ImportOptions options, Action<ImportReport>? progress, CancellationToken token)
    {
        using var hash = SHA256.Create();
        await using var hashed = new CryptoStream(file, hash, CryptoStreamMode.Read, leaveOpen: true);
        using var text = CsvReader.Open(hashed);
        var csv = new CsvReader(text);
        var report = new ImportReport();
        try
        {
            if (!ImportColumns.Read(await csv.ReadAsync(token)).Succeeded(out var columns, out var refusal))
                return refusal;
            report.IgnoredColumns = columns.Ignored;
            await ReadRowsAsync(csv, new Run(columns, options, report), progress, token);
            report.Sha256 = Convert.ToHexStringLower(hash.Hash!);
            return report;
        }
        catch (Exception e) when (e is FormatException or DecoderFallbackException)
        {
            var seen = e is FormatException ? e.Message.TrimEnd('.') : $"The file is not UTF-8 or UTF-16 near line {csv.Line}";
            return new Refusal(HubErrors.ArgumentInvalid, string.Create(CultureInfo.InvariantCulture, $"{seen} ({report.Processed} rows before it are done)"),
                "Correct the file there and import it again: what is registered already is skipped.");
        }
    }

    private async Task ReadRowsAsync(CsvReader csv, Run run, Action<ImportReport>? progress, CancellationToken token)
    {
        var batch = new List<(long Line, IReadOnlyList<string> Fields, ImportRow Row)>(Batch);
        while (await csv.ReadAsync(token) is { } fields)
        {
            var (row, error) = run.Columns.Parse(fields);
            if (error is null && !run.Seen.Add(KeyOf(row!.DeviceId)))
                error = new RowError("DuplicateInFile", "The file has this id further up.");
            if (error is not null)
                run.Fail(csv.Line, fields, error);
            else
                batch.Add((csv.Line, fields, row!));
            if (batch.Count < Batch)
                continue;
            await WriteAsync(batch, run, token);
            progress?.Invoke(run.Report);
        }
        await WriteAsync(batch, run, token);
        run.Report.ErrorFile = run.Errors.ToString();
        progress?.Invoke(run.Report);
    }

    private async Task WriteAsync(List<(long Line, IReadOnlyList<string> Fields, ImportRow Row)> batch, Run run, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        var results = await Task.WhenAll(batch.Select(b => WriteAsync(b.Row, run.Options)));
        for (var i = 0; i < batch.Count; i++)
        {
            var (done, refusal) = results[i];
            if (refusal is not null)
                run.Fail(batch[i].Line, batch[i].Fields, new RowError(refusal.Error == HubErrors.DeviceAlreadyExists ? "AlreadyExists" : refusal.Error.Name, refusal.Text));
            else
                run.Count(done);
        }
        batch.Clear();
    }

    private async Task<(Done Done, Refusal? Refusal)> WriteAsync(ImportRow row, ImportOptions options)
    {
        var wanted = new Identity { DeviceId = row.DeviceId, GenerationId = "", Authentication = row.Authentication };
        if (!TwinPatch.Check(row.Tags, null).Succeeded(out var patch, out var refusal) || !twins.First(wanted, patch).Succeeded(out var twin, out refusal))
            return (default, refusal);
        if (options.ValidateOnly)
            return await CheckAsync(row, options);
        var outcome = await registry.PutAsync(wanted, twin, IfMatch.Absent, CancellationToken.None);
        if (outcome.Refusal is null)
            return (Done.Created, null);
        if (outcome.Refusal.Error != HubErrors.DeviceAlreadyExists || options.OnExisting == OnExisting.Fail)
            return (default, outcome.Refusal);
        return options.OnExisting == OnExisting.Skip ? (Done.Skipped, null) : (Done.Updated, await UpdateAsync(wanted, patch));
    }

    private async Task<Refusal?> UpdateAsync(Identity wanted, TwinPatch patch)
    {
        // State, parents and gateway stay: the file says nothing of them. Without credentials in the file those stay as well.
        while (true)
        {
            if (!(await registry.GetAsync(wanted.DeviceId, null, CancellationToken.None)).Succeeded(out var existing, out var refusal))
                return refusal;
            var credentials = wanted.Authentication is { Type: AuthenticationType.Sas, PrimaryKey: null, SecondaryKey: null } ? existing.Authentication : wanted.Authentication;
            var outcome = await registry.PutAsync(existing with { Authentication = credentials }, IfMatch.Parse(existing.ETag), CancellationToken.None);
            if (outcome.Refusal?.Error == HubErrors.PreconditionFailed)
                continue;
            return outcome.Refusal ?? (await twins.PatchAsync(wanted.DeviceId, null, patch, IfMatch.Absent, CancellationToken.None)).Refusal;
        }
    }

    private async Task<(Done Done, Refusal? Refusal)> CheckAsync(ImportRow row, ImportOptions options)
    {
        if ((await registry.GetAsync(row.DeviceId, null, CancellationToken.None)).Value is null)
            return (Done.Created, null);
        return options.OnExisting switch
        {
            OnExisting.Skip => (Done.Skipped, null),
            OnExisting.Update => (Done.Updated, null),
            _ => (default, new Refusal(HubErrors.DeviceAlreadyExists, $"Device '{row.DeviceId}' is registered", "Leave the row out.")),
        };
    }

    private static UInt128 KeyOf(string id)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), hash);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    private enum Done
    {
        Created,
        Updated,
        Skipped,
    }

    private sealed class Run(ImportColumns columns, ImportOptions options, ImportReport report)
    {
        private static readonly HashSet<string> Secret = new(StringComparer.OrdinalIgnoreCase) { ImportColumns.PrimaryKey, ImportColumns.SecondaryKey };

        public ImportColumns Columns => columns;

        public ImportOptions Options => options;

        public ImportReport Report => report;

        public HashSet<UInt128> Seen { get; } = [];

        public StringBuilder Errors { get; } = new();

        public void Count(Done done)
        {
            report.Processed++;
            switch (done)
            {
                case Done.Created:
                    report.Created++;
                    break;
                case Done.Updated:
                    report.Updated++;
                    break;
                default:
                    report.Skipped++;
                    break;
            }
        }

        public void Fail(long line, IReadOnlyList<string> fields, RowError error)
        {
            report.Processed++;
            report.Failed++;
            if (report.Failed > MaxErrors)
                return;
            if (Errors.Length == 0)
                Errors.AppendJoin(',', columns.Header.Concat(["IOTC_ROW", "IOTC_ERRORCODE", "IOTC_ERRORMESSAGE"]).Select(CsvReader.Quote)).Append("\r\n");
            var kept = columns.Header.Select((name, i) => Secret.Contains(name.Trim()) || i >= fields.Count ? "" : fields[i]);
            Errors.AppendJoin(',', kept.Concat([line.ToString(CultureInfo.InvariantCulture), error.Code, error.Message]).Select(CsvReader.Quote)).Append("\r\n");
        }
    }
}
