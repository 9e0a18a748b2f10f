using Homeport.People.Audit;
using Homeport.Provisioning.Bulk.Jobs;

namespace Homeport.Gateway.Http.Operators;

/// <summary>What the audit log says of imports.</summary>
public static class ImportAudit
{
    /// <summary>The end of an import.</summary>
    public static AuditAction EndOf(ImportJob job)
    {
        var counts = job.Counts;
        return new AuditAction("endImportJob", "importJob", job.Id)
        {
            Detail = $"{job.Status}, by {job.Options.By}: {counts.Created} created, {counts.Updated} updated, {counts.Skipped} skipped, {counts.Failed} failed; SHA-256 {job.File.Sha256}",
        };
    }
}
