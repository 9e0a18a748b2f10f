using Homeport.Contract.Messages;
using Homeport.Routing;

namespace Homeport.Operations.Exports;

/// <summary>An export that is on, to one of its destinations.</summary>
internal sealed record ActiveExport : IMessageFilter
{
    /// <summary>The export as it was written.</summary>
    public required StoredExport Stored { get; init; }

    /// <summary>Id of the application, as messages name it.</summary>
    public required string ApplicationId { get; init; }

    /// <summary>Or null for all.</summary>
    public required ExportFilter? Filter { get; init; }

    /// <summary>A query, or null.</summary>
    public required string? Transform { get; init; }

    /// <summary>Looks up who sent a message.</summary>
    public required ExportedDevices Devices { get; init; }

    private string Source => Stored.Export.Source!;

    /// <inheritdoc/>
    public async ValueTask<bool> TakesAsync(RoutedMessage message, CancellationToken token)
        => Filter is null || (await ReadAsync(message, token)).Any(Filter.Takes);

    /// <summary>What is to be written of a record, each on one line, before transforms.</summary>
    public async Task<IReadOnlyList<(ExportMessage Message, byte[] Json)>> WriteAsync(RoutedMessage message, CancellationToken token)
    {
        var written = new List<(ExportMessage, byte[])>();
        foreach (var read in await ReadAsync(message, token))
        {
            if (Filter?.Takes(read) == false)
                continue;
            var enrichments = ExportEnrichment.Of(Stored.Export.Enrichments, read);
            written.Add((read, Transform is null ? ExportWriter.Default(read, ApplicationId, enrichments) : ExportWriter.Whole(read, ApplicationId, enrichments)));
        }
        return written;
    }

    /// <summary>The message that goes to the destination.</summary>
    public RoutedMessage Make(ExportMessage message, int part, ReadOnlyMemory<byte> json)
    {
        var origin = message.Origin;
        (string Name, string? Value)[] properties =
        [
            (SystemProperty.ContentType, "application/json"),
            (SystemProperty.ContentEncoding, "utf-8"),
            ("iotcentral-device-id", message.Device?.Facts.DeviceId),
            ("iotcentral-application-id", ApplicationId),
            ("iotcentral-message-source", message.Source),
            ("iotcentral-message-type", message.Type),
        ];
        var present = properties.Where(p => p.Value is not null).Select(p => new KeyValuePair<string, string?>(p.Name, p.Value));
        return new RoutedMessage(origin.Partition, origin.Offset, origin.EnqueuedTime, origin.Source, origin.Origin, present, json) { Part = part, IsPlain = true };
    }

    private async Task<IReadOnlyList<ExportMessage>> ReadAsync(RoutedMessage message, CancellationToken token)
        => ExportMessage.Read(message, Source, await Devices.FindAsync(message, token));
}

/// <summary>Brings records to a destination in the form of the export: of one there may come several messages, or none.</summary>
internal class ExportSink(ActiveExport export, IEndpointSink inner, ITransform? transform) : IEndpointSink
{
    /// <inheritdoc/>
    public int MaxMessages => inner.MaxMessages;

    /// <inheritdoc/>
    public async Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        var made = new List<(int Record, RoutedMessage Message)>();
        var (good, failure) = await MakeAsync(batch, made, token);
        for (var at = 0; at < made.Count;)
        {
            var part = made.GetRange(at, Math.Min(inner.MaxMessages, made.Count - at));
            if (await inner.SendAsync([.. part.Select(m => m.Message)], token) is { } refused)
            {
                // Only records of which nothing is left behind are delivered.
                at += refused.Delivered;
                return refused with { Delivered = at < made.Count ? made[at].Record : good };
            }
            at += part.Count;
        }
        return failure is null ? null : failure with { Delivered = good };
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (transform is not null)
            await transform.DisposeAsync();
        await inner.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes the messages of the records up to one that cannot be transformed: how many those are, and why it cannot.</summary>
    private async Task<(int Good, DeliveryFailure? Failure)> MakeAsync(IReadOnlyList<RoutedMessage> batch, List<(int, RoutedMessage)> made, CancellationToken token)
    {
        var written = new List<(int Record, ExportMessage Message, byte[] Json)>();
        for (var i = 0; i < batch.Count; i++)
        {
            foreach (var (message, json) in await export.WriteAsync(batch[i], token))
                written.Add((i, message, json));
        }
        IReadOnlyList<Transformed> transformed;
        try
        {
            transformed = transform is null || written.Count == 0
                ? [.. written.Select(w => new Transformed([w.Json]))]
                : await transform.RunAsync([.. written.Select(w => (ReadOnlyMemory<byte>)w.Json)], token);
        }
        catch (TransformException e)
        {
            return (0, new DeliveryFailure("The transform: " + e.Message, e.OfMessages));
        }
        var (record, part) = (-1, 0);
        for (var i = 0; i < written.Count; i++)
        {
            if (transformed[i].Failure is { } reason)
            {
                made.RemoveAll(m => m.Item1 == written[i].Record);
                return (written[i].Record, new DeliveryFailure("The transform: " + reason, OfMessages: true));
            }
            (record, part) = written[i].Record == record ? (record, part) : (written[i].Record, 0);
            foreach (var json in transformed[i].Messages)
                made.Add((record, export.Make(written[i].Message, part++, json)));
        }
        return (batch.Count, null);
    }
}

/// <summary>The same for destinations that gather.</summary>
internal sealed class GatheringExportSink(ActiveExport export, IGatheringSink inner, ITransform? transform) : ExportSink(export, inner, transform), IGatheringSink
{
    private readonly IGatheringSink _inner = inner;

    /// <inheritdoc/>
    public TimeSpan Frequency => _inner.Frequency;

    /// <inheritdoc/>
    public bool IsFull => _inner.IsFull;

    /// <inheritdoc/>
    public Task<DeliveryFailure?> FlushAsync(CancellationToken token) => _inner.FlushAsync(token);

    /// <inheritdoc/>
    public void Discard() => _inner.Discard();
}
