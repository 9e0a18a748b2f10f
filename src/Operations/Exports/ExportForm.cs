using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;

namespace Homeport.Operations.Exports;

/// <summary>Reads what callers write of exports, and says what is wrong with it.</summary>
internal static class ExportForm
{
    /// <summary>Seconds after which files are written, when a destination says nothing else; as in the service.</summary>
    public const int FileSeconds = 60;

    private const int MaxId = 255;
    private const int MaxName = 256;
    private const int MaxTargets = 5;
    private const int MaxEnrichments = 10;

    /// <summary>Reads an export that leads to destinations that there are. Transforms are not looked at.</summary>
    public static Outcome<DataExportDescription> Read(string id, DataExportDescription sent, DataExportDescription? present, IReadOnlyCollection<string> destinations)
    {
        if (CheckName(id, sent.Id, sent.DisplayName) is { } badName)
            return Bad(badName.Seen, badName.Fix);
        if (ExportSources.Find(sent.Source) is null)
            return Bad(sent.Source is null ? "it has no source" : $"'{Cut(sent.Source)}' is no source here", $"Use one of {string.Join(", ", ExportSources.Names)}.");
        if (present is not null && present.Source != sent.Source)
            return Bad($"its source is '{present.Source}' and cannot change", "Delete it and create another one.");
        if (sent.Filter is { } filter && ExportFilter.Parse(filter).Refusal is { } badFilter)
            return badFilter;
        if (sent.Enrichments is { Count: > MaxEnrichments })
            return Bad($"it has {sent.Enrichments.Count} enrichments", $"An export may have {MaxEnrichments}.");
        foreach (var (name, enrichment) in sent.Enrichments ?? new Dictionary<string, ExportEnrichmentDescription>())
        {
            if (ExportEnrichment.Check(name, enrichment) is { } wrong)
                return Bad(wrong.Seen, wrong.Fix);
        }
        if (!ReadTargets(sent.Destinations, destinations).Succeeded(out var targets, out var refusal))
            return refusal;
        return new DataExportDescription
        {
            Id = id,
            DisplayName = sent.DisplayName ?? present?.DisplayName ?? id,
            Enabled = sent.Enabled ?? true,
            Source = sent.Source,
            Filter = sent.Filter,
            Enrichments = sent.Enrichments is { Count: > 0 } ? sent.Enrichments : null,
            Destinations = targets,
        };
    }

    /// <summary>Null when ids and name can be used.</summary>
    public static (string Seen, string Fix)? CheckName(string id, string? own, string? displayName)
    {
        if (id.Length is 0 or > MaxId || !id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            return ($"an id has 1 to {MaxId} of A-Z, a-z, 0-9, '-' and '_', and '{Cut(id)}' does not", "Give it such an id.");
        if (own is not null && own != id)
            return ($"the body names '{Cut(own)}' and the address '{Cut(id)}'", "Leave the id of the body out.");
        return displayName is not null && (displayName.Length is 0 or > MaxName || displayName.Any(char.IsControl)) ? ("its displayName cannot be used", $"Send 1 to {MaxName} characters on one line.") : null;
    }

    /// <summary>Shortens a text that a caller sent.</summary>
    public static string Cut(string text) => text.Length <= 160 ? text : text[..160] + "…";

    /// <summary>Begins a sentence.</summary>
    public static string Upper(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private static Outcome<IReadOnlyList<ExportTargetDescription>> ReadTargets(IReadOnlyList<ExportTargetDescription>? sent, IReadOnlyCollection<string> destinations)
    {
        if (sent is not { Count: > 0 and <= MaxTargets })
            return Bad(sent is null or { Count: 0 } ? "it has no destination" : $"it has {sent.Count} destinations", $"Send 1 to {MaxTargets}: {{\"destinations\":[{{\"id\":\"...\"}}]}}.");
        var targets = new List<ExportTargetDescription>();
        foreach (var target in sent)
        {
            if (destinations.FirstOrDefault(d => string.Equals(d, target?.Id, StringComparison.OrdinalIgnoreCase)) is not { } id)
                return Bad($"it leads to '{Cut(target?.Id ?? "")}', which is not there", destinations.Count == 0 ? "Create that destination first." : $"Create that destination first; there are {string.Join(", ", destinations)}.");
            if (targets.Any(t => t.Id == id))
                return Bad($"it leads to '{id}' twice", "Name each destination once.");
            targets.Add(new ExportTargetDescription { Id = id, Transform = string.IsNullOrWhiteSpace(target!.Transform) ? null : target.Transform });
        }
        return targets;
    }

    private static Refusal Bad(string seen, string fix) => new(ExportErrors.InvalidExport, Upper(seen), fix);
}
