namespace Homeport.Provisioning.Enrollments;

/// <summary>Keeps the enrollments of one application. Ids are compared without case. Writes are durable when they return.</summary>
public interface IEnrollmentStore
{
    /// <summary>Finds one.</summary>
    Task<Enrollment?> FindAsync(EnrollmentKind kind, string id, CancellationToken token);

    /// <summary>Those behind <paramref name="after"/> (null: from the first), in the order of their lower-case ids.</summary>
    Task<IReadOnlyList<Enrollment>> ListAsync(EnrollmentKind kind, string? after, int max, CancellationToken token);

    /// <summary>Adds one, unless it is there or there are <paramref name="limit"/> of its kind.</summary>
    Task<InsertResult> InsertAsync(Enrollment enrollment, int limit, CancellationToken token);

    /// <summary>Replaces one that still has the ETag. False when it changed or went.</summary>
    Task<bool> ReplaceAsync(Enrollment enrollment, string etag, CancellationToken token);

    /// <summary>Deletes one that still has the ETag. False when it changed or went.</summary>
    Task<bool> DeleteAsync(EnrollmentKind kind, string id, string etag, CancellationToken token);
}

/// <summary>What came of an insertion.</summary>
public enum InsertResult
{
    Added,
    Exists,
    LimitReached,
}
