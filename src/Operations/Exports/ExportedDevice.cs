using System.Text.Json;
using Homeport.Hub.Query;
using Homeport.Hub.Twins;
using Homeport.Models.Elements;
using Homeport.Provisioning.Lifecycle;

namespace Homeport.Operations.Exports;

/// <summary>A device as its messages are exported: as it is when that happens.</summary>
/// <param name="Facts">What operators know of it.</param>
/// <param name="TemplateName">Name of its template, or null.</param>
/// <param name="Model">Of its template, or null.</param>
/// <param name="Twin">Or null when it is in no hub of this server.</param>
public sealed record ExportedDevice(DeviceFacts Facts, string? TemplateName, Model? Model, Twin? Twin)
{
    private TwinRow? _row;

    /// <summary>Its twin for conditions, or null.</summary>
    internal TwinRow? Row => _row ??= Twin is null ? null : new TwinRow
    {
        DeviceId = Twin.DeviceId,
        Tags = Twin.Tags,
        Desired = Twin.Desired.Properties,
        Reported = Twin.Reported.Properties,
    };

    /// <summary>Components that are the interface; with null when it is the device's template, or an interface of the device itself.</summary>
    internal IEnumerable<string?> PlacesOf(string interfaceOrTemplate)
    {
        if (Facts.Template == interfaceOrTemplate || (Model is not null && IsA(Model.Root, interfaceOrTemplate)))
            yield return null;
        foreach (var (component, inside) in Model?.Components ?? [])
        {
            if (IsA(inside, interfaceOrTemplate))
                yield return component.Name;
        }
    }

    /// <summary>A property by its name: a cloud property, else what the device reports, else what is wanted of it; null when there is none.</summary>
    internal JsonElement? Property(string? component, string name)
    {
        if (Twin is null)
            return null;
        if (component is null && TwinValues.Cloud(Twin.Tags).FirstOrDefault(v => v.Name == name) is { } cloud)
            return cloud.Value;
        return (TwinValues.Of(Twin.Reported.Properties).FirstOrDefault(Fits) ?? TwinValues.Of(Twin.Desired.Properties).FirstOrDefault(Fits))?.Value;

        bool Fits(ExportedValue value) => value.Name == name && value.Component == component;
    }

    private bool IsA(Interface inside, string id)
        => inside.Id.ToString() == id || inside.Extends.Any(parent => parent == id || (Model!.Interfaces.TryGetValue(parent, out var found) && IsA(found, id)));
}

/// <summary>A value with its name.</summary>
/// <param name="Component">Component that has it, or null for the device itself.</param>
/// <param name="Name">On the wire.</param>
/// <param name="Value">JSON.</param>
internal sealed record ExportedValue(string? Component, string Name, JsonElement Value);

/// <summary>Reads values by their names from sections of twins.</summary>
internal static class TwinValues
{
    /// <summary>Properties of a section, those of components too; of an answer to what was wanted its value.</summary>
    public static IEnumerable<ExportedValue> Of(ReadOnlyMemory<byte> section)
    {
        using var document = JsonDocument.Parse(section);
        return [.. Of(document.RootElement.Clone())];
    }

    /// <summary>The same, of an element.</summary>
    public static IEnumerable<ExportedValue> Of(JsonElement section)
    {
        foreach (var member in section.EnumerateObject().Where(m => !m.Name.StartsWith('$')))
        {
            if (member.Value.ValueKind == JsonValueKind.Object && member.Value.TryGetProperty("__t", out var mark) && mark.ValueKind == JsonValueKind.String && mark.GetString() == "c")
            {
                foreach (var inside in member.Value.EnumerateObject().Where(m => m.Name != "__t" && !m.Name.StartsWith('$')))
                    yield return new ExportedValue(member.Name, inside.Name, Plain(inside.Value));
            }
            else
            {
                yield return new ExportedValue(null, member.Name, Plain(member.Value));
            }
        }
    }

    /// <summary>Cloud properties: the tags below <c>cloud</c>.</summary>
    public static IEnumerable<ExportedValue> Cloud(ReadOnlyMemory<byte> tags)
    {
        using var document = JsonDocument.Parse(tags);
        return [.. Cloud(document.RootElement.Clone())];
    }

    /// <summary>The same, of an element.</summary>
    public static IEnumerable<ExportedValue> Cloud(JsonElement tags)
        => tags.TryGetProperty("cloud", out var cloud) && cloud.ValueKind == JsonValueKind.Object ? cloud.EnumerateObject().Select(m => new ExportedValue(null, m.Name, m.Value)) : [];

    private static JsonElement Plain(JsonElement value)
        => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("ac", out _) && value.TryGetProperty("value", out var inside) ? inside : value;
}
