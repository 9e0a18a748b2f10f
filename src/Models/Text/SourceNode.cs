using System.Globalization;

namespace Homeport.Models.Text;

/// <summary>Kind of a JSON value.</summary>
public enum SourceKind
{
    /// <summary>Null.</summary>
    Null,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A text.</summary>
    String,

    /// <summary>An array.</summary>
    Array,

    /// <summary>An object.</summary>
    Object,
}

/// <summary>A JSON value that knows where it stands.</summary>
public sealed class SourceNode
{
    internal SourceNode(SourceKind kind, int line, int column) => (Kind, Line, Column) = (kind, line, column);

    public SourceKind Kind { get; }

    /// <summary>Line of its first character, from 1.</summary>
    public int Line { get; }

    /// <summary>Place of its first character in the line, from 1.</summary>
    public int Column { get; }

    /// <summary>Bytes of the value in UTF-8.</summary>
    public int Length { get; internal set; }

    /// <summary>Name of the text, when that is not the one which was asked about.</summary>
    public string? Document { get; internal init; }

    /// <summary>Text of a string, digits of a number, <c>true</c> or <c>false</c>; empty for others.</summary>
    public string Value { get; internal init; } = "";

    /// <summary>Items of an array.</summary>
    public IReadOnlyList<SourceNode> Items { get; internal set; } = [];

    /// <summary>Members of an object in their order, each name once.</summary>
    public IReadOnlyList<SourceMember> Members { get; internal set; } = [];

    /// <summary>The text of a string, or null for other kinds.</summary>
    public string? AsText => Kind == SourceKind.String ? Value : null;

    /// <summary>The value of a number, or null for other kinds.</summary>
    public double? AsNumber => Kind == SourceKind.Number && double.TryParse(Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    /// <summary>A whole number of 4 bytes, or null.</summary>
    public int? AsInteger => Kind == SourceKind.Number && int.TryParse(Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>A truth value, or null.</summary>
    public bool? AsBoolean => Kind == SourceKind.Boolean ? Value == "true" : null;

    /// <summary>A member of an object, or null.</summary>
    public SourceNode? this[string name] => Members.FirstOrDefault(m => m.Name == name)?.Value;
}

/// <summary>A member of an object.</summary>
/// <param name="Name">Its name.</param>
/// <param name="NameNode">Where the name stands.</param>
/// <param name="Value">Its value.</param>
public sealed record SourceMember(string Name, SourceNode NameNode, SourceNode Value);
