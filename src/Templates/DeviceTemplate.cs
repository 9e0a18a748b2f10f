using System.Globalization;

namespace Homeport.Templates;

/// <summary>
/// What a kind of device sends, has and can do, and how that is shown. A draft is edited; what is published is what devices follow and
/// does not change for them any more: a change is a new version, to which devices are migrated.
/// </summary>
public sealed record DeviceTemplate
{
    /// <summary>Its id, such as <c>dtmi:modelDefinition:acme:pump;1</c>; not that of its model.</summary>
    public required string Id { get; init; }

    /// <summary>Id of the model: what devices name when they register and connect.</summary>
    public required string ModelId { get; init; }

    public required string DisplayName { get; init; }

    public string? Description { get; init; }

    /// <summary>JSON as it is edited; null when it is what is published.</summary>
    public string? Draft { get; init; }

    /// <summary>JSON that devices follow; null before it is published for the first time.</summary>
    public string? Published { get; init; }

    public DateTimeOffset? PublishedTime { get; init; }

    public required DateTimeOffset Changed { get; init; }

    /// <summary>One more with each change.</summary>
    public long Version { get; init; } = 1;

    /// <summary>The JSON as it stands: the draft, or what is published.</summary>
    public string Text => Draft ?? Published!;

    /// <summary>Entity tag for conditional changes.</summary>
    public string ETag => string.Create(CultureInfo.InvariantCulture, $"~{Version}");

    public bool IsPublished => Published is not null;
}

/// <summary>Who chose a device's template.</summary>
public enum AssignedBy
{
    /// <summary>Nobody yet: the device has none.</summary>
    Nobody = 0,

    /// <summary>Somebody, for example at import or by migration.</summary>
    Operator = 1,

    /// <summary>The device named a model that a published template has.</summary>
    Model = 2,

    /// <summary>The device named a model of the repository, from which the template was made.</summary>
    Repository = 3,
}

/// <summary>Which template a device follows.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="TemplateId">Its template, or null: then it is unassociated.</param>
/// <param name="ModelId">The model that the device named last, or null.</param>
/// <param name="By">Who chose.</param>
/// <param name="Time">When.</param>
public sealed record TemplateAssignment(string DeviceId, string? TemplateId, string? ModelId, AssignedBy By, DateTimeOffset Time);
