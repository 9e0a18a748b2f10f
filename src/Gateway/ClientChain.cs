using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;

namespace Homeport.Gateway;

/// <summary>
/// The certificates that clients sent with their own in the TLS handshake. Kestrel hands on the client's own only, so the rest hangs on
/// that object: it costs nothing for clients that send none, and goes with the connection at the latest.
/// </summary>
internal static class ClientChain
{
    /// <summary>How many are kept of one handshake, and how large one may be: more is no device's chain.</summary>
    private const int MaxCount = 8;

    private const int MaxSize = 16 * 1024;

    private static readonly ConditionalWeakTable<X509Certificate2, byte[][]> Sent = [];

    /// <summary>Notes what came in a handshake. The certificates are copied: TLS disposes of them.</summary>
    public static void Note(X509Certificate? own, X509Chain? chain)
    {
        if (own is not X509Certificate2 leaf || chain is null || chain.ChainPolicy.ExtraStore.Count == 0)
            return;
        var others = chain.ChainPolicy.ExtraStore
            .Select(c => c.RawData)
            .Where(c => c.Length <= MaxSize && !c.AsSpan().SequenceEqual(leaf.RawDataMemory.Span))
            .Take(MaxCount)
            .ToArray();
        if (others.Length > 0)
            Sent.AddOrUpdate(leaf, others);
    }

    /// <summary>What the client sent besides its own certificate, for a connection that goes on to ask.</summary>
    public static IReadOnlyList<byte[]> Of(X509Certificate2? own) => own is not null && Sent.TryGetValue(own, out var others) ? others : [];

    /// <summary>The same, and lets go of it: for a connection that authenticates once.</summary>
    public static IReadOnlyList<byte[]> Take(X509Certificate2? own)
    {
        var others = Of(own);
        if (others.Count > 0)
            Sent.Remove(own!);
        return others;
    }
}
