namespace Homeport.Models.Elements;

/// <summary>An interface with all that it needs.</summary>
/// <param name="Root">What a device implements.</param>
/// <param name="Interfaces">All interfaces by id, those of components included.</param>
public sealed record Model(Interface Root, IReadOnlyDictionary<string, Interface> Interfaces)
{
    /// <summary>The components of the root with their interfaces.</summary>
    public IEnumerable<(Component Component, Interface Interface)> Components
        => Root.Contents.OfType<Component>().Where(c => Interfaces.ContainsKey(c.InterfaceId)).Select(c => (c, Interfaces[c.InterfaceId]));

    /// <summary>Contents of the root, or of one of its components; none when there is no such component.</summary>
    public IReadOnlyList<Content> ContentsOf(string? component)
        => component is null
            ? Root.Contents
            : Root.Contents.OfType<Component>().FirstOrDefault(c => c.Name == component) is { } found && Interfaces.TryGetValue(found.InterfaceId, out var inside) ? inside.Contents : [];

    /// <summary>Finds a content by component and name.</summary>
    public T? Find<T>(string? component, string name)
        where T : Content => ContentsOf(component).OfType<T>().FirstOrDefault(c => c.Name == name);
}
