namespace Homeport.Hub.Twins;

/// <summary>A change of desired properties, as a device gets it.</summary>
/// <param name="Version">Version of the desired properties after the change.</param>
/// <param name="Body">JSON in UTF-8: the changed members, or all after a replacement, with <c>$version</c>.</param>
public sealed record DesiredChange(long Version, ReadOnlyMemory<byte> Body);
