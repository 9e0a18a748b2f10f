namespace Homeport.Contract.Rest;

/// <summary>Devices to allow or to block.</summary>
/// <param name="DeviceIds">Their ids; or null with a condition.</param>
/// <param name="Condition">What may follow WHERE in a query over devices; or null with ids.</param>
/// <param name="Reason">Goes to the devices' statusReason.</param>
public sealed record AdmissionDescription(IReadOnlyList<string>? DeviceIds, string? Condition, string? Reason);

/// <summary>What became of it.</summary>
/// <param name="Count">Devices that are now as asked for.</param>
/// <param name="Errors">Devices that could not be changed, up to 100 of them.</param>
/// <param name="MoreErrors">Further ones.</param>
public sealed record AdmissionAnswer(int Count, IReadOnlyList<BulkError> Errors, int MoreErrors);
