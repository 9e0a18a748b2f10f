using System.Threading.Channels;
using Homeport.Device.Client;

namespace Homeport.Device.Hub.Mqtt;

/// <summary>
/// Cloud-to-device messages of one connection that are not settled yet. They are acknowledged in the order of their arrival, whatever the order in
/// which the application completes them (MQTT 3.1.1, 4.6).
/// </summary>
internal sealed class DeliveredMessages
{
    private readonly Channel<Message> _arrived = Channel.CreateUnbounded<Message>();
    private readonly LinkedList<Entry> _open = new();
    private readonly Dictionary<string, Entry> _byToken = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Takes a message that arrived.</summary>
    /// <param name="message">The message; gets its lock token.</param>
    /// <param name="packetId">0 when it needs no acknowledgement (QoS 0).</param>
    public void Add(Message message, ushort packetId)
    {
        message.LockToken = Guid.NewGuid().ToString("N");
        if (packetId != 0)
        {
            var entry = new Entry(packetId);
            lock (_gate)
            {
                _open.AddLast(entry);
                _byToken.Add(message.LockToken, entry);
            }
        }

        _arrived.Writer.TryWrite(message);
    }

    public ValueTask<Message> ReadAsync(CancellationToken cancellationToken) => _arrived.Reader.ReadAsync(cancellationToken);

    /// <summary>Completes one message; gives the packet identifiers that may be acknowledged now, or null when the token is not of this connection.</summary>
    public IReadOnlyList<ushort>? Complete(string lockToken)
    {
        lock (_gate)
        {
            if (!_byToken.Remove(lockToken, out var entry))
                return null;
            entry.Done = true;
            var ready = new List<ushort>();
            while (_open.First is { Value.Done: true } first)
            {
                ready.Add(first.Value.PacketId);
                _open.RemoveFirst();
            }

            return ready;
        }
    }

    private sealed class Entry(ushort packetId)
    {
        public ushort PacketId { get; } = packetId;

        public bool Done { get; set; }
    }
}
