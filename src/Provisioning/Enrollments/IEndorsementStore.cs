namespace Homeport.Provisioning.Enrollments;

/// <summary>
/// Keeps the endorsement keys that the lists of TPM groups name, by the SHA-256 of their modulus. A key is in one group at most. Group ids
/// are compared without case. Writes are durable when they return.
/// </summary>
public interface IEndorsementStore
{
    /// <summary>Finds a key.</summary>
    Task<ListedEndorsement?> FindAsync(byte[] hash, CancellationToken token);

    /// <summary>Adds keys to a group, at most <paramref name="limit"/> in all. A key of the same group gets the new registration id.</summary>
    Task<EndorsementsAdded> AddAsync(string groupId, IReadOnlyList<ListedEndorsement> keys, int limit, CancellationToken token);

    /// <summary>Keys of a group behind <paramref name="after"/> (null: from the first), in the order of their hashes.</summary>
    Task<IReadOnlyList<ListedEndorsement>> ListAsync(string groupId, byte[]? after, int max, CancellationToken token);

    /// <summary>How many keys a group has.</summary>
    Task<long> CountAsync(string groupId, CancellationToken token);

    /// <summary>Removes a key from a group. False when it is not there.</summary>
    Task<bool> DeleteAsync(string groupId, byte[] hash, CancellationToken token);

    /// <summary>Removes up to <paramref name="max"/> keys of a group. Gives how many there were.</summary>
    Task<int> DeleteSomeAsync(string groupId, int max, CancellationToken token);
}

/// <summary>An endorsement key of a group's list.</summary>
/// <param name="Hash">SHA-256 of its modulus.</param>
/// <param name="GroupId">The group.</param>
/// <param name="RegistrationId">The one registration id that its TPM may use; null for any.</param>
public sealed record ListedEndorsement(byte[] Hash, string GroupId, string? RegistrationId);

/// <summary>What came of adding keys.</summary>
/// <param name="Added">New ones.</param>
/// <param name="Known">Those that the group had.</param>
/// <param name="InOtherGroup">Those that another group has; they stay there.</param>
/// <param name="OverLimit">Those for which there was no room.</param>
public sealed record EndorsementsAdded(int Added, int Known, int InOtherGroup, int OverLimit);
