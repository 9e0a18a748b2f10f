using System.Text.Json.Serialization;
using Homeport.Contract.Errors;
using Homeport.Provisioning.Bulk.Jobs;

namespace Homeport.Provisioning.Bulk;

/// <summary>What happens to a device that is there already.</summary>
public enum OnExisting
{
    /// <summary>It stays as it is: the same file can be imported again.</summary>
    Skip,
    /// <summary>It gets the name, template, organization, keys, thumbprints and tags of the file.</summary>
    Update,
    /// <summary>The row is refused.</summary>
    Fail,
}

/// <summary>How to import.</summary>
/// <param name="OnExisting">What happens to a device that is there already.</param>
/// <param name="ValidateOnly">Checks every row and writes nothing.</param>
public sealed record ImportOptions(OnExisting OnExisting = OnExisting.Skip, bool ValidateOnly = false)
{
    /// <summary>Published template of all devices whose row names none; null: they are unassociated.</summary>
    public string? Template { get; init; }

    /// <summary>Organization of all devices whose row names none; null: the root.</summary>
    public string? Organization { get; init; }

    /// <summary>Gives each device with keys an individual enrollment with these, so that it registers with them as well.</summary>
    public bool Enroll { get; init; }

    /// <summary>The caller may see keys: the error file has them, so that what is corrected there comes back whole.</summary>
    public bool KeepKeys { get; init; }

    /// <summary>Name of the caller, for devices that are changed.</summary>
    public string By { get; init; } = "import";

    /// <summary>
    /// Null when the caller may put devices into an organization, else why not (<c>OrganizationNotFound</c>, <c>OrganizationForbidden</c>); null in
    /// itself: organizations are not checked.
    /// </summary>
    [JsonIgnore]
    public Func<string, CancellationToken, Task<Refusal?>>? CheckOrganization { get; init; }
}

/// <summary>How far an import is, and what came of it.</summary>
public sealed class ImportReport
{
    private const int MaxShown = 20;
    private readonly List<FailedRow> _firstFailed = [];

    public long Processed { get; internal set; }

    public long Created { get; internal set; }

    public long Updated { get; internal set; }

    public long Skipped { get; internal set; }

    public long Failed { get; internal set; }

    /// <summary>Columns of the file that mean nothing here.</summary>
    public IReadOnlyList<string> IgnoredColumns { get; internal set; } = [];

    /// <summary>SHA-256 of the file, for the audit log.</summary>
    public string Sha256 { get; internal set; } = "";

    /// <summary>
    /// The rows that failed, to be corrected and imported again: the columns of the file, and <c>IOTC_ROW</c>, <c>IOTC_ERRORCODE</c>,
    /// <c>IOTC_ERRORMESSAGE</c>. Keys are in it for those who may see them. The first <see cref="DeviceImport.MaxErrors"/>.
    /// </summary>
    public string ErrorFile { get; internal set; } = "";

    /// <summary>The first rows that failed, without what they say.</summary>
    public IReadOnlyList<FailedRow> FirstFailed => _firstFailed;

    /// <summary>The counts as they are now.</summary>
    internal ImportCounts Counts
    {
        get => new(Processed, Created, Updated, Skipped, Failed);
        set => (Processed, Created, Updated, Skipped, Failed) = (value.Processed, value.Created, value.Updated, value.Skipped, value.Failed);
    }

    internal void Note(FailedRow row)
    {
        if (_firstFailed.Count < MaxShown)
            _firstFailed.Add(row);
    }
}

/// <summary>A row that failed.</summary>
/// <param name="Line">Line of the file on which it begins, from 1.</param>
/// <param name="Code">Why, in one word.</param>
/// <param name="Message">Why, in a sentence.</param>
public sealed record FailedRow(long Line, string Code, string Message);
