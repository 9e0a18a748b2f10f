using Homeport.Contract.Rest.Operators;
using Homeport.Log;
using Microsoft.Extensions.Logging;

namespace Homeport.Routing;

/// <summary>
/// Brings the messages of one partition to one endpoint, in their order and at least once: it reads the log forward, and its place moves
/// when the endpoint has confirmed. While the endpoint fails, it waits and tries again; the log keeps the messages meanwhile.
/// </summary>
/// <param name="context">What it stands on.</param>
/// <param name="endpoint">Where messages go.</param>
/// <param name="partition">Which ones.</param>
/// <param name="health">Told how it goes.</param>
internal sealed partial class PartitionPump(PumpContext context, ActiveEndpoint endpoint, int partition, EndpointHealth health)
{
    private const int PageBytes = 256 * 1024;
    private static readonly TimeSpan PlaceInterval = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, long> _byRoute = new(StringComparer.Ordinal);
    private EndpointPlace _place = new(0, 0, 0, 0);
    private IEndpointSink _sink = null!;
    private bool _hasBegun;
    private long _next;
    private long _gathered;
    private long _dropped;
    private long _gatheredSince;
    private long _savedAt;

    private string Id => endpoint.Description.Id!;

    /// <summary>Runs until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await using var sink = _sink = context.Open(endpoint.Description, partition);
            while (!_hasBegun)
                await TurnAsync(BeginAsync, stop);
            while (true)
                await TurnAsync(GoOnAsync, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // What is not confirmed comes again from the place that is kept.
        }
    }

    /// <summary>What lies before the first message that a route takes is nobody's.</summary>
    private async Task BeginAsync(CancellationToken stop)
    {
        _place = await context.Places.FindPlaceAsync(Id, partition, stop) ?? new EndpointPlace(0, 0, 0, 0);
        var starts = context.Table().RoutesTo(Id).Select(r => r.Starts[partition]);
        _next = Math.Max(_place.Next, starts.DefaultIfEmpty(context.Log.NextOffset(partition)).Min());
        _place = _place with { Next = _next };
        _savedAt = context.Time.GetTimestamp();
        health.NotePlace(partition, _place);
        _hasBegun = true;
    }

    private async Task GoOnAsync(CancellationToken stop)
    {
        using (var page = await ReadAsync(stop))
        {
            if (page is not null)
                await TakeAsync(page, stop);
        }
        if (_gathered > 0 && _sink is IGatheringSink sink && (sink.IsFull || IsDue(sink)))
            await FlushAsync(sink, stop);
    }

    /// <summary>A fault of one turn is not the end: it is a failure like others, and tried again.</summary>
    private async Task TurnAsync(Func<CancellationToken, Task> turn, CancellationToken stop)
    {
        try
        {
            await turn(stop);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
        {
            LogFault(context.Logger, e, Id, partition);
            health.NoteFailure(partition, $"A fault of the server: {e.GetType().Name}");
            Rewind();
            await Task.Delay(Backoff.Longest, context.Time, stop);
        }
    }

    /// <summary>The next messages; null when what was gathered is due before some come.</summary>
    private async Task<RecordPage?> ReadAsync(CancellationToken stop)
    {
        if (_gathered == 0 || _sink is not IGatheringSink sink)
            return await context.Log.ReadPageAsync(partition, _next, PageBytes, stop);
        var left = sink.Frequency - context.Time.GetElapsedTime(_gatheredSince);
        if (left <= TimeSpan.Zero || sink.IsFull)
            return null;
        using var due = new CancellationTokenSource(left, context.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, due.Token);
        try
        {
            return await context.Log.ReadPageAsync(partition, _next, PageBytes, both.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return null;
        }
    }

    private bool IsDue(IGatheringSink sink) => context.Time.GetElapsedTime(_gatheredSince) >= sink.Frequency;

    private async Task TakeAsync(RecordPage page, CancellationToken stop)
    {
        if (page.NextOffset > _next)
            _dropped += page.NextOffset - _next;
        var routes = context.Table().RoutesTo(Id);
        var batch = new List<Taken>();
        var twins = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        while (Next(page, routes) is { } records)
        {
            foreach (var record in records)
            {
                var message = new RoutedMessage(partition, record);
                if (await MatchAsync(message, routes, twins, stop) is { Count: > 0 } matched)
                    batch.Add(new Taken(message, matched));
            }
            if (batch.Count < _sink.MaxMessages)
                continue;
            await DeliverAsync(batch, stop);
            batch.Clear();
        }
        await DeliverAsync(batch, stop);
        _next = page.NextOffset;
        await NoteIdleAsync(stop);
    }

    /// <summary>The next record of the page that a route may take, as a list of one, or an empty list; null at its end. Views do not outlive a wait, so it is copied.</summary>
    private static Record[]? Next(RecordPage page, IReadOnlyList<ActiveRoute> routes)
    {
        if (!page.TryRead(out var view))
            return null;
        foreach (var route in routes)
        {
            if (route.Source == view.Source)
                return [view.ToRecord()];
        }
        return [];
    }

    private async Task<List<string>> MatchAsync(RoutedMessage message, IReadOnlyList<ActiveRoute> routes, Dictionary<string, ReadOnlyMemory<byte>> twins, CancellationToken token)
    {
        if (endpoint.Enrichments.Any(e => e.ReadsTwin) || routes.Any(r => r.Condition.ReadsTwin))
            message.Twin = await context.TwinOfAsync(message.Origin, twins, token);
        var matched = new List<string>();
        foreach (var route in routes)
        {
            if (route.Takes(message) && (route.Filter is null || await route.Filter.TakesAsync(message, token)))
                matched.Add(route.Id);
        }
        if (matched.Count > 0)
        {
            foreach (var enrichment in endpoint.Enrichments)
                enrichment.Apply(message);
        }
        return matched;
    }

    /// <summary>Sends until all are delivered or given up. A batch that is refused is halved until the message is found that is.</summary>
    private async Task DeliverAsync(List<Taken> batch, CancellationToken stop)
    {
        var (at, size) = (0, batch.Count);
        var backoff = new Backoff();
        while (at < batch.Count)
        {
            var part = batch.GetRange(at, Math.Min(size, batch.Count - at));
            var failure = await SendAsync(part, stop);
            var delivered = failure?.Delivered ?? part.Count;
            if (delivered > 0)
            {
                await NoteDeliveredAsync(part.GetRange(0, delivered), stop);
                at += delivered;
                backoff = new Backoff();
            }
            if (failure is null)
            {
                size = batch.Count;
                continue;
            }
            health.NoteFailure(partition, failure.Reason, failure.OfMessages);
            LogFailed(context.Logger, Id, partition, failure.Reason);
            if (failure.OfMessages && part.Count - delivered > 1)
            {
                size = Math.Max(1, (part.Count - delivered) / 2);
            }
            else if (failure.OfMessages && backoff.Attempts + 1 >= context.MaxAttempts)
            {
                // The place moves past the message: what was gathered before it has to be delivered first.
                if (_gathered > 0 && _sink is IGatheringSink sink)
                    await FlushAsync(sink, stop);
                await GiveUpAsync(batch[at++].Message, failure.Reason, stop);
                (size, backoff) = (batch.Count, new Backoff());
            }
            else
            {
                await Task.Delay(backoff.Next(), context.Time, stop);
            }
        }
    }

    private async Task<DeliveryFailure?> SendAsync(List<Taken> part, CancellationToken stop)
    {
        if (_sink is IGatheringSink && _gathered == 0)
            _gatheredSince = context.Time.GetTimestamp();
        return await _sink.SendAsync([.. part.Select(t => t.Message)], stop);
    }

    private async Task NoteDeliveredAsync(List<Taken> part, CancellationToken stop)
    {
        foreach (var route in part.SelectMany(t => t.Routes))
            _byRoute[route] = _byRoute.GetValueOrDefault(route) + 1;
        _next = part[^1].Message.Offset + 1;
        if (_sink is IGatheringSink)
            _gathered += part.Count;
        else
            await AdvanceAsync(part.Count, null, stop);
    }

    private async Task FlushAsync(IGatheringSink sink, CancellationToken stop)
    {
        var backoff = new Backoff();
        while (await sink.FlushAsync(stop) is { } failure)
        {
            health.NoteFailure(partition, failure.Reason);
            LogFailed(context.Logger, Id, partition, failure.Reason);
            await Task.Delay(backoff.Next(), context.Time, stop);
        }
        await AdvanceAsync(_gathered, null, stop);
        _gathered = 0;
    }

    private async Task GiveUpAsync(RoutedMessage message, string reason, CancellationToken stop)
    {
        LogDead(context.Logger, Id, partition, message.Offset, reason);
        var dead = new DeadMessageDescription(partition, message.Offset, message.Origin.DeviceId, context.Time.GetUtcNow(), reason);
        _next = message.Offset + 1;
        await AdvanceAsync(0, dead, stop);
    }

    /// <summary>Messages that nobody wants move the place too, now and then.</summary>
    private async Task NoteIdleAsync(CancellationToken stop)
    {
        if (_gathered > 0)
            return;
        if (_dropped > 0 || context.Time.GetElapsedTime(_savedAt) >= PlaceInterval)
            await AdvanceAsync(0, null, stop);
        else
            health.NotePlace(partition, _place with { Next = _next });
    }

    private async Task AdvanceAsync(long delivered, DeadMessageDescription? dead, CancellationToken stop)
    {
        var progress = new Progress(_next)
        {
            Delivered = delivered,
            Dropped = _dropped,
            Dead = dead,
            ByRoute = delivered > 0 ? new Dictionary<string, long>(_byRoute, StringComparer.Ordinal) : new Dictionary<string, long>(StringComparer.Ordinal),
        };
        await context.Places.AdvanceAsync(Id, partition, progress, stop);
        _place = _place.After(progress);
        _savedAt = context.Time.GetTimestamp();
        _dropped = 0;
        if (delivered > 0)
        {
            _byRoute.Clear();
            health.NoteDelivered(partition);
        }
        health.NotePlace(partition, _place);
    }

    private void Rewind()
    {
        (_next, _gathered, _dropped) = (_place.Next, 0, 0);
        _byRoute.Clear();
        (_sink as IGatheringSink)?.Discard();
    }

    [LoggerMessage(EventId = 6001, Level = LogLevel.Warning, Message = "Endpoint {Endpoint}, partition {Partition}: not delivered, trying again: {Reason}")]
    private static partial void LogFailed(ILogger logger, string endpoint, int partition, string reason);

    [LoggerMessage(EventId = 6002, Level = LogLevel.Warning, Message = "Endpoint {Endpoint}, partition {Partition}: message {Offset} is given up: {Reason}")]
    private static partial void LogDead(ILogger logger, string endpoint, int partition, long offset, string reason);

    [LoggerMessage(EventId = 6003, Level = LogLevel.Error, Message = "Endpoint {Endpoint}, partition {Partition}: a fault, trying again.")]
    private static partial void LogFault(ILogger logger, Exception e, string endpoint, int partition);

    /// <summary>A message and the routes that took it.</summary>
    private sealed record Taken(RoutedMessage Message, IReadOnlyList<string> Routes);
}
