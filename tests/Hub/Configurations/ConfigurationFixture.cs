using System.Text;
using System.Text.Json.Nodes;
using Homeport.Hub.Configurations;
using Homeport.Hub.Live;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Twins;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Hub.Configurations;

/// <summary>Configurations over a SQLite file in a folder of their own; the test says when they are applied.</summary>
internal sealed class ConfigurationFixture : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SecretSeal _seal;
    private readonly SqliteDatabase _database;

    public ConfigurationFixture()
    {
        _seal = SecretSeal.Open(_folder.File("secret.key"));
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        Registry = new IdentityRegistry(new SqliteIdentityStore(_database, _seal, "hub1"), Live, Time);
        Twins = new DeviceTwins(new SqliteTwinStore(_database, "hub1"), Registry, Live, Time);
        Source = new SqliteQuerySource(_database, Live, "hub1");
        Store = new SqliteConfigurationStore(_database, "hub1");
        Configurations = new DeviceConfigurations(Store, Source, Twins, Registry, Time);
        Applier = new ConfigurationApplier(Store, Source, Twins, new ModuleContent(Registry, Twins), Time, Log);
        Configurations.Changed += Applier.NoteAll;
        Twins.Changed += Applier.Note;
        Registry.Written += Applier.Note;
    }

    public FakeTimeProvider Time { get; } = new();

    public LiveConnections Live { get; } = new();

    public IdentityRegistry Registry { get; }

    public DeviceTwins Twins { get; }

    public SqliteQuerySource Source { get; }

    public SqliteConfigurationStore Store { get; }

    public DeviceConfigurations Configurations { get; }

    public ConfigurationApplier Applier { get; }

    public ListLogger<ConfigurationApplier> Log { get; } = new();

    public static ConfigurationRequest Request(string id, string? condition, string? content = null, int priority = 1, string? metrics = null)
        => new(id, condition, priority, null, null, content is null ? null : JsonNode.Parse(content)!.AsObject(), metrics is null ? null : JsonNode.Parse(metrics)!.AsObject());

    public Task ApplyAsync() => Applier.WorkAsync(TestContext.Current.CancellationToken);

    public async Task<ConfigurationView> PutAsync(string id, string? condition, string? content = null, int priority = 1, string? metrics = null, string? ifMatch = null)
    {
        Time.Advance(TimeSpan.FromSeconds(1));
        var outcome = await Configurations.PutAsync(Request(id, condition, content, priority, metrics), IfMatch.Parse(ifMatch), default);
        return outcome.Value ?? throw new InvalidOperationException(outcome.Refusal!.Text);
    }

    public async Task AddAsync(string deviceId, string? module = null, string? tags = null, bool edge = false)
    {
        var identity = new Identity { DeviceId = deviceId, ModuleId = module, GenerationId = "", IotEdge = edge, Authentication = new Authentication(AuthenticationType.None) };
        (await Registry.PutAsync(identity, IfMatch.Absent, default)).Refusal.ShouldBeNull();
        if (tags is not null)
            await TagAsync(deviceId, tags);
    }

    public async Task TagAsync(string deviceId, string tags)
        => (await Twins.PatchAsync(deviceId, null, new TwinPatch(JsonNode.Parse(tags)!.AsObject(), null), IfMatch.Absent, default)).Refusal.ShouldBeNull();

    public async Task<Twin> TwinAsync(string deviceId, string? module = null) => (await Twins.GetAsync(deviceId, module, default)).Value!;

    public async Task<string> DesiredAsync(string deviceId, string? module = null) => Encoding.UTF8.GetString((await TwinAsync(deviceId, module)).Desired.Properties.Span);

    public async Task<string> ShownAsync(string deviceId, string? module = null) => Encoding.UTF8.GetString((await TwinAsync(deviceId, module)).Configurations.Span);

    public async Task<IReadOnlyList<string>> QueryAsync(string text)
    {
        var outcome = await new QueryRunner(Source).RunAsync(HubQuery.Parse(text).Value ?? throw new InvalidOperationException(HubQuery.Parse(text).Refusal!.Text), 1000, null, default);
        var page = outcome.Value!;
        return [.. page.Objects.Select(o => (string)JsonNode.Parse(o.Span)!["deviceId"]!), .. page.Rows.Select(r => r.Key.DeviceId)];
    }

    public void Dispose()
    {
        _database.Dispose();
        _seal.Dispose();
        _folder.Dispose();
    }
}
