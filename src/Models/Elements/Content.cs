namespace Homeport.Models.Elements;

/// <summary>Something that an interface has.</summary>
/// <param name="Name">Its name on the wire.</param>
public abstract record Content(string Name)
{
    /// <summary>To show, or null.</summary>
    public LocalText? DisplayName { get; init; }

    /// <summary>More about it, or null.</summary>
    public LocalText? Description { get; init; }

    /// <summary>Types beside its own, such as <c>Temperature</c> or <c>Cloud</c>.</summary>
    public IReadOnlyList<string> CoTypes { get; init; } = [];

    /// <summary>The interface that says so.</summary>
    public string DefinedBy { get; init; } = "";

    /// <summary>What to call it.</summary>
    public string Title => DisplayName?.Text ?? Name;

    /// <summary>Name of the kind, such as <c>Telemetry</c>.</summary>
    public abstract string Kind { get; }
}

/// <summary>How a value is shown. IoT Central's additions to DTDL.</summary>
public sealed record Display
{
    /// <summary>Unit, or null.</summary>
    public string? Unit { get; init; }

    public double? Min { get; init; }

    public double? Max { get; init; }

    /// <summary>Digits behind the point, or null.</summary>
    public int? Decimals { get; init; }
}

/// <summary>What a device sends.</summary>
public sealed record Telemetry(string Name, Schema Schema) : Content(Name)
{
    /// <inheritdoc/>
    public override string Kind => "Telemetry";

    public Display Display { get; init; } = new();
}

/// <summary>State of a device; or, with the type <c>Cloud</c>, of what is known of it here only.</summary>
public sealed record Property(string Name, Schema Schema, bool Writable) : Content(Name)
{
    /// <inheritdoc/>
    public override string Kind => "Property";

    public Display Display { get; init; } = new();

    /// <summary>The device does not know of it.</summary>
    public bool IsCloud => CoTypes.Contains("Cloud", StringComparer.Ordinal);
}

/// <summary>What a device can be told to do.</summary>
public sealed record Command(string Name, Payload? Request, Payload? Response) : Content(Name)
{
    /// <inheritdoc/>
    public override string Kind => "Command";

    /// <summary>Waits for the device in its queue when it is not connected. IoT Central's addition.</summary>
    public bool Durable { get; init; }
}

/// <summary>Input or output of a command.</summary>
public sealed record Payload(string Name, LocalText? DisplayName, Schema Schema)
{
    /// <summary>What to call it.</summary>
    public string Title => DisplayName?.Text ?? Name;
}

/// <summary>An interface inside another.</summary>
/// <param name="Name">Its name on the wire.</param>
/// <param name="InterfaceId">Which interface.</param>
public sealed record Component(string Name, string InterfaceId) : Content(Name)
{
    /// <inheritdoc/>
    public override string Kind => "Component";
}

/// <summary>A link to other devices: its name is one that relationships of the device may have.</summary>
public sealed record Relationship(string Name, string? Target) : Content(Name)
{
    /// <inheritdoc/>
    public override string Kind => "Relationship";
}
