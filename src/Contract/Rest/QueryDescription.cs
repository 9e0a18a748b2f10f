namespace Homeport.Contract.Rest;

/// <summary>A query to run. Source: IoT Hub data plane, <c>QuerySpecification</c>.</summary>
public sealed record QueryDescription(string? Query);
