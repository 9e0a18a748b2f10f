using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Homeport.Tests.Benchmarks.Soak;

/// <summary>What the hub has of a device: each number once at least, and for the first time in order.</summary>
internal sealed class StoredNumbers
{
    private const int PageSize = 500;

    private readonly HashSet<int> _seen = [];
    private int _last = -1;

    public int Stored => _seen.Count;

    public int Repetitions { get; private set; }

    /// <summary>Numbers that came for the first time behind a larger one.</summary>
    public int Overtaken { get; private set; }

    /// <summary>Reads the whole log.</summary>
    /// <param name="http">With a token of the service and the hub's address.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async Task<IReadOnlyDictionary<string, StoredNumbers>> ReadAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var all = new Dictionary<string, StoredNumbers>(StringComparer.Ordinal);
        for (int partition = 0, partitions = 1; partition < partitions; partition++)
        {
            for (long offset = 0, next; ; offset = next)
            {
                using var page = JsonDocument.Parse(await http.GetByteArrayAsync(new Uri($"homeport/v1/messages?partition={partition}&offset={offset}&max={PageSize}", UriKind.Relative), cancellationToken));
                partitions = page.RootElement.GetProperty("partitionCount").GetInt32();
                var messages = page.RootElement.GetProperty("messages");
                foreach (var message in messages.EnumerateArray())
                    Find(all, message.GetProperty("deviceId").GetString()!).Take(int.Parse(Encoding.UTF8.GetString(message.GetProperty("body").GetBytesFromBase64()), CultureInfo.InvariantCulture));
                next = page.RootElement.GetProperty("nextOffset").GetInt64();
                if (messages.GetArrayLength() == 0 || next <= offset)
                    break;
            }
        }

        return all;
    }

    /// <summary>How many of the first numbers are not there.</summary>
    public int Missing(int accepted) => Enumerable.Range(0, accepted).Count(number => !_seen.Contains(number));

    private static StoredNumbers Find(Dictionary<string, StoredNumbers> all, string id)
    {
        if (!all.TryGetValue(id, out var numbers))
            all[id] = numbers = new StoredNumbers();
        return numbers;
    }

    private void Take(int number)
    {
        if (!_seen.Add(number))
        {
            Repetitions++;
            return;
        }

        if (number < _last)
            Overtaken++;
        _last = Math.Max(_last, number);
    }
}
