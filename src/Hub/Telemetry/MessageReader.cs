using Homeport.Contract.Messages;
using Homeport.Contract.Rest;
using Homeport.Log;

namespace Homeport.Hub.Telemetry;

/// <summary>Reads stored messages back, by partition and offset, as consumers see them.</summary>
public sealed class MessageReader(HubLog log)
{
    /// <summary>Messages a page holds at most.</summary>
    public const int MaxPage = 1000;

    /// <summary>Number of partitions.</summary>
    public int PartitionCount => log.PartitionCount;

    /// <summary>Offset of the partition's next message.</summary>
    public long NextOffset(int partition) => log.NextOffset(partition);

    /// <summary>Reads a page from an offset on; waits for the first message up to <paramref name="wait"/>.</summary>
    public async Task<MessagePage> ReadAsync(int partition, long offset, int max, TimeSpan wait, CancellationToken token)
    {
        var records = await log.ReadAsync(partition, offset, Math.Clamp(max, 1, MaxPage), wait, token);
        var messages = records.Select(record => ToMessage(partition, record)).ToList();
        return new MessagePage(partition, log.PartitionCount, messages, records.Count == 0 ? offset : records[^1].Offset + 1);
    }

    private static StoredMessage ToMessage(int partition, Record record)
    {
        var system = new Dictionary<string, string?>(StringComparer.Ordinal);
        var own = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, value) in record.Properties)
        {
            if (SystemProperty.LongName(name) is { } longName)
                system[longName] = value;
            else
                own[name] = value;
        }
        var origin = record.Origin;
        if (origin.ModelId is { } model)
            system[SystemProperty.DataSchema] = model;
        return new StoredMessage
        {
            Partition = partition,
            Offset = record.Offset,
            SequenceNumber = record.Offset,
            EnqueuedTime = record.EnqueuedTime,
            DeviceId = origin.DeviceId,
            ModuleId = origin.ModuleId,
            GenerationId = origin.GenerationId,
            AuthMethod = origin.AuthMethod,
            Source = record.Source.NameOf(),
            SystemProperties = system,
            Properties = own,
            Body = record.Body.ToArray(),
        };
    }
}
