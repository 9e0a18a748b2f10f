using System.Text;

namespace Homeport.Hub.Query;

/// <summary>One step of a path: into a member of an object, or to an element of an array.</summary>
public sealed class PathStep
{
    internal PathStep(string name)
    {
        Name = name;
        Utf8 = Encoding.UTF8.GetBytes(name);
    }

    internal PathStep(int index) => Index = index;

    /// <summary>Name of the member, case-sensitive; null for an array element.</summary>
    public string? Name { get; }

    /// <summary>The name in UTF-8.</summary>
    public ReadOnlyMemory<byte> Utf8 { get; }

    /// <summary>Index of the array element, from 0.</summary>
    public int Index { get; }
}

/// <summary>Part of a twin in which a path begins.</summary>
public enum QuerySection
{
    /// <summary>A member of the twin beside tags and properties: <see cref="QueryPath.Field"/> says which.</summary>
    Field,
    /// <summary><c>tags</c> and all below.</summary>
    Tags,
    /// <summary><c>properties</c> as a whole.</summary>
    Properties,
    /// <summary><c>properties.desired</c> and all below.</summary>
    Desired,
    /// <summary><c>properties.reported</c> and all below.</summary>
    Reported,
}

/// <summary>Members of a twin beside tags and properties. Their names match in any case, as in the service's own examples.</summary>
public enum QueryField
{
    /// <summary>A name that twins do not have.</summary>
    Other,
    DeviceId,
    ModuleId,
    ETag,
    DeviceETag,
    Version,
    Status,
    StatusReason,
    StatusUpdateTime,
    ConnectionState,
    ConnectionStateUpdatedTime,
    LastActivityTime,
    CloudToDeviceMessageCount,
    AuthenticationType,
    X509Thumbprint,
    ModelId,
    DeviceScope,
    ParentScopes,
    Capabilities,
    Configurations,
}

/// <summary>Where a value is in a row, for example <c>properties.reported.telemetry.interval</c>.</summary>
public sealed class QueryPath : IEquatable<QueryPath>
{
    private static readonly Dictionary<string, QueryField> Fields =
        Enum.GetValues<QueryField>().Where(f => f != QueryField.Other).ToDictionary(f => f.ToString(), StringComparer.OrdinalIgnoreCase);

    internal QueryPath(IReadOnlyList<PathStep> steps)
    {
        Steps = steps;
        Text = Write(steps);
        Field = Fields.GetValueOrDefault(steps[0].Name ?? "");
        (Section, Start) = (steps[0].Name, steps.Count > 1 ? steps[1].Name : null) switch
        {
            ("tags", _) => (QuerySection.Tags, 1),
            ("properties", "desired") => (QuerySection.Desired, 2),
            ("properties", "reported") => (QuerySection.Reported, 2),
            ("properties", null) when steps.Count == 1 => (QuerySection.Properties, 1),
            _ => (QuerySection.Field, 1),
        };
    }

    /// <summary>At least one; the prefix of the collection or its alias is gone.</summary>
    public IReadOnlyList<PathStep> Steps { get; }

    public QuerySection Section { get; }

    /// <summary>Which member, when <see cref="Section"/> is <see cref="QuerySection.Field"/>.</summary>
    public QueryField Field { get; }

    /// <summary>The first step inside of the section.</summary>
    public int Start { get; }

    /// <summary>The path as a query writes it; equal paths have equal texts.</summary>
    public string Text { get; }

    /// <summary>Name of the last step, or null for an array element.</summary>
    public string? LastName => Steps[^1].Name;

    public bool Equals(QueryPath? other) => other is not null && (Section == QuerySection.Field && Field != QueryField.Other && Steps.Count == 1
        ? other.Steps.Count == 1 && other.Field == Field
        : Text == other.Text);

    public override bool Equals(object? obj) => Equals(obj as QueryPath);

    public override int GetHashCode() => Steps.Count == 1 && Field != QueryField.Other ? (int)Field : Text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;

    /// <summary>Names that need it are in double brackets, so that two different paths never have one text.</summary>
    private static string Write(IReadOnlyList<PathStep> steps)
    {
        var text = new StringBuilder();
        foreach (var step in steps)
        {
            if (step.Name is null)
            {
                text.Append('[').Append(step.Index).Append(']');
                continue;
            }
            if (text.Length > 0)
                text.Append('.');
            text.Append(step.Name.Length > 0 && step.Name.All(Lexer.IsNamePart) ? step.Name : $"[[{step.Name}]]");
        }
        return text.ToString();
    }
}
