using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Provisioning.Bulk.Jobs;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Provisioning.Bulk;

/// <summary>Registers the devices of a CSV file. Rows succeed and fail one by one; memory does not grow with the file's rows beyond 16 bytes each.</summary>
public sealed class DeviceImport(IdentityRegistry registry, DeviceTwins twins, DeviceLifecycle devices, EnrollmentService enrollments, ConnectionCredentials connection)
{
    /// <summary>Failed rows that the error file lists.</summary>
    public const int MaxErrors = 10_000;

    /// <summary>Longest file, in bytes.</summary>
    public const long MaxBytes = 512L * 1024 * 1024;

    /// <summary>Rows that are written at once, to share a commit.</summary>
    private const int Batch = 500;

    /// <summary>What people write for no template, as IoT Central shows it.</summary>
    private static readonly string[] NoTemplate = ["Unassociated", "Unassigned", "All devices"];

    /// <summary>Runs an import to its end. Refused when the file as a whole cannot be read; then nothing was written.</summary>
    /// <param name="file">The file.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told after each batch.</param>
    /// <param name="token">Ends it between two batches; what is registered by then stays.</param>
    public Task<Outcome<ImportReport>> RunAsync(Stream file, ImportOptions options, Action<ImportReport>? progress, CancellationToken token) => RunAsync(file, options, null, progress, token);

    /// <summary>Reads a file to its end and writes nothing. Refused when it cannot be imported as a whole.</summary>
    internal async Task<Outcome<ImportSurvey>> SurveyAsync(Stream file, ImportOptions options, long maxRows, CancellationToken token)
    {
        using var text = CsvReader.Open(file);
        var csv = new CsvReader(text);
        try
        {
            if (!ImportColumns.Read(await csv.ReadAsync(token)).Succeeded(out var columns, out var refusal))
                return refusal;
            if (await CheckFileAsync(new ImportRun(columns, options, new ImportReport())) is { } misplaced)
                return misplaced;
            long rows = 0;
            while (await csv.ReadAsync(token) is not null)
            {
                if (++rows > maxRows)
                    return new Refusal(HubErrors.ArgumentInvalid, string.Create(CultureInfo.InvariantCulture, $"The file has more than {maxRows} rows"), "Send it in parts, or raise import-rows.");
            }
            return new ImportSurvey(rows, columns.Ignored);
        }
        catch (Exception e) when (e is FormatException or DecoderFallbackException)
        {
            return Unreadable(e, csv, 0);
        }
    }

    /// <summary>Runs an import to its end, or goes on with one that was cut short.</summary>
    internal async Task<Outcome<ImportReport>> RunAsync(Stream file, ImportOptions options, ImportJournal? journal, Action<ImportReport>? progress, CancellationToken token)
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
            var run = new ImportRun(columns, options, report) { Journal = journal };
            if (await CheckFileAsync(run) is { } misplaced)
                return misplaced;
            if (!options.ValidateOnly)
            {
                if (!(await connection.DefaultGroupAsync(token)).Succeeded(out var group, out refusal))
                    return refusal;
                run.DefaultGroup = group;
            }
            await ReadRowsAsync(csv, run, progress, token);
            report.Sha256 = journal is null ? Convert.ToHexStringLower(hash.Hash!) : "";
            return report;
        }
        catch (Exception e) when (e is FormatException or DecoderFallbackException)
        {
            return Unreadable(e, csv, report.Processed);
        }
    }

    private static Refusal Unreadable(Exception e, CsvReader csv, long done)
    {
        var seen = e is FormatException ? e.Message.TrimEnd('.') : $"The file is not UTF-8 or UTF-16 near line {csv.Line}";
        return new Refusal(HubErrors.ArgumentInvalid, string.Create(CultureInfo.InvariantCulture, $"{seen} ({done} rows before it are done)"),
            "Correct the file there and import it again: what is registered already is skipped.");
    }

    private async Task<Refusal?> CheckFileAsync(ImportRun run) => await CheckPlaceAsync(run.Options.Template, run.Options.Organization, run) is { } error
        ? new Refusal(HubErrors.ArgumentInvalid, $"{error.Code}: {error.Message.TrimEnd('.')}", "Choose another one for the file.")
        : null;

    private async Task ReadRowsAsync(CsvReader csv, ImportRun run, Action<ImportReport>? progress, CancellationToken token)
    {
        var batch = new List<(long Line, IReadOnlyList<string> Fields, ImportRow? Row, RowError? Error)>(Batch);
        var done = run.Journal?.Start ?? ImportCounts.None;
        run.Report.Counts = done;
        long read = 0;
        while (await csv.ReadAsync(token) is { } fields)
        {
            var (row, error) = run.Columns.Parse(fields);
            if (error is null && !run.Seen.Add(KeyOf(row!.DeviceId)))
                error = new RowError("DuplicateInFile", "The file has this id further up.");
            // Rows that were done before are only read for their ids.
            if (++read <= done.Processed)
                continue;
            batch.Add((csv.Line, fields, row, error));
            if (batch.Count < Batch)
                continue;
            if (!await WriteAsync(batch, run, token))
                return;
            progress?.Invoke(run.Report);
        }
        if (!await WriteAsync(batch, run, token))
            return;
        if (run.Journal is { } journal)
            await journal.SaveAsync(run.Report.Counts, run.TakeErrors(), [], token);
        else
            run.Report.ErrorFile = run.TakeErrors();
        progress?.Invoke(run.Report);
    }

    /// <summary>Writes a batch of rows. False when somebody wants the import to end before it.</summary>
    private async Task<bool> WriteAsync(List<(long Line, IReadOnlyList<string> Fields, ImportRow? Row, RowError? Error)> batch, ImportRun run, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        if (run.Journal is { } journal && !await journal.SaveAsync(run.Report.Counts, run.TakeErrors(), run.Options.ValidateOnly ? [] : await FreshAsync(batch.Select(b => b.Row), journal), token))
            return false;
        var results = await Task.WhenAll(batch.Select(b => b.Error is null ? WriteAsync(b.Row!, run) : Task.FromResult((default(RowResult), (RowError?)b.Error))));
        for (var i = 0; i < batch.Count; i++)
        {
            var (result, error) = results[i];
            if (error is null)
                run.Count(result);
            else
                run.Fail(batch[i].Line, batch[i].Fields, error);
        }
        batch.Clear();
        return true;
    }

    /// <summary>Ids that are no devices yet, or were not when a run of before came to them.</summary>
    private async Task<IReadOnlyCollection<UInt128>> FreshAsync(IEnumerable<ImportRow?> rows, ImportJournal journal)
    {
        var fresh = new List<UInt128>(Batch);
        foreach (var row in rows.OfType<ImportRow>())
        {
            var key = KeyOf(row.DeviceId);
            if (journal.IsOwn(key) || (await devices.GetAsync(row.DeviceId, CancellationToken.None)).Value is null)
                fresh.Add(key);
        }
        return fresh;
    }

    private async Task<(RowResult Result, RowError? Error)> WriteAsync(ImportRow row, ImportRun run)
    {
        var options = run.Options;
        var placement = new Placement(TemplateOf(row.Template) is var (named, template) && named ? template : options.Template, row.Organization ?? options.Organization);
        if (await CheckPlaceAsync(placement.Template, placement.Organization, run) is { } error)
            return (default, error);
        var wanted = new Identity { DeviceId = row.DeviceId, GenerationId = "", Authentication = row.Authentication };
        if (!TwinPatch.Check(row.Tags, null).Succeeded(out var patch, out var refusal) || !twins.First(wanted, patch).Succeeded(out var twin, out refusal))
            return (default, ErrorOf(refusal));
        if ((await devices.GetAsync(row.DeviceId, CancellationToken.None)).Value is { } there)
            return run.Journal?.IsOwn(KeyOf(row.DeviceId)) == true ? (RowResult.Created, null) : await MeetAsync(row, placement, there, patch, options);
        if (options.ValidateOnly)
            return (RowResult.Created, null);
        if (options.Enroll && await EnrollAsync(row) is { } notEnrolled)
            return (default, ErrorOf(notEnrolled));
        if (!row.HasCredentials && run.DefaultGroup is { } group)
            wanted = wanted with { Authentication = Derived(group, row.DeviceId) };
        var outcome = await registry.PutAsync(wanted, twin, placement, IfMatch.Absent, CancellationToken.None);
        if (outcome.Refusal is null)
            return (RowResult.Created, null);
        // Somebody else made it at the same time.
        return outcome.Refusal.Error == HubErrors.DeviceAlreadyExists && (await devices.GetAsync(row.DeviceId, CancellationToken.None)).Value is { } made
            ? await MeetAsync(row, placement, made, patch, options)
            : (default, ErrorOf(outcome.Refusal));
    }

    /// <summary>A device that is there already; one that waits for approval goes on waiting.</summary>
    private async Task<(RowResult Result, RowError? Error)> MeetAsync(ImportRow row, Placement placement, DeviceFacts there, TwinPatch patch, ImportOptions options)
    {
        if (options.OnExisting == OnExisting.Fail)
            return (default, new RowError("AlreadyExists", $"There is a device '{there.DeviceId}', which is {LifeCycle.Word(there)}. Leave the row out, or update devices that are there."));
        if (options.OnExisting == OnExisting.Skip)
            return (RowResult.Skipped, null);
        if (options.ValidateOnly)
            return (RowResult.Updated, null);
        var refusal = await UpdateAsync(row, placement, patch, options);
        return (RowResult.Updated, refusal is null ? null : ErrorOf(refusal));
    }

    /// <summary>What the file says nothing of stays: state, parents, and what has no column.</summary>
    private async Task<Refusal?> UpdateAsync(ImportRow row, Placement placement, TwinPatch patch, ImportOptions options)
    {
        var named = row.Template is not null;
        if (!(await devices.UpdateAsync(row.DeviceId, facts => facts with
        {
            DisplayName = row.Name ?? facts.DisplayName,
            Template = placement.Template ?? (named ? null : facts.Template),
            Organization = placement.Organization ?? facts.Organization,
        }, IfMatch.Absent, options.By, CancellationToken.None)).Succeeded(out var facts, out var refusal))
        {
            return refusal;
        }
        if (options.Enroll && await EnrollAsync(row) is { } notEnrolled)
            return notEnrolled;
        while (true)
        {
            if (!(await registry.GetAsync(row.DeviceId, null, CancellationToken.None)).Succeeded(out var existing, out refusal))
                return refusal.Error == HubErrors.DeviceNotFound ? await AddAsync(row, facts, patch) : refusal;
            if (row.HasCredentials)
            {
                var outcome = await registry.PutAsync(existing with { Authentication = row.Authentication }, IfMatch.Parse(existing.ETag), CancellationToken.None);
                if (outcome.Refusal?.Error == HubErrors.PreconditionFailed)
                    continue;
                if (outcome.Refusal is not null)
                    return outcome.Refusal;
            }
            return patch.Tags is { Count: > 0 } ? (await twins.PatchAsync(row.DeviceId, null, patch, IfMatch.Absent, CancellationToken.None)).Refusal : null;
        }
    }

    /// <summary>
    /// Of a device without keys in the file: those that it has by the default group, so that the keys of an export let it in both at the hub
    /// and at provisioning, and go on when it registers.
    /// </summary>
    private static Authentication Derived(Enrollment group, string deviceId)
    {
        var keys = ConnectionCredentials.Of(group, new DeviceFacts { DeviceId = deviceId });
        return new Authentication(AuthenticationType.Sas, keys.PrimaryKey, keys.SecondaryKey);
    }

    /// <summary>A device that is in no hub gets there with the credentials of the file, unless it has to wait.</summary>
    private async Task<Refusal?> AddAsync(ImportRow row, DeviceFacts facts, TwinPatch patch)
    {
        if (!row.HasCredentials || !facts.IsEnabled)
            return null;
        var wanted = new Identity { DeviceId = row.DeviceId, GenerationId = "", Authentication = row.Authentication };
        return twins.First(wanted, patch).Succeeded(out var twin, out var refusal) ? (await registry.PutAsync(wanted, twin, IfMatch.Absent, CancellationToken.None)).Refusal : refusal;
    }

    private async Task<Refusal?> EnrollAsync(ImportRow row)
    {
        if (row.Authentication is not { Type: AuthenticationType.Sas } keys || !row.HasCredentials)
            return null;
        var description = new EnrollmentDescription
        {
            RegistrationId = row.DeviceId,
            DeviceId = row.DeviceId,
            Attestation = new AttestationDescription { Type = "symmetricKey", SymmetricKey = new SymmetricKeyDescription(Base64(keys.PrimaryKey), Base64(keys.SecondaryKey)) },
        };
        var made = await enrollments.PutAsync(EnrollmentKind.Individual, row.DeviceId, description, IfMatch.Absent, CancellationToken.None);
        return made.Refusal?.Error == ProvisioningErrors.AlreadyExists
            ? (await enrollments.PutAsync(EnrollmentKind.Individual, row.DeviceId, description, IfMatch.Parse("*"), CancellationToken.None)).Refusal
            : made.Refusal;
    }

    private async Task<RowError?> CheckPlaceAsync(string? template, string? organization, ImportRun run)
    {
        if (template is not null && await run.CheckAsync("template", template, async () => Named(await devices.CheckTemplateAsync(template, CancellationToken.None))) is { } badTemplate)
            return badTemplate;
        return organization is not null && run.Options.CheckOrganization is { } check
            ? await run.CheckAsync("organization", organization, async () => Named(await check(organization, CancellationToken.None)))
            : null;
    }

    private static RowError? Named(Refusal? refusal) => refusal is null ? null : ErrorOf(refusal);

    private static RowError ErrorOf(Refusal refusal)
        => new(refusal.Error == HubErrors.DeviceAlreadyExists ? "AlreadyExists" : refusal.Error == ProvisioningErrors.LimitReached ? "QuotaExceeded" : refusal.Error.Name, refusal.Text);

    /// <summary>Whether the row says something of the template, and which one; null: none.</summary>
    private static (bool Named, string? Template) TemplateOf(string? field)
        => field is null ? (false, null) : (true, NoTemplate.Contains(field, StringComparer.OrdinalIgnoreCase) ? null : field);

    private static string? Base64(byte[]? key) => key is null ? null : Convert.ToBase64String(key);

    private static UInt128 KeyOf(string id)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}

/// <summary>What a file has, before it is imported.</summary>
/// <param name="Rows">Rows below the header.</param>
/// <param name="Ignored">Columns that mean nothing here.</param>
internal sealed record ImportSurvey(long Rows, IReadOnlyList<string> Ignored);
