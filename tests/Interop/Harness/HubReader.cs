using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Homeport.Tests.Interop.Harness;

/// <summary>A stored message as the pull API gives it.</summary>
public sealed record StoredMessage(
    int Partition,
    long Offset,
    long SequenceNumber,
    DateTimeOffset EnqueuedTime,
    string DeviceId,
    string? ModuleId,
    string? GenerationId,
    JsonElement AuthMethod,
    string? Source,
    IReadOnlyDictionary<string, JsonElement> SystemProperties,
    IReadOnlyDictionary<string, string?> Properties,
    byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public string? System(string name) => SystemProperties.TryGetValue(name, out var value) ? value.ToString() : null;
}

/// <summary>Reads messages back from the record log. The only place that knows the pull API.</summary>
public sealed class HubReader(HubService hub)
{
    private const int PageSize = 500;

    /// <summary>All messages of one device and its modules, in the order of the log.</summary>
    public async Task<IReadOnlyList<StoredMessage>> ReadAsync(string deviceId)
    {
        var found = new List<StoredMessage>();
        var partitions = 1;
        for (var partition = 0; partition < partitions; partition++)
        {
            for (long offset = 0; ;)
            {
                var page = await hub.GetAsync<Page>($"homeport/v1/messages?partition={partition}&offset={offset}&max={PageSize}");
                partitions = page.PartitionCount;
                found.AddRange(page.Messages.Where(m => m.DeviceId == deviceId));
                if (page.Messages.Count == 0 || page.NextOffset <= offset)
                    break;
                offset = page.NextOffset;
            }
        }

        return found;
    }

    /// <summary>Waits until at least <paramref name="count"/> messages of the device are stored.</summary>
    public async Task<IReadOnlyList<StoredMessage>> WaitAsync(string deviceId, int count, TimeSpan? timeout = null)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var messages = await ReadAsync(deviceId);
            if (messages.Count >= count)
                return messages;
            if (watch.Elapsed > (timeout ?? TimeSpan.FromSeconds(10)))
                throw new TimeoutException($"the log holds {messages.Count} messages of '{deviceId}', {count} were expected");
            await Task.Delay(100);
        }
    }

    public async Task<StoredMessage> SingleAsync(string deviceId) => (await WaitAsync(deviceId, 1)).ShouldHaveSingleItem();

    /// <summary>Waits for messages that are not there yet: answers as soon as one comes, or with none after the seconds.</summary>
    public Task<Page> PollAsync(int partition, long offset, int seconds) =>
        hub.GetAsync<Page>($"homeport/v1/messages?partition={partition}&offset={offset}&max={PageSize}&wait={seconds}");

    public sealed record Page(int Partition, int PartitionCount, IReadOnlyList<StoredMessage> Messages, long NextOffset);
}
