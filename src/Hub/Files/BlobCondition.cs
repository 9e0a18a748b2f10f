using Homeport.Contract.Errors;

namespace Homeport.Hub.Files;

/// <summary>What has to hold of a blob before it is written or deleted.</summary>
/// <param name="IfMatch">An ETag or <c>*</c>, or null.</param>
/// <param name="IfNoneMatch">An ETag or <c>*</c>, or null.</param>
/// <param name="OnlyNew">The sender may create blobs and may not replace them.</param>
public sealed record BlobCondition(string? IfMatch = null, string? IfNoneMatch = null, bool OnlyNew = false)
{
    /// <summary>Always holds.</summary>
    public static readonly BlobCondition None = new();

    /// <summary>Null when the condition holds.</summary>
    public Refusal? Check(BlobProperties? current)
    {
        if (OnlyNew && current is not null)
            return new Refusal(BlobErrors.AuthorizationPermissionMismatch, "The signature permits to create and the blob exists", "Use a signature with the permission w.");
        if (IfMatch is not null && (current is null || !Matches(IfMatch, current)))
            return new Refusal(BlobErrors.ConditionNotMet, "If-Match names another ETag than the blob has", "Read the blob again.");
        if (IfNoneMatch is null || current is null || !Matches(IfNoneMatch, current))
            return null;
        return IfNoneMatch.Trim() == "*"
            ? new Refusal(BlobErrors.BlobAlreadyExists, "If-None-Match is * and the blob exists", "Leave the header out to replace the blob.")
            : new Refusal(BlobErrors.ConditionNotMet, "If-None-Match names the ETag that the blob has", "The blob is unchanged.");
    }

    private static bool Matches(string header, BlobProperties blob)
        => header.Trim() == "*" || string.Equals(header.Trim().Trim('"'), blob.ETag, StringComparison.Ordinal);
}
