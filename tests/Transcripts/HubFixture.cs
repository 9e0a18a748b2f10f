using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Homeport.Contract.Access;
using Homeport.Contract.Errors;
using Homeport.Contract.Rest;
using Homeport.Gateway;
using Homeport.Gateway.Amqp;
using Homeport.Gateway.Amqp.Events;
using Homeport.Gateway.Mqtt;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Access;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Consumers;
using Homeport.Hub.Faults;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Hub.Twins;
using Homeport.Log;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Storage;
using Homeport.Storage.Sqlite;

namespace Homeport.Tests.Transcripts;

/// <summary>A hub with its MQTT door, put together as the server does, on SQLite files in a folder of its own and on a clock of its own.</summary>
internal sealed class HubFixture : IAsyncDisposable
{
    public const string Host = "hub.example";
    public const string IdScope = "0ne000A1B2C";
    private readonly TempFolder _folder = new();
    private ThrottleProfile _limits = ThrottleProfile.Machine();
    private bool _takesFaults;
    private readonly ListLogger<MqttDoor> _doorLog = new();
    private readonly ListLogger<AmqpDoor> _amqpLog = new();
    private readonly ListLogger<HubLog> _storageLog = new();
    private readonly ListLogger<ActivityJournal> _activityLog = new();
    private readonly ListLogger<Explanations> _explanationLog = new();
    private readonly ListLogger<RegistrationDoor> _registrationLog = new();
    private SecretSeal _seal = null!;
    private SqliteDatabase _database = null!;
    private SqliteRecordStore _records = null!;
    private HubLog _log = null!;
    private ConnectionSweeper _sweeper = null!;
    private CancellationTokenSource _stop = null!;
    private Task[] _background = [];

    /// <summary>Starts the hub.</summary>
    /// <param name="start">The time on the hub's clock.</param>
    /// <param name="policyKey">Primary key of all policies; null for keys of their own.</param>
    public HubFixture(DateTimeOffset start, byte[]? policyKey = null)
    {
        Time = new FakeTimeProvider(start);
        Policies = SharedAccessPolicy.HubDefaults().Select(p => policyKey is null ? p : p with { PrimaryKey = policyKey }).ToDictionary(p => p.Name);
        Open();
    }

    /// <summary>Starts the hub again with other limits.</summary>
    public Task LimitAsync(HubOperation operation, int perMinute)
    {
        _limits = new ThrottleProfile { Name = "test", Hub = new Dictionary<HubOperation, Rate>(), Device = new Dictionary<HubOperation, Rate> { [operation] = Rate.OverAMinute(perMinute / 60.0) } };
        return RestartAsync();
    }

    /// <summary>Starts the hub again so that it takes orders for faults.</summary>
    public Task TakeFaultsAsync()
    {
        _takesFaults = true;
        return RestartAsync();
    }

    public FakeTimeProvider Time { get; }

    public UnreliableDisk Disk { get; private set; } = null!;

    public ObservedStore Store { get; private set; } = null!;

    public IdentityRegistry Registry { get; private set; } = null!;

    public Explanations Explanations { get; private set; } = null!;

    public IReadOnlyDictionary<string, SharedAccessPolicy> Policies { get; }

    public LiveConnections Live { get; private set; } = null!;

    public DeviceTwins Twins { get; private set; } = null!;

    public DirectMethods Methods { get; private set; } = null!;

    public MqttDoor Door { get; private set; } = null!;

    /// <summary>The door of AMQP, with all nodes, those of the events too.</summary>
    public AmqpDoor Amqp { get; private set; } = null!;

    public CloudToDeviceMessages CloudToDevice { get; private set; } = null!;

    /// <summary>Lets devices register over the same door.</summary>
    public EnrollmentService Enrollments { get; private set; } = null!;

    public int OpenConnections => _sweeper.Count;

    /// <summary>Ids of the logged events at level Warning and above.</summary>
    public IEnumerable<int> Problems => _doorLog.Problems.Concat(_amqpLog.Problems).Concat(_storageLog.Problems).Concat(_activityLog.Problems).Concat(_explanationLog.Problems).Concat(_registrationLog.Problems);

    /// <summary>All that was logged, for the message of a failing test and for the search for secrets.</summary>
    public IEnumerable<string> LogLines => _doorLog.Entries.Concat(_amqpLog.Entries).Concat(_storageLog.Entries).Concat(_activityLog.Entries).Concat(_explanationLog.Entries).Concat(_registrationLog.Entries).Select(e => $"{e.Level} {e.Id}: {e.Text}");

    /// <summary>A key that a test can make again from the name.</summary>
    public static byte[] KeyOf(string name) => SHA256.HashData(Encoding.UTF8.GetBytes("key of " + name));

    /// <summary>Stops the server, which ends all connections, and starts another on the same files.</summary>
    public async Task RestartAsync()
    {
        await _stop.CancelAsync();
        for (var i = 0; i < 1000 && (_sweeper.Count > 0 || Live.Count > 0); i++)
            await Task.Delay(10);
        OpenConnections.ShouldBe(0, "a stopping server ends its connections");
        await CloseAsync();
        Open();
    }

    public async Task RegisterAsync(string key, bool enabled = true, Authentication? authentication = null)
    {
        var names = key.Split('/');
        var outcome = await Registry.PutAsync(
            new Identity
            {
                DeviceId = names[0],
                ModuleId = names.ElementAtOrDefault(1),
                GenerationId = "",
                Enabled = enabled,
                Authentication = authentication ?? new Authentication(AuthenticationType.Sas, KeyOf(key), KeyOf("second " + key)),
            },
            IfMatch.Absent, default);
        outcome.Refusal.ShouldBeNull();
    }

    public string Token(string audience, byte[] key, int seconds, string? policy = null) => SharedAccessSignature.Create(audience, key, Time.GetUtcNow().AddSeconds(seconds), policy);

    /// <summary>Stores a message in a partition, of a device of the partition's.</summary>
    public Task StoreAsync(int partition, string body)
    {
        var writer = Enumerable.Range(1, 1000).Select(i => _log.WriterFor(new RecordOrigin($"device-{i}", null, "1", ""))).First(w => w.Partition == partition);
        return _log.Append(writer, MessageSource.Telemetry, [], Encoding.UTF8.GetBytes(body)).WhenDurable();
    }

    /// <summary>Lets a device register by its certificate, or else by a symmetric key.</summary>
    public async Task EnrollAsync(string id, byte[] key, X509Certificate2? certificate = null)
    {
        var text = Convert.ToBase64String(key);
        var attestation = certificate is null
            ? new AttestationDescription { Type = "symmetricKey", SymmetricKey = new SymmetricKeyDescription(text, text) }
            : new AttestationDescription { Type = "x509", X509 = new X509AttestationDescription { ClientCertificates = new CertificatePairDescription(new CertificateWithInfo(certificate.ExportCertificatePem())) } };
        (await Enrollments.PutAsync(EnrollmentKind.Individual, id, new EnrollmentDescription { RegistrationId = id, Attestation = attestation }, IfMatch.Absent, default)).Refusal.ShouldBeNull();
    }

    /// <summary>The stored messages of an identity, as <c>[name="value" name] body</c>.</summary>
    public async Task<IReadOnlyList<string>> StoredAsync(string key)
    {
        var names = key.Split('/');
        var partition = _log.WriterFor(new RecordOrigin(names[0], null, "", "")).Partition;
        var records = await _log.ReadAsync(partition, 0, int.MaxValue, TimeSpan.Zero, default);
        return [.. from record in records
                   where Identity.KeyOf(record.Origin.DeviceId, record.Origin.ModuleId) == key
                   let properties = string.Join(' ', record.Properties.Select(p => p.Value is null ? p.Key : $"{p.Key}=\"{p.Value}\""))
                   let body = record.Body.Length > 1000 ? $"size:{record.Body.Length}" : Encoding.UTF8.GetString(record.Body.Span)
                   select $"[{properties}] {body}".TrimEnd()];
    }

    public Task StopAsync() => _stop.CancelAsync();

    public static X509Certificate2 Certificate(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2035, 1, 1, 0, 0, 0, TimeSpan.Zero));
    }

    public async ValueTask DisposeAsync()
    {
        Disk.GoOn();
        await CloseAsync();
        _folder.Dispose();
    }

    private void Open()
    {
        _stop = new CancellationTokenSource();
        _seal = SecretSeal.Open(_folder.File("secret.key"));
        _database = SqliteDatabase.Open(_folder.File("hub.db"));
        _records = SqliteRecordStore.Open(_folder.File("messages.db"), 4);
        Disk = new UnreliableDisk(_records);
        _log = new HubLog(Disk, new RetentionLimits(TimeSpan.FromDays(7)), Time, _storageLog);
        Store = new ObservedStore(new SqliteIdentityStore(_database, _seal, "hub1"));
        Live = new LiveConnections();
        Registry = new IdentityRegistry(Store, Live, Time);
        Explanations = new Explanations(Time, _explanationLog);
        var rules = new TokenRules(new HashSet<string>(StringComparer.OrdinalIgnoreCase) { Host, "localhost", "hub.probe.test" }, Time);
        Twins = new DeviceTwins(new SqliteTwinStore(_database, "hub1"), Registry, Live, Time);
        Methods = new DirectMethods(Live, Registry, Time);
        var devices = OpenProvisioning();
        var activity = new ActivityJournal(Store, Time, _activityLog);
        _sweeper = new ConnectionSweeper(Time);
        CloudToDevice = new CloudToDeviceMessages(new SqliteCloudToDeviceStore(_database, "hub1"), Live, new CloudToDeviceSettings(), Time);
        var door = new HubDoor
        {
            Authenticator = new DeviceAuthenticator(Store, Policies, rules),
            Telemetry = new TelemetryIngest(_log),
            Twins = Twins,
            Methods = Methods,
            Subscriptions = new SqliteSubscriptionStore(_database, "hub1"),
            CloudToDevice = CloudToDevice,
            Throttles = new Throttles(_limits, Time),
            Faults = _takesFaults ? new FaultInjection(Time) : null,
            Live = Live,
            Activity = activity,
            Explanations = Explanations,
            Registrations = devices,
        };
        Door = new MqttDoor(door, _sweeper, Time, _doorLog);
        Amqp = OpenAmqp(door, rules);
        _background = [_sweeper.RunAsync(_stop.Token), activity.RunAsync(_stop.Token)];
    }

    private AmqpDoor OpenAmqp(HubDoor door, TokenRules rules)
    {
        var receivers = new PartitionReceivers();
        var groups = new ConsumerGroups(new SqliteConsumerGroupStore(_database, "hub1"), Time.GetUtcNow(), Time) { Removed = receivers.End };
        ServiceBoundQueue Queue(ServiceBoundKind kind) => new(new SqliteServiceBoundStore(_database, "hub1"), kind, new ServiceBoundSettings(), Time);
        var nodes = new AmqpNodes();
        nodes.AddEvents(new EventHub("probe-eh", Host, 5671, _log, groups, receivers));
        nodes.AddServices("hub1", door, Queue(ServiceBoundKind.Feedback), Queue(ServiceBoundKind.FileNotification));
        return new AmqpDoor(door, new ServiceAuthorizer(Policies, rules, HubErrors.IotHubUnauthorized, HubErrors.IotHubUnauthorizedAccess), nodes, _sweeper, Time, _amqpLog);
    }

    private RegistrationDoor OpenProvisioning()
    {
        var allocator = new HubAllocator([new LinkedHub(Host, new OwnHub(Registry, Twins))]);
        var endorsements = new SqliteEndorsementStore(_database, "default");
        Enrollments = new EnrollmentService(new SqliteEnrollmentStore(_database, _seal, "default"), endorsements, allocator, Time);
        var authorities = new ProvisioningAuthorities(new SqliteCertificateStore(_database, "provisioning"), new SqliteRevocationStore(_database, "default"), Time);
        var attestation = new DeviceAttestation(Enrollments, authorities, new ChallengeKeys(Time), Time);
        var registrations = new RegistrationService(attestation, new SqliteRegistrationStore(_database, "default"), allocator, Time);
        return new RegistrationDoor(IdScope, registrations, new RegistrationLimits(Time), Explanations, Time, _registrationLog);
    }

    private async Task CloseAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_background);
        await _log.DisposeAsync();
        _records.Dispose();
        _database.Dispose();
        _seal.Dispose();
        _stop.Dispose();
    }
}
