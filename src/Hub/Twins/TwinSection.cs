using System.Globalization;
using System.Text;

namespace Homeport.Hub.Twins;

/// <summary>Desired or reported properties: canonical JSON in UTF-8, without white space between the tokens.</summary>
/// <param name="Properties">A JSON object, without <c>$metadata</c> and <c>$version</c>.</param>
/// <param name="Metadata">A JSON object: the same tree with <c>$lastUpdated</c>, in desired properties also <c>$lastUpdatedVersion</c>.</param>
/// <param name="Version">From 1, one more with every change.</param>
public sealed record TwinSection(ReadOnlyMemory<byte> Properties, ReadOnlyMemory<byte> Metadata, long Version)
{
    /// <summary>Of a twin that nobody wrote yet.</summary>
    public static TwinSection Empty { get; } = new("{}"u8.ToArray(), "{\"$lastUpdated\":\"0001-01-01T00:00:00Z\"}"u8.ToArray(), 1);

    /// <summary>The section as services see it: with <c>$metadata</c> and <c>$version</c> as its last members.</summary>
    public byte[] ForService() => Join(Properties.Span, ",\"$metadata\":"u8, Metadata.Span, Version);

    /// <summary>The section as the device sees it: with <c>$version</c> as its last member.</summary>
    public byte[] ForDevice() => Join(Properties.Span, default, default, Version);

    /// <summary>Adds members to the end of a canonical JSON object.</summary>
    internal static byte[] Join(ReadOnlySpan<byte> members, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, long version)
    {
        // Cut in front of the closing brace; an object without members needs no comma there.
        var head = members[..^1];
        var end = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $",\"$version\":{version}}}"));
        byte[] joined = [.. head, .. name, .. value, .. end];
        if (head.Length > 1)
            return joined;
        return [joined[0], .. joined.AsSpan(2)];
    }
}
