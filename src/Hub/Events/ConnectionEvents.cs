using System.Globalization;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Log;

namespace Homeport.Hub.Events;

/// <summary>
/// Tells of connections and their ends. It is asked once a second about those that changed, so that a device which comes and goes
/// quickly makes one event or none. What was told is in memory: a server that starts again tells of connections only.
/// </summary>
public sealed class ConnectionEvents(LiveConnections live, EventWriter writer, EventRelay relay, TimeProvider time)
{
    private readonly HashSet<string> _toldConnected = new(StringComparer.Ordinal);
    private long _count;

    /// <summary>Called with the device of each identity that came or went.</summary>
    public Action<string> Changed { get; set; } = static _ => { };

    /// <summary>Appends an event for each identity whose state is another than the one told last. Called by one thread at a time.</summary>
    public void Tell(IEnumerable<IdentityActivity> changed)
    {
        var told = writer.Wants(MessageSource.DeviceConnectionState);
        foreach (var activity in changed)
        {
            if (activity.ConnectionTime is null)
                continue;
            Changed(activity.DeviceId);
            if (!told)
                continue;
            var key = Identity.KeyOf(activity.DeviceId, activity.ModuleId);
            var connected = live.IsConnected(key);
            if (connected ? _toldConnected.Add(key) : _toldConnected.Remove(key))
                relay.Append(writer.ConnectionState(activity, connected, NextSequence()));
        }
    }

    /// <summary>64 digits that grow as text: the time, then a count, so that it also grows over restarts.</summary>
    private string NextSequence()
        => string.Create(CultureInfo.InvariantCulture, $"{0:X16}{time.GetUtcNow().Ticks:X16}{0:X16}{++_count:X16}");
}
