namespace Homeport.Hub.Methods;

/// <summary>A direct method on its way to a device.</summary>
/// <param name="Id">The device answers with it; unique in the hub.</param>
/// <param name="Name">Name of the method, without slashes.</param>
/// <param name="Payload">JSON text in UTF-8; empty when the caller gave none.</param>
public sealed record MethodRequest(string Id, string Name, ReadOnlyMemory<byte> Payload);
