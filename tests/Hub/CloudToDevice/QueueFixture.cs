using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Log;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Hub.CloudToDevice;

/// <summary>Queues over a SQLite file in a folder of their own, on a clock that the test moves, with dev1, dev1/m1 and a disabled device.</summary>
internal sealed class QueueFixture : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;
    private SqliteDatabase _database;

    private QueueFixture(CloudToDeviceSettings settings)
    {
        Settings = settings;
        _seal = SecretSeal.Open(_folder.File("secret.key"));
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        Open();
    }

    public FakeTimeProvider Time { get; } = new();

    public LiveConnections Live { get; } = new();

    public CloudToDeviceSettings Settings { get; }

    public SqliteIdentityStore Identities { get; private set; } = null!;

    public CloudToDeviceMessages Messages { get; private set; } = null!;

    public ServiceBoundQueue Feedback { get; private set; } = null!;

    public static async Task<QueueFixture> StartAsync(CloudToDeviceSettings? settings = null)
    {
        var fixture = new QueueFixture(settings ?? new CloudToDeviceSettings());
        foreach (var (device, module, enabled) in ((string, string?, bool)[])[("dev1", null, true), ("dev1", "m1", true), ("off", null, false), ("off", "m1", true)])
        {
            await fixture.Identities.InsertAsync(new Identity
            {
                DeviceId = device,
                ModuleId = module,
                GenerationId = "gen-" + device,
                Enabled = enabled,
                Authentication = new Authentication(AuthenticationType.None),
            }, null, default);
        }
        return fixture;
    }

    /// <summary>Closes the file and opens it again, as a restart does.</summary>
    public void Restart()
    {
        _database.Dispose();
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        Open();
    }

    /// <summary>Sends a text, with properties as <c>name=value</c>.</summary>
    public async Task<long> SendAsync(string body, params string[] properties)
    {
        var outcome = await Messages.SendAsync("dev1", null, Message(body, properties), default);
        outcome.Refusal.ShouldBeNull();
        return outcome.Value!.Sequence;
    }

    public static CloudToDeviceMessage Message(string body, params string[] properties)
        => new([.. properties.Select(p => new KeyValuePair<string, string?>(p.Split('=', 2)[0], p.Split('=', 2).ElementAtOrDefault(1)))], Encoding.UTF8.GetBytes(body));

    public async Task<LockedMessage> ReceiveAsync() => (await Messages.ReceiveAsync("dev1", null, null, default)).ShouldNotBeNull();

    public async Task<bool> IsEmptyAsync() => await Messages.ReceiveAsync("dev1", null, null, default) is null;

    public Task<int> CountAsync() => Messages.CountAsync("dev1");

    public static string Text(QueuedMessage message) => Encoding.UTF8.GetString(message.Body.Span);

    public static string?[] Texts(IEnumerable<QueuedMessage> messages) => [.. messages.Select(Text)];

    public static string? Property(QueuedMessage message, string name) => RecordProperties.Read(message.Properties.Span).FirstOrDefault(p => p.Key == name).Value;

    /// <summary>Takes all feedback out, as <c>id:status</c>.</summary>
    public async Task<string[]> FeedbackAsync()
    {
        if (await Feedback.ReceiveAsync(ServiceBoundQueue.MaxBatch, default) is not { } batch)
            return [];
        (await Feedback.CompleteAsync(batch.LockToken, default)).ShouldBeNull();
        return [.. JsonSerializer.Deserialize<List<FeedbackRecord>>(batch.ToJsonArray(), JsonSerializerOptions.Web)!.Select(r =>
        {
            r.Description.ShouldBe(r.StatusCode);
            (r.DeviceId, r.DeviceGenerationId).ShouldBe(("dev1", "gen-dev1"));
            return $"{r.OriginalMessageId}:{r.StatusCode}";
        })];
    }

    public ValueTask DisposeAsync()
    {
        _database.Dispose();
        _seal.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Open()
    {
        Identities = new SqliteIdentityStore(_database, _seal, "hub1");
        Messages = new CloudToDeviceMessages(new SqliteCloudToDeviceStore(_database, "hub1"), Live, Settings, Time);
        Feedback = new ServiceBoundQueue(new SqliteServiceBoundStore(_database, "hub1"), ServiceBoundKind.Feedback, Settings.Feedback, Time);
    }
}
