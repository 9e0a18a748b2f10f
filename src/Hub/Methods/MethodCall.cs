namespace Homeport.Hub.Methods;

/// <summary>A direct method as a service calls it. Source: Azure "Understand and invoke direct methods".</summary>
/// <param name="Name">1 to 128 characters that may stand in a topic.</param>
/// <param name="Payload">JSON in UTF-8, at most 128 KB; empty for none.</param>
/// <param name="ResponseTimeout">How long the device may take, 5 to 300 seconds.</param>
/// <param name="ConnectTimeout">How long to wait for a device that is offline, 0 to 300 seconds.</param>
public sealed record MethodCall(string Name, ReadOnlyMemory<byte> Payload, TimeSpan ResponseTimeout, TimeSpan ConnectTimeout);

/// <summary>What the device answered.</summary>
/// <param name="Status">The application's own number.</param>
/// <param name="Payload">JSON in UTF-8; empty for none.</param>
public sealed record MethodResult(int Status, ReadOnlyMemory<byte> Payload);
