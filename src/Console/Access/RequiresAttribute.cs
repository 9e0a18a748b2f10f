using Homeport.People.Access;

namespace Homeport.WebConsole.Access;

/// <summary>The permission that a page needs. A page without one is shown to nobody.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RequiresAttribute(Permission permission) : Attribute
{
    public Permission Permission { get; } = permission;
}
