namespace Homeport.Contract.Rest;

/// <summary>The list of endorsement keys of a TPM group, a page of it. Homeport's own.</summary>
public sealed record EndorsementListDescription(long Count, IReadOnlyList<EndorsementDescription> Keys);

/// <summary>An endorsement key of a list.</summary>
/// <param name="Hash">SHA-256 of its modulus, hex.</param>
/// <param name="RegistrationId">The one registration id that its TPM may use; absent for any.</param>
public sealed record EndorsementDescription(string Hash, string? RegistrationId);

/// <summary>A line of the answer to an import: how far it is. The last one has <see cref="Done"/> or <see cref="Failure"/>.</summary>
public sealed record EndorsementImportDescription
{
    public long Rows { get; init; }
    public long Added { get; init; }
    public long Known { get; init; }
    public long InOtherGroup { get; init; }
    public long OverLimit { get; init; }
    public long Invalid { get; init; }
    public IReadOnlyList<string>? Errors { get; init; }
    public bool Done { get; init; }
    /// <summary>Why it ended before the end of the text.</summary>
    public string? Failure { get; init; }
}

/// <summary>A revocation list of a CA. Homeport's own.</summary>
public sealed record RevocationListDescription(ServiceTime ThisUpdate, ServiceTime? NextUpdate, int Revoked);
