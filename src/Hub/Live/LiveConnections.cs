using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Homeport.Hub.Live;

/// <summary>Who is connected now. An identity has one connection; the newest wins.</summary>
public sealed class LiveConnections
{
    private readonly ConcurrentDictionary<string, IDeviceLink> _links = new(StringComparer.Ordinal);

    private long _changes;

    /// <summary>
    /// Grows whenever an identity lost its right to be connected. A door that saw the same number before it asked the registry
    /// and after it entered its connection missed no change in between.
    /// </summary>
    public long Changes => Interlocked.Read(ref _changes);

    /// <summary>Number of connected devices and modules.</summary>
    public int Count => _links.Count;

    /// <summary>All connections; those that come or go meanwhile may be among them or not.</summary>
    public IEnumerable<IDeviceLink> All => _links.Select(l => l.Value);

    /// <summary>Says that identities may have lost their right to be connected, before <see cref="All"/> is gone through to close them.</summary>
    public void NoteChange() => Interlocked.Increment(ref _changes);

    /// <summary>Enters a connection and closes the identity's earlier one.</summary>
    public void Open(IDeviceLink link)
    {
        IDeviceLink? previous = null;
        _links.AddOrUpdate(link.Key, link, (_, old) =>
        {
            previous = old;
            return link;
        });
        previous?.Close(CloseReason.TakenOver);
    }

    /// <summary>Takes a connection out, unless a newer one has its place. True when the identity is now offline.</summary>
    public bool Remove(IDeviceLink link) => _links.TryRemove(new KeyValuePair<string, IDeviceLink>(link.Key, link));

    /// <summary>Finds the connection of an identity.</summary>
    public bool TryGet(string key, [NotNullWhen(true)] out IDeviceLink? link) => _links.TryGetValue(key, out link);

    /// <summary>True when the identity is connected.</summary>
    public bool IsConnected(string key) => _links.ContainsKey(key);

    /// <summary>When a connected identity last sent something; null when it is not connected.</summary>
    public DateTimeOffset? LastActivityOf(string key) => _links.TryGetValue(key, out var link) ? link.LastActivity : null;

    /// <summary>Closes an identity's connection and, for a device, those of its modules.</summary>
    public void Close(string key, CloseReason reason)
    {
        Interlocked.Increment(ref _changes);
        if (_links.TryGetValue(key, out var link))
            link.Close(reason);
        if (key.Contains('/', StringComparison.Ordinal))
            return;
        foreach (var (other, module) in _links)
        {
            if (other.Length > key.Length && other[key.Length] == '/' && other.StartsWith(key, StringComparison.Ordinal))
                module.Close(reason);
        }
    }
}
