using Homeport.People.Access;

namespace Homeport.WebConsole.Access;

/// <summary>The permission that a page needs. A page without one is shown to nobody.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RequiresAttribute(Permission permission) : Attribute
{
    public Permission Permission { get; } = permission;

    /// <summary>
    /// The page shows devices within the reach of the person only (<see cref="Me.DevicesAsync"/>), or nothing that belongs to an organization.
    /// Other pages are not for those whose role counts in an organization.
    /// </summary>
    public bool ForOrganizations { get; init; }
}
