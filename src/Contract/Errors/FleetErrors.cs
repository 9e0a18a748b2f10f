namespace Homeport.Contract.Errors;

/// <summary>Errors of device groups, of jobs over them, and of relationships between devices.</summary>
public static class FleetErrors
{
    public static readonly ServiceError InvalidFilter = new(nameof(InvalidFilter), 400120, "The filter of the device group cannot be read.");
    public static readonly ServiceError GroupNotFound = new(nameof(GroupNotFound), 404120, "There is no such device group.");
    public static readonly ServiceError JobNotFound = new(nameof(JobNotFound), 404121, "There is no such job.");
    public static readonly ServiceError RelationshipNotFound = new(nameof(RelationshipNotFound), 404122, "There is no such relationship.");
    public static readonly ServiceError RelationshipNotPossible = new(nameof(RelationshipNotPossible), 422123, "The devices cannot have this relationship.");
    public static readonly ServiceError JobExists = new(nameof(JobExists), 409120, "The job exists already.");
    public static readonly ServiceError JobState = new(nameof(JobState), 409121, "The state of the job does not allow this.");
    public static readonly ServiceError JobTargetMissing = new(nameof(JobTargetMissing), 422121, "The job asks for something that is not there.");
    public static readonly ServiceError TooManyJobs = new(nameof(TooManyJobs), 422122, "There are as many jobs as there may be.");
    public static readonly ServiceError CommandFailed = new(nameof(CommandFailed), 424120, "The device answered the command with an error.");
    public static readonly ServiceError TooManyGroups = new(nameof(TooManyGroups), 422120, "There are as many device groups as there may be.");
}
