namespace Homeport.Contract.Errors;

/// <summary>Errors of device groups, of jobs over them, and of relationships between devices.</summary>
public static class FleetErrors
{
    public static readonly ServiceError InvalidFilter = new(nameof(InvalidFilter), 400120, "The filter of the device group cannot be read.");
    public static readonly ServiceError GroupNotFound = new(nameof(GroupNotFound), 404120, "There is no such device group.");
    public static readonly ServiceError TooManyGroups = new(nameof(TooManyGroups), 422120, "There are as many device groups as there may be.");
}
