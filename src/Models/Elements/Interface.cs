namespace Homeport.Models.Elements;

/// <summary>What a device, or a component of one, sends, has and can do.</summary>
public sealed record Interface(Dtmi Id)
{
    /// <summary>To show, or null.</summary>
    public LocalText? DisplayName { get; init; }

    /// <summary>More about it, or null.</summary>
    public LocalText? Description { get; init; }

    /// <summary>Version of DTDL that it is written in.</summary>
    public int Language { get; init; }

    /// <summary>Ids of the interfaces that it extends directly.</summary>
    public IReadOnlyList<string> Extends { get; init; } = [];

    /// <summary>All it has: its own, in their order, behind those of the interfaces that it extends.</summary>
    public IReadOnlyList<Content> Contents { get; init; } = [];

    /// <summary>What to call it.</summary>
    public string Title => DisplayName?.Text ?? Id.Path.Split(':')[^1];
}
