using System.Globalization;
using Homeport.Contract.Rest;

namespace Homeport.Tool;

/// <summary>Which messages to read.</summary>
/// <param name="Partition">This one only; null for all.</param>
/// <param name="From">Offset to start at: a number, or latest.</param>
/// <param name="Follow">Go on with messages that arrive.</param>
internal sealed record MessageSelection(int? Partition, string From, bool Follow)
{
    /// <summary>This device and its modules only; null for all.</summary>
    public string? DeviceId { get; init; }

    /// <summary>Ends after so many messages; null for no end.</summary>
    public int? Count { get; init; }
}

/// <summary>Reads messages of all partitions as they come.</summary>
internal sealed class MessageFollower(HubClient client, MessageSelection wanted, Action<StoredMessage> write)
{
    private const int WaitSeconds = 30;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private int _written;

    /// <summary>Called when it is known where each partition begins: from here on no message is missed.</summary>
    public Action<int>? Started { get; init; }

    public async Task RunAsync(CancellationToken token)
    {
        var first = await client.ReadMessagesAsync(wanted.Partition ?? 0, "latest", 0, token);
        var partitions = wanted.Partition is { } one ? [one] : Enumerable.Range(0, first.PartitionCount).ToArray();
        var starts = await Task.WhenAll(partitions.Select(async p =>
            wanted.From == "latest" ? Text((await client.ReadMessagesAsync(p, "latest", 0, token)).NextOffset) : wanted.From));
        Started?.Invoke(partitions.Length);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(token);
        try
        {
            await Task.WhenAll(partitions.Zip(starts, (p, from) => FollowAsync(p, from, end)));
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested && !token.IsCancellationRequested)
        {
            // So many messages were asked for, and they are there.
            return;
        }
    }

    private async Task FollowAsync(int partition, string from, CancellationTokenSource end)
    {
        while (true)
        {
            var page = await ReadAsync(partition, from, end.Token);
            Write(page.Messages, end);
            if (page.Messages.Count == 0 && !wanted.Follow)
                return;
            from = Text(page.NextOffset);
        }
    }

    private void Write(IEnumerable<StoredMessage> messages, CancellationTokenSource end)
    {
        lock (_lock)
        {
            foreach (var message in messages)
            {
                if (_written >= wanted.Count)
                    break;
                if (wanted.DeviceId is not null && message.DeviceId != wanted.DeviceId)
                    continue;
                write(message);
                _written++;
            }
            if (_written >= wanted.Count)
                end.Cancel();
        }
    }

    /// <summary>Who watches wants to see on when the server is back.</summary>
    private async Task<MessagePage> ReadAsync(int partition, string from, CancellationToken token)
    {
        while (true)
        {
            try
            {
                return await client.ReadMessagesAsync(partition, from, wanted.Follow ? WaitSeconds : 0, token);
            }
            catch (ToolException e) when (e.IsTransient && wanted.Follow)
            {
                if (partition == (wanted.Partition ?? 0))
                    await Console.Error.WriteLineAsync($"homeport: {Display.Clean(e.Message)} Trying again.");
                await Task.Delay(RetryAfter, client.Time, token);
            }
        }
    }

    private static string Text(long offset) => offset.ToString(CultureInfo.InvariantCulture);
}
