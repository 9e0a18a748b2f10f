using Homeport.People.Access;

namespace Homeport.People.Audit;

/// <summary>What came of an audited action.</summary>
public enum AuditResult
{
    /// <summary>Done.</summary>
    Done,

    /// <summary>Refused, for example for want of a permission or because of a wrong password.</summary>
    Refused,
}

/// <summary>What somebody did, to what.</summary>
/// <param name="Name">The verb, such as <c>block</c> or <c>signIn</c>.</param>
/// <param name="EntityType">Kind of thing, such as <c>device</c>.</param>
/// <param name="EntityId">Which one.</param>
public sealed record AuditAction(string Name, string EntityType, string EntityId)
{
    /// <summary>What came of it.</summary>
    public AuditResult Result { get; init; }

    /// <summary>More about it, for people. Never a secret.</summary>
    public string? Detail { get; init; }
}

/// <summary>An entry of the audit log.</summary>
public sealed record AuditEntry
{
    /// <summary>Place in the log, from 1, without gaps.</summary>
    public required long Number { get; init; }

    /// <summary>When, in whole milliseconds.</summary>
    public required DateTimeOffset Time { get; init; }

    public required ActorKind ActorKind { get; init; }

    public required string ActorId { get; init; }

    public required string ActorName { get; init; }

    public string? Address { get; init; }

    public required string Action { get; init; }

    public required string EntityType { get; init; }

    public required string EntityId { get; init; }

    public required AuditResult Result { get; init; }

    public string? Detail { get; init; }

    /// <summary>Hash of the entry before it; zeros for the first.</summary>
    public required byte[] PreviousHash { get; init; }

    /// <summary>HMAC-SHA-256 over the members above in their order, see <see cref="AuditChain"/>.</summary>
    public required byte[] Hash { get; init; }
}

/// <summary>Which entries are looked for.</summary>
public sealed record AuditFilter
{
    /// <summary>Only entries before this number: the next page.</summary>
    public long? Before { get; init; }

    public DateTimeOffset? From { get; init; }

    public DateTimeOffset? To { get; init; }

    /// <summary>Id of an actor.</summary>
    public string? ActorId { get; init; }

    public string? Action { get; init; }

    public string? EntityType { get; init; }

    /// <summary>A part of actor, action, entity or detail, in any case.</summary>
    public string? Text { get; init; }
}
