namespace Homeport.Models.Elements;

/// <summary>Form of a value.</summary>
public abstract record Schema
{
    /// <summary>Complex schemas inside each other, this one included; 0 for a standard one.</summary>
    public int Depth { get; internal init; }

    /// <summary>Elements when every reference is followed; at most <see cref="int.MaxValue"/>.</summary>
    public int Size { get; internal init; } = 1;

    /// <summary>An array is somewhere in it.</summary>
    public bool HasArray { get; internal init; }

    /// <summary>Name of the kind, such as <c>double</c> or <c>Object</c>.</summary>
    public abstract string Kind { get; }
}

/// <summary>One of the schemas that the language, or IoT Central's extension of it, brings along.</summary>
/// <param name="Name">Such as <c>double</c>, <c>dateTime</c>, <c>point</c> or <c>geopoint</c>.</param>
public sealed record StandardSchema(string Name) : Schema
{
    private static readonly HashSet<string> Primitives = new(StringComparer.Ordinal)
    {
        "boolean", "date", "dateTime", "double", "duration", "float", "integer", "long", "string", "time",
    };

    private static readonly HashSet<string> Geospatial = new(StringComparer.Ordinal) { "lineString", "multiLineString", "multiPoint", "multiPolygon", "point", "polygon" };

    private static readonly HashSet<string> Central = new(StringComparer.Ordinal) { "geopoint", "vector" };

    /// <inheritdoc/>
    public override string Kind => Name;

    /// <summary>A number.</summary>
    public bool IsNumeric => Name is "double" or "float" or "integer" or "long";

    /// <summary>A form of GeoJSON (RFC 7946).</summary>
    public bool IsGeospatial => Geospatial.Contains(Name);

    /// <summary>Finds one by its name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="withCentral">IoT Central's extension is in use.</param>
    internal static StandardSchema? Find(string name, bool withCentral)
        => Primitives.Contains(name) || (withCentral && Central.Contains(name)) ? new StandardSchema(name)
            : Geospatial.Contains(name) ? new StandardSchema(name) { HasArray = true }
            : null;
}

/// <summary>Values of one form in their order.</summary>
public sealed record ArraySchema(Schema Element) : Schema
{
    /// <inheritdoc/>
    public override string Kind => "Array";
}

/// <summary>Values of one form by name.</summary>
public sealed record MapSchema(string KeyName, string ValueName, Schema Value) : Schema
{
    /// <inheritdoc/>
    public override string Kind => "Map";
}

/// <summary>Named values.</summary>
public sealed record ObjectSchema(IReadOnlyList<Field> Fields) : Schema
{
    /// <inheritdoc/>
    public override string Kind => "Object";
}

/// <summary>One of several values.</summary>
/// <param name="IsText">The values are texts; else they are integers.</param>
/// <param name="Values">What may be.</param>
public sealed record EnumSchema(bool IsText, IReadOnlyList<EnumValue> Values) : Schema
{
    /// <inheritdoc/>
    public override string Kind => "Enum";
}

/// <summary>A field of an object.</summary>
public sealed record Field(string Name, LocalText? DisplayName, Schema Schema)
{
    /// <summary>Unit of a number, or null.</summary>
    public string? Unit { get; init; }

    /// <summary>What to call it.</summary>
    public string Title => DisplayName?.Text ?? Name;
}

/// <summary>One value of an enumeration.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DisplayName">To show, or null.</param>
/// <param name="Value">On the wire; integers as digits.</param>
public sealed record EnumValue(string Name, LocalText? DisplayName, string Value)
{
    /// <summary>What to call it.</summary>
    public string Title => DisplayName?.Text ?? Name;
}
