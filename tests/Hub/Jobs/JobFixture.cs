using System.Text;
using System.Text.Json.Nodes;
using Homeport.Hub.Jobs;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Hub.Jobs;

/// <summary>Jobs over a SQLite file in a folder of their own, on a clock that the test moves.</summary>
internal sealed class JobFixture : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;
    private readonly SqliteDatabase _database;
    private CancellationTokenSource _stop = new();
    private JobScheduler? _scheduler;
    private Task _running = Task.CompletedTask;

    public JobFixture(JobSettings? settings = null, ThrottleProfile? profile = null)
    {
        Settings = settings ?? new JobSettings();
        Throttles = profile is null ? null : new Throttles(profile, Time);
        _seal = SecretSeal.Open(_folder.File("secret.key"));
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        Registry = new IdentityRegistry(new SqliteIdentityStore(_database, _seal, "hub1"), Live, Time);
        Twins = new DeviceTwins(new SqliteTwinStore(_database, "hub1"), Registry, Live, Time);
        Methods = new DirectMethods(Live, Registry, Time);
        Store = new SqliteJobStore(_database, "hub1");
        Source = new SqliteQuerySource(_database, Live, "hub1");
        Jobs = new ScheduledJobs(Store, Time, Settings);
        Jobs.Changed = () => _scheduler?.Wake();
    }

    public JobSettings Settings { get; }

    public Throttles? Throttles { get; }

    public FakeTimeProvider Time { get; } = new();

    public LiveConnections Live { get; } = new();

    public IdentityRegistry Registry { get; }

    public DeviceTwins Twins { get; }

    public DirectMethods Methods { get; }

    public SqliteJobStore Store { get; }

    public SqliteQuerySource Source { get; }

    public ScheduledJobs Jobs { get; }

    public ListLogger<JobScheduler> Log { get; } = new();

    public static MethodAction Method(string name = "reboot") => new(new MethodCall(name, "{\"a\":1}"u8.ToArray(), TimeSpan.FromSeconds(30), TimeSpan.Zero));

    public static TwinAction Twin(string json = """{"tags":{"floor":1},"properties":{"desired":{"interval":5}}}""")
        => (TwinAction)TwinAction.Read(JsonNode.Parse(json)!.AsObject()).Value!;

    public Task AddDevicesAsync(int count, string prefix = "d") => Task.WhenAll(Enumerable.Range(0, count).Select(i => AddDeviceAsync($"{prefix}{i:d4}")));

    public async Task AddDeviceAsync(string id)
        => (await Registry.PutAsync(new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.None) }, IfMatch.Absent, default))
            .Refusal.ShouldBeNull();

    public FakeLink Connect(string id)
    {
        var link = new FakeLink(id) { TakesMethods = true };
        Live.Open(link);
        return link;
    }

    public void Start()
    {
        _scheduler = new JobScheduler(Store, Source, new DeviceWork(Twins, Methods, Time, Throttles), Time, Settings, Log);
        _running = _scheduler.RunAsync(_stop.Token);
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromSeconds(20));
        _scheduler?.Dispose();
        _scheduler = null;
        _stop.Dispose();
        _stop = new CancellationTokenSource();
    }

    public async Task<Job> CreateAsync(string id, JobAction action, string condition = "*", DateTimeOffset? start = null, long? seconds = null)
    {
        var outcome = await Jobs.CreateAsync(new JobRequest(id, condition, action, start, seconds), default);
        return outcome.Value ?? throw new InvalidOperationException(outcome.Refusal!.Text);
    }

    public async Task<Job> GetAsync(string id) => (await Jobs.GetAsync(id, default)).Value!;

    public Task<Job> WaitAsync(string id, JobStatus status) => WaitAsync(id, j => j.Status == status, status.ToString());

    public async Task<Job> WaitAsync(string id, Func<Job, bool> reached, string what)
    {
        for (var i = 0; i < 2000; i++)
        {
            var job = await GetAsync(id);
            if (reached(job))
                return job;
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
        throw new TimeoutException($"{id} is not {what}: {await GetAsync(id)}");
    }

    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        for (var i = 0; i < 2000; i++)
        {
            if (condition())
                return;
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
        throw new TimeoutException(what);
    }

    /// <summary>The rows of <c>devices.jobs</c>.</summary>
    public async Task<IReadOnlyList<JsonObject>> RowsAsync(string where)
    {
        var query = HubQuery.Parse("SELECT * FROM devices.jobs WHERE " + where).Value!;
        query.ItemType.ShouldBe(QueryItemType.DeviceJob);
        var rows = new List<JsonObject>();
        string? continuation = null;
        do
        {
            var page = (await new QueryRunner(Source).RunAsync(query, 100, continuation, default)).Value!;
            rows.AddRange(page.Rows.Select(r => JsonNode.Parse(((JsonRow)r).Json.Span)!.AsObject()));
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return rows;
    }

    public async Task<string> DesiredAsync(string id) => Encoding.UTF8.GetString((await Twins.GetAsync(id, null, default)).Value!.Desired.Properties.Span);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
        _database.Dispose();
        _seal.Dispose();
        _folder.Dispose();
    }
}
