using System.Globalization;
using System.Text;
using Homeport.Provisioning.Bulk.Jobs;
using Homeport.Provisioning.Enrollments;

namespace Homeport.Provisioning.Bulk;

/// <summary>What became of a row.</summary>
internal enum RowResult
{
    Created,
    Updated,
    Skipped,
}

/// <summary>One import: its counts, its error file, and what it knows already.</summary>
internal sealed class ImportRun(ImportColumns columns, ImportOptions options, ImportReport report)
{
    /// <summary>Templates and organizations whose check is remembered.</summary>
    private const int MaxKnown = 2000;

    private readonly Dictionary<(string Kind, string Id), RowError?> _known = [];
    private readonly StringBuilder _errors = new();

    public ImportColumns Columns => columns;

    public ImportOptions Options => options;

    public ImportReport Report => report;

    /// <summary>Gives keys to devices that the file has none for.</summary>
    public Enrollment? DefaultGroup { get; set; }

    /// <summary>Hashes of the ids so far.</summary>
    public HashSet<UInt128> Seen { get; } = [];

    /// <summary>Writes down how far it is; null when nobody goes on with it.</summary>
    public ImportJournal? Journal { get; init; }

    /// <summary>Rows of the error file since the last call.</summary>
    public string TakeErrors()
    {
        var errors = _errors.ToString();
        _errors.Clear();
        return errors;
    }

    /// <summary>Checks a template or an organization once for all rows that name it.</summary>
    public async Task<RowError?> CheckAsync(string kind, string id, Func<Task<RowError?>> check)
    {
        lock (_known)
        {
            if (_known.TryGetValue((kind, id), out var known))
                return known;
        }
        var error = await check();
        lock (_known)
        {
            if (_known.Count < MaxKnown)
                _known[(kind, id)] = error;
        }
        return error;
    }

    public void Count(RowResult result)
    {
        report.Processed++;
        switch (result)
        {
            case RowResult.Created:
                report.Created++;
                break;
            case RowResult.Updated:
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
        report.Note(new FailedRow(line, error.Code, error.Message));
        if (report.Failed > DeviceImport.MaxErrors)
            return;
        if (report.Failed == 1)
            _errors.AppendJoin(',', columns.Header.Concat(["IOTC_ROW", "IOTC_ERRORCODE", "IOTC_ERRORMESSAGE"]).Select(CsvReader.Quote)).Append("\r\n");
        var kept = columns.Header.Select((name, i) => i >= fields.Count || (!options.KeepKeys && ImportColumns.IsSecret(name)) ? "" : fields[i]);
        _errors.AppendJoin(',', kept.Concat([line.ToString(CultureInfo.InvariantCulture), error.Code, error.Message]).Select(CsvReader.Quote)).Append("\r\n");
    }
}
