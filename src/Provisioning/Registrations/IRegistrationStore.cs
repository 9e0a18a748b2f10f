namespace Homeport.Provisioning.Registrations;

/// <summary>Keeps the registration records of one application. Ids are compared without case. Writes are durable when they return.</summary>
public interface IRegistrationStore
{
    /// <summary>Finds one.</summary>
    Task<Registration?> FindAsync(string registrationId, CancellationToken token);

    /// <summary>Those of a group behind <paramref name="after"/> (null: from the first), in the order of their lower-case ids.</summary>
    Task<IReadOnlyList<Registration>> ListAsync(string enrollmentGroupId, string? after, int max, CancellationToken token);

    /// <summary>Those of the TPM whose endorsement key has this hash, in the order of their lower-case ids.</summary>
    Task<IReadOnlyList<Registration>> FindByEndorsementAsync(byte[] hash, int max, CancellationToken token);

    /// <summary>Those with identities that they left behind, behind <paramref name="after"/>, in the order of their lower-case ids.</summary>
    Task<IReadOnlyList<Registration>> ListLeftBehindAsync(string? after, int max, CancellationToken token);

    /// <summary>Adds one (no ETag), or replaces one that still has the ETag. False when it is there, changed or went.</summary>
    Task<bool> SaveAsync(Registration registration, string? etag, CancellationToken token);

    /// <summary>Deletes one that still has the ETag. False when it changed or went.</summary>
    Task<bool> DeleteAsync(string registrationId, string etag, CancellationToken token);
}
