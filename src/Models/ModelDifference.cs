using Homeport.Models.Elements;

namespace Homeport.Models;

/// <summary>How much a change of a model matters.</summary>
public enum ChangeKind
{
    /// <summary>Devices do not see it: names to show, cloud properties, units and bounds.</summary>
    Presentation,

    /// <summary>Something new; devices and programs that do not know it go on.</summary>
    Addition,

    /// <summary>Something is gone or has another form: what relies on it fails.</summary>
    Breaking,
}

/// <summary>One difference between two models.</summary>
/// <param name="Kind">How much it matters.</param>
/// <param name="Path">Name of the content, with its component in front.</param>
/// <param name="Text">What differs, in words.</param>
public sealed record ModelChange(ChangeKind Kind, string Path, string Text);

/// <summary>Compares models by what devices and operators see of them.</summary>
public static class ModelDifference
{
    /// <summary>What changes from one model to another, what matters most first.</summary>
    public static IReadOnlyList<ModelChange> Between(Model before, Model after)
    {
        var changes = new List<ModelChange>();
        var (old, wanted) = (Flatten(before), Flatten(after));
        foreach (var (path, content) in old)
        {
            if (wanted.TryGetValue(path, out var other))
                Compare(path, content, other, changes);
            else
                changes.Add(new ModelChange(content is Property { IsCloud: true } ? ChangeKind.Presentation : ChangeKind.Breaking, path, $"{content.Kind} is gone"));
        }
        foreach (var (path, content) in wanted.Where(w => !old.ContainsKey(w.Key)))
            changes.Add(new ModelChange(content is Property { IsCloud: true } ? ChangeKind.Presentation : ChangeKind.Addition, path, $"{content.Kind} is new"));
        return [.. changes.OrderByDescending(c => c.Kind).ThenBy(c => c.Path, StringComparer.Ordinal)];
    }

    private static Dictionary<string, Content> Flatten(Model model)
    {
        var all = model.Root.Contents.ToDictionary(c => c.Name, StringComparer.Ordinal);
        foreach (var (component, inside) in model.Components)
        {
            foreach (var content in inside.Contents)
                all[$"{component.Name}.{content.Name}"] = content;
        }
        return all;
    }

    private static void Compare(string path, Content before, Content after, List<ModelChange> changes)
    {
        if (before.Kind != after.Kind)
        {
            changes.Add(new ModelChange(ChangeKind.Breaking, path, $"{before.Kind} becomes {after.Kind}"));
            return;
        }
        var breaking = (before, after) switch
        {
            (Telemetry a, Telemetry b) => SchemaChange(a.Schema, b.Schema),
            (Property a, Property b) => PropertyChange(a, b),
            (Command a, Command b) => PayloadChange("request", a.Request, b.Request) ?? PayloadChange("response", a.Response, b.Response),
            _ => null,
        };
        if (breaking is not null)
            changes.Add(new ModelChange(ChangeKind.Breaking, path, breaking));
        else if (before is Property { Writable: false } && after is Property { Writable: true })
            changes.Add(new ModelChange(ChangeKind.Addition, path, "can be written now"));
        else if (before.Title != after.Title || DisplayOf(before) != DisplayOf(after) || !SameTexts(before, after))
            changes.Add(new ModelChange(ChangeKind.Presentation, path, before.Title == after.Title ? "is shown differently" : $"is shown as '{after.Title}', not '{before.Title}'"));
    }

    private static bool SameTexts(Content before, Content after) => before.Description?.Text == after.Description?.Text && before.CoTypes.SequenceEqual(after.CoTypes, StringComparer.Ordinal);

    private static Display? DisplayOf(Content content) => content switch
    {
        Telemetry telemetry => telemetry.Display,
        Property property => property.Display,
        _ => null,
    };

    private static string? PropertyChange(Property before, Property after)
    {
        if (before.IsCloud != after.IsCloud)
            return after.IsCloud ? "is not of the device any more" : "is of the device now";
        return before.Writable && !after.Writable ? "cannot be written any more" : SchemaChange(before.Schema, after.Schema);
    }

    private static string? PayloadChange(string name, Payload? before, Payload? after)
    {
        if (before is null || after is null)
            return before is null && after is null ? null : before is null ? $"has a {name} now" : $"has no {name} any more";
        return SchemaChange(before.Schema, after.Schema) is { } change ? $"{name} {change}" : null;
    }

    /// <summary>Null when all values of the one form have the other form as well, and the other way round.</summary>
    private static string? SchemaChange(Schema before, Schema after)
    {
        if (Same(before, after))
            return null;
        return before.Kind == after.Kind ? $"has another {after.Kind}" : $"is {after.Kind}, not {before.Kind}";
    }

    private static bool Same(Schema before, Schema after) => (before, after) switch
    {
        _ when ReferenceEquals(before, after) => true,
        (StandardSchema a, StandardSchema b) => a.Name == b.Name,
        (ArraySchema a, ArraySchema b) => Same(a.Element, b.Element),
        (MapSchema a, MapSchema b) => Same(a.Value, b.Value),
        (ObjectSchema a, ObjectSchema b) => a.Size == b.Size && a.Fields.Count == b.Fields.Count
            && a.Fields.All(f => b.Fields.FirstOrDefault(g => g.Name == f.Name) is { } other && Same(f.Schema, other.Schema)),
        (EnumSchema a, EnumSchema b) => a.IsText == b.IsText && a.Values.Select(v => v.Value).Order(StringComparer.Ordinal).SequenceEqual(b.Values.Select(v => v.Value).Order(StringComparer.Ordinal), StringComparer.Ordinal),
        _ => false,
    };
}
