using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Hub.Registry;

namespace Homeport.Provisioning.Enrollments;

/// <summary>Several changes in one call; each succeeds or fails on its own.</summary>
public sealed class BulkEnrollment(EnrollmentService enrollments)
{
    /// <summary>Changes that one call may hold.</summary>
    public const int MaxChanges = 10;

    /// <summary>Makes the changes in their order.</summary>
    /// <param name="kind">By the address of the call.</param>
    /// <param name="sent">Mode and entries.</param>
    /// <param name="explain">Keeps the refusal of a change.</param>
    /// <param name="token">Ends the call.</param>
    public async Task<Outcome<BulkResultDescription>> RunAsync(EnrollmentKind kind, BulkEnrollmentDescription sent, Action<Refusal> explain, CancellationToken token)
    {
        var entries = kind == EnrollmentKind.Individual ? sent.Enrollments : sent.EnrollmentGroups;
        var member = kind == EnrollmentKind.Individual ? "enrollments" : "enrollmentGroups";
        if (ReadMode(sent.Mode) is not { } mode)
            return EnrollmentForm.Invalid("mode", $"'{Shown.Text(sent.Mode)}' is not known", "Send create, update, updateIfMatchETag or delete.");
        if (entries is null or { Count: 0 })
            return EnrollmentForm.Invalid(member, "there are none", $"Send 1 to {MaxChanges} entries.");
        if (entries.Count > MaxChanges)
            return EnrollmentForm.Invalid(member, $"there are {entries.Count}", $"Send at most {MaxChanges} entries in one call.");
        if (entries.Any(e => e is null))
            return EnrollmentForm.Invalid(member, "one of them is null", "Send objects.");
        var errors = new List<BulkErrorDescription>();
        foreach (var entry in entries)
        {
            var refusal = await ChangeAsync(kind, mode, entry, token);
            if (refusal is null)
                continue;
            explain(refusal);
            errors.Add(new BulkErrorDescription
            {
                RegistrationId = entry.RegistrationId,
                EnrollmentGroupId = entry.EnrollmentGroupId,
                ErrorCode = refusal.Error.Code,
                ErrorStatus = $"{refusal.Text} Tracking id {refusal.TrackingId}",
            });
        }
        return new BulkResultDescription(errors.Count == 0, errors);
    }

    private async Task<Refusal?> ChangeAsync(EnrollmentKind kind, Mode mode, EnrollmentDescription entry, CancellationToken token)
    {
        var id = (kind == EnrollmentKind.Individual ? entry.RegistrationId : entry.EnrollmentGroupId) ?? "";
        var tagged = IfMatch.Parse(entry.Etag);
        switch (mode)
        {
            case Mode.Create:
                return (await enrollments.PutAsync(kind, id, entry, IfMatch.Absent, token)).Refusal;
            case Mode.Update:
                return (await enrollments.PutAsync(kind, id, entry, IfMatch.Parse("*"), token)).Refusal;
            case Mode.UpdateIfMatchETag when tagged.IsAbsent:
                return EnrollmentForm.Invalid("etag", "it is missing", "Send the entry as it was read, with its etag.");
            case Mode.UpdateIfMatchETag:
                return (await enrollments.PutAsync(kind, id, entry, tagged, token)).Refusal;
            default:
                return await enrollments.DeleteAsync(kind, id, tagged, token);
        }
    }

    private static Mode? ReadMode(string? text) => text?.ToLowerInvariant() switch
    {
        "create" => Mode.Create,
        "update" => Mode.Update,
        "updateifmatchetag" => Mode.UpdateIfMatchETag,
        "delete" => Mode.Delete,
        _ => null,
    };

    private enum Mode
    {
        Create,
        Update,
        UpdateIfMatchETag,
        Delete,
    }
}
