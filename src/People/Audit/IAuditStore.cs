namespace Homeport.People.Audit;

/// <summary>Keeps the audit log: entries are added at its end and never changed. Writes are durable when they return.</summary>
public interface IAuditStore
{
    /// <summary>Adds the entry that <paramref name="next"/> makes of the last one (null: the log is empty). Nobody adds one in between.</summary>
    Task<AuditEntry> AppendAsync(Func<AuditEntry?, AuditEntry> next, CancellationToken token);

    /// <summary>Entries that match, the newest first.</summary>
    Task<IReadOnlyList<AuditEntry>> SearchAsync(AuditFilter filter, int max, CancellationToken token);

    /// <summary>Entries behind a number, the oldest first.</summary>
    Task<IReadOnlyList<AuditEntry>> ReadAsync(long after, int max, CancellationToken token);
}
