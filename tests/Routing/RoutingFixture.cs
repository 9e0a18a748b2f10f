using System.Diagnostics;
using System.Text;
using Homeport.Contract.Rest.Operators;
using Homeport.Hub.Registry;
using Homeport.Log;
using Homeport.Routing;
using Homeport.Storage;
using Homeport.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Homeport.Tests.Routing;

/// <summary>A hub's log, a routing service over SQLite, and endpoints that a test plays. Time passes while a test waits.</summary>
internal sealed class RoutingFixture : IAsyncDisposable
{
    private const string Hub = "hub1";
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;
    private readonly SqliteDatabase _database;
    private readonly SqliteRecordStore _records;
    private CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public RoutingFixture(int partitions = 1)
    {
        _seal = SecretSeal.Open(_folder.File("seal.key"));
        _database = SqliteDatabase.Open(_folder.File("homeport.db"));
        _records = SqliteRecordStore.Open(_folder.File("messages.db"), partitions);
        Log = new HubLog(_records, new RetentionLimits(TimeSpan.FromDays(1)), TimeProvider.System, NullLogger<HubLog>.Instance);
        Service = Open();
    }

    public FakeTimeProvider Time { get; } = new();

    public HubLog Log { get; }

    /// <summary>The endpoints, by their ids.</summary>
    public PlayedSinks Sinks { get; } = new();

    public RoutingService Service { get; private set; }

    public async Task StartAsync()
    {
        await Service.LoadAsync(default);
        _running = Service.RunAsync(_stop.Token);
    }

    /// <summary>Ends the service and starts another one on the same files.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        Service = Open();
        await StartAsync();
    }

    /// <summary>An endpoint and a route to it.</summary>
    public async Task RouteAsync(string endpoint, string? condition = null, string source = "DeviceMessages", string? route = null)
    {
        if ((await Service.GetEndpointAsync(endpoint, default)).Value is null)
            (await Service.PutEndpointAsync(endpoint, new RoutingEndpointDescription { Type = "played" }, IfMatch.Absent, default)).Refusal?.Text.ShouldBeNull();
        (await Service.PutRouteAsync(route ?? "to-" + endpoint, new RouteDescription { Source = source, Condition = condition, EndpointNames = [endpoint] }, IfMatch.Absent, default)).Refusal?.Text.ShouldBeNull();
    }

    public Task SendAsync(string body, string device = "d1", MessageSource source = MessageSource.Telemetry, params KeyValuePair<string, string?>[] properties)
        => Log.Append(Log.WriterFor(new RecordOrigin(device, null, "g", "{}")), source, RecordProperties.Write(properties), Encoding.UTF8.GetBytes(body)).WhenDurable();

    public async Task<EndpointHealthDescription> HealthAsync(string endpoint) => (await Service.GetEndpointAsync(endpoint, default)).Value!.Health!;

    /// <summary>Drops all that is in the log, as retention does. Appending has come to rest.</summary>
    public async Task DropAllAsync()
    {
        var watch = Stopwatch.StartNew();
        while (Log.ExtentOf(0) is { IsEmpty: false })
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), "the log is emptied");
            _records.DropBefore(DateTimeOffset.MaxValue);
            await Task.Delay(2);
        }
    }

    /// <summary>Lets time pass until it is so.</summary>
    public async Task UntilAsync(Func<Task<bool>> isSo, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await isSo())
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), what);
            Time.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Delay(2);
        }
    }

    public Task UntilAsync(Func<bool> isSo, string what) => UntilAsync(() => Task.FromResult(isSo()), what);

    /// <summary>All that is on the disk.</summary>
    public IEnumerable<(string Name, byte[] Bytes)> Files() => _folder.Contents();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Log.DisposeAsync();
        _records.Dispose();
        _database.Dispose();
        _seal.Dispose();
        _folder.Dispose();
    }

    private async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        Service.Dispose();
        _stop.Dispose();
        _stop = new CancellationTokenSource();
    }

    private RoutingService Open() => new(
        Hub, new SqliteRoutingStore(_database, _seal, Hub), Log, new SqliteTwinStore(_database, Hub), [Sinks, new Homeport.Routing.Sinks.Webhooks.WebhookSinks(Hub, Time)], Time, NullLoggerFactory.Instance);
}

/// <summary>Endpoints that a test plays: what they got, and what they say to it.</summary>
internal sealed class PlayedSinks : ISinkFactory
{
    private readonly Dictionary<string, PlayedEndpoint> _endpoints = new(StringComparer.Ordinal);

    public string Type => "played";

    public PlayedEndpoint this[string id]
    {
        get
        {
            lock (_endpoints)
            {
                if (!_endpoints.TryGetValue(id, out var endpoint))
                    _endpoints[id] = endpoint = new PlayedEndpoint();
                return endpoint;
            }
        }
    }

    public (string Seen, string Fix)? Check(RoutingEndpointDescription endpoint) => null;

    public IEndpointSink Open(RoutingEndpointDescription endpoint, int partition) => endpoint.BatchFrequencyInSeconds is { } seconds ? new GatheringSink(this[endpoint.Id!], seconds) : new PlayedSink(this[endpoint.Id!]);

    private class PlayedSink(PlayedEndpoint endpoint) : IEndpointSink
    {
        public int MaxMessages => 10;

        public virtual Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token) => endpoint.TakeAsync(batch, token);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class GatheringSink(PlayedEndpoint endpoint, int seconds) : PlayedSink(endpoint), IGatheringSink
    {
        private readonly PlayedEndpoint _endpoint = endpoint;
        private readonly List<RoutedMessage> _gathered = [];

        public TimeSpan Frequency => TimeSpan.FromSeconds(seconds);

        public bool IsFull => _gathered.Count >= 5;

        public override Task<DeliveryFailure?> SendAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
        {
            _gathered.AddRange(batch);
            return Task.FromResult<DeliveryFailure?>(null);
        }

        public async Task<DeliveryFailure?> FlushAsync(CancellationToken token)
        {
            var failure = await _endpoint.TakeAsync(_gathered, token);
            if (failure is null)
                _gathered.Clear();
            return failure;
        }

        public void Discard() => _gathered.Clear();
    }
}

/// <summary>What an endpoint got, and what it says.</summary>
internal sealed class PlayedEndpoint
{
    private readonly List<string> _taken = [];
    private int _calls;

    /// <summary>What it says to a batch; null takes it.</summary>
    public Func<IReadOnlyList<string>, DeliveryFailure?> Answer { get; set; } = static _ => null;

    /// <summary>Hangs while it is not completed.</summary>
    public Task Hangs { get; set; } = Task.CompletedTask;

    public int Calls => Volatile.Read(ref _calls);

    /// <summary>Bodies in the order in which they were confirmed.</summary>
    public IReadOnlyList<string> Taken
    {
        get
        {
            lock (_taken)
                return [.. _taken];
        }
    }

    public RoutedMessage? Last { get; private set; }

    public async Task<DeliveryFailure?> TakeAsync(IReadOnlyList<RoutedMessage> batch, CancellationToken token)
    {
        Interlocked.Increment(ref _calls);
        await Hangs.WaitAsync(token);
        var bodies = batch.Select(m => Encoding.UTF8.GetString(m.Body.Span)).ToList();
        var failure = Answer(bodies);
        lock (_taken)
            _taken.AddRange(bodies.Take(failure?.Delivered ?? bodies.Count));
        Last = batch[^1];
        return failure;
    }
}
