using System.Globalization;
using System.Text;
using System.Text.Json;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Files;

namespace Homeport.Routing.Sinks.Files;

/// <summary>
/// Gathers messages as JSON lines in blocks of a blob, and commits it when its time is over or it is long enough. What is not committed is not
/// there for readers, and comes again from the log after a stop.
/// </summary>
internal sealed class FileSink(RoutingEndpointDescription endpoint, string hubName, string folder, Func<IBlobContainer> open) : IGatheringSink
{
    private const int BlockBytes = 4 << 20;
    private const int DefaultSeconds = 300;
    private const long DefaultChunk = 314_572_800;
    private static readonly string[] SystemNames = ["connectionDeviceId", "connectionModuleId", "connectionAuthMethod", "connectionDeviceGenerationId", "contentType", "contentEncoding", "enqueuedTime", "messageId", "correlationId", "userId", "dt-dataschema", "dt-subject", "iothub-message-source"];

    private readonly MemoryStream _block = new();
    private readonly List<string> _blocks = [];
    private string? _name;
    private long _length;

    /// <inheritdoc/>
    public int MaxMessages => 1000;

    /// <inheritdoc/>
    public TimeSpan Frequency => TimeSpan.FromSeconds(endpoint.BatchFrequencyInSeconds ?? DefaultSeconds);

    /// <inheritdoc/>
    public bool IsFull => _length >= (endpoint.MaxChunkSizeInBytes ?? DefaultChunk);

    /// <inheritdoc/>
    public async Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        // Before the batch is taken: when this fails, the same batch comes again.
        if (_block.Length >= BlockBytes && await StageAsync(token) is { } failure)
            return failure;
        _name ??= folder + FileName.Of(endpoint.FileNameFormat ?? FileName.Default, hubName, batch[0]);
        var before = _block.Length;
        foreach (var message in batch)
            WriteLine(message);
        _length += _block.Length - before;
        return null;
    }

    /// <inheritdoc/>
    public async Task<DeliveryFailure?> FlushAsync(CancellationToken token)
    {
        if (_name is null)
            return null;
        if (_block.Length > 0 && await StageAsync(token) is { } failure)
            return failure;
        if (await TryAsync(container => container.CommitAsync(_name, _blocks, token), token) is { } late)
            return late;
        Discard();
        return null;
    }

    /// <inheritdoc/>
    public void Discard()
    {
        _block.SetLength(0);
        _blocks.Clear();
        (_name, _length) = (null, 0);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _block.DisposeAsync();

    private async Task<DeliveryFailure?> StageAsync(CancellationToken token)
    {
        var id = Convert.ToBase64String(Encoding.ASCII.GetBytes(_blocks.Count.ToString("000000", CultureInfo.InvariantCulture)));
        if (await TryAsync(container => container.StageAsync(_name!, id, _block.GetBuffer().AsMemory(0, (int)_block.Length), token), token) is { } failure)
            return failure;
        _blocks.Add(id);
        _block.SetLength(0);
        return null;
    }

    private async Task<DeliveryFailure?> TryAsync(Func<IBlobContainer, Task<Refusal?>> call, CancellationToken token)
    {
        try
        {
            return await call(open()) is { } refusal ? new DeliveryFailure(refusal.Seen) : null;
        }
        catch (Exception e) when (e is BlobStoreException or IOException or UnauthorizedAccessException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return new DeliveryFailure("The store of files: " + e.Message.TrimEnd('.'));
        }
    }

    /// <summary>A plain message is JSON on one line itself.</summary>
    private void WriteLine(RoutedMessage message)
    {
        if (message.IsPlain)
            _block.Write(message.Body.Span);
        else
            WriteRecord(message);
        _block.WriteByte((byte)'\n');
    }

    /// <summary>A record as IoT Hub writes it. Source: Azure "IoT Hub endpoints", Azure Storage, JSON.</summary>
    private void WriteRecord(RoutedMessage message)
    {
        using (var writer = new Utf8JsonWriter(_block, new JsonWriterOptions { SkipValidation = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("EnqueuedTimeUtc", RoutedMessage.Time(message.EnqueuedTime));
            EventJson.WriteProperties(writer, message, "Properties");
            writer.WriteStartObject("SystemProperties");
            foreach (var (name, value) in message.SystemProperties.Where(p => SystemNames.Contains(p.Key, StringComparer.Ordinal)))
                writer.WriteString(name, value);
            writer.WriteEndObject();
            EventJson.WriteBody(writer, "Body", message, oneLine: true);
            writer.WriteEndObject();
        }
    }
}
