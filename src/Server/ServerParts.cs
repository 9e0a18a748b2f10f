using Homeport.Contract.Errors;
using Homeport.Gateway;
using Homeport.Gateway.Amqp;
using Homeport.Gateway.Http;
using Homeport.Gateway.Http.Devices;
using Homeport.Gateway.Mqtt;
using Homeport.Hub.Access;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Events;
using Homeport.Hub.Faults;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Hub.Twins;
using Homeport.Log;
using Homeport.People.Access;
using Homeport.People.Audit;
using Homeport.Provisioning.Allocation;
using Homeport.Server.Options;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts the parts together, in the order in which they depend on each other: storage, hub, provisioning, doors.</summary>
internal sealed class ServerParts : IAsyncDisposable
{
    private readonly SqliteRecordStore _records;
    private readonly HubLog _log;
    private readonly EventRelay _events;
    private readonly FleetParts _fleet;
    private readonly ProvisioningParts _provisioning;
    private readonly Explanations _explanations;

    public ServerParts(ServerOptions options, Installation installation, TimeProvider time, ILoggerFactory loggers, IssuerParts? issuer)
    {
        var explanations = _explanations = new Explanations(time, loggers.CreateLogger<Explanations>(), new SqliteExplanationStore(installation.Database));
        var rules = new TokenRules(options.Hosts.ToHashSet(StringComparer.OrdinalIgnoreCase), time);
        var identities = new SqliteIdentityStore(installation.Database, installation.Seal, Installation.HubName);
        var live = new LiveConnections();
        var events = new EventWriter(Installation.HubName, options.Events, time);
        var registry = new IdentityRegistry(identities, live, time, events);
        var certificates = new SqliteCertificateStore(installation.Database, Installation.HubName);
        Authorities = new CertificateAuthorities(certificates, time, new IssuedConnections(live).CloseAsync);

        _records = SqliteRecordStore.Open(Path.Combine(options.DataDirectory, $"{Installation.HubName}.messages.db"), options.Partitions);
        _log = new HubLog(_records, options.Retention, time, loggers.CreateLogger<HubLog>());
        _events = new EventRelay(new SqliteEventStore(installation.Database, Installation.HubName), _log, loggers.CreateLogger<EventRelay>());
        events.Stored = _events.Wake;
        var connections = new ConnectionEvents(live, events, _events, time);
        History = new SqliteConnectionStore(installation.Database, Installation.HubName);
        var activity = new ActivityJournal(identities, time, loggers.CreateLogger<ActivityJournal>(), connections, History);
        var sweeper = new ConnectionSweeper(time);

        var settings = new CloudToDeviceSettings();
        var messages = new CloudToDeviceMessages(new SqliteCloudToDeviceStore(installation.Database, Installation.HubName), live, settings, time);
        var feedback = new ServiceBoundQueue(new SqliteServiceBoundStore(installation.Database, Installation.HubName), ServiceBoundKind.Feedback, settings.Feedback, time);
        FileNotifications = new ServiceBoundQueue(new SqliteServiceBoundStore(installation.Database, Installation.HubName), ServiceBoundKind.FileNotification, new ServiceBoundSettings(), time);

        People = new PeopleParts(installation, explanations, time, issuer, loggers);
        var policies = installation.HubPolicies.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var twins = new DeviceTwins(new SqliteTwinStore(installation.Database, Installation.HubName), registry, live, time, events);
        _provisioning = new ProvisioningParts(options, installation, new OwnHub(registry, twins), explanations, rules, loggers);
        WatchDevices(twins);
        var door = new HubDoor
        {
            Authenticator = new DeviceAuthenticator(identities, policies, rules, certificates),
            Telemetry = new TelemetryIngest(_log),
            Twins = twins,
            Methods = new DirectMethods(live, registry, time),
            Subscriptions = new SqliteSubscriptionStore(installation.Database, Installation.HubName),
            CloudToDevice = messages,
            Live = live,
            Activity = activity,
            Explanations = explanations,
            Throttles = new Throttles(options.Limits, time),
            Faults = options.FaultInjection ? new FaultInjection(time) : null,
            Registrations = _provisioning.Devices,
        };
        Mqtt = new MqttDoor(door, sweeper, time, loggers.CreateLogger<MqttDoor>());
        var authorizer = new ServiceAuthorizer(policies, rules, HubErrors.IotHubUnauthorized, HubErrors.IotHubUnauthorizedAccess);
        Amqp = new AmqpDoor(door, authorizer, Nodes, sweeper, time, loggers.CreateLogger<AmqpDoor>());
        Hub = BuildHub(door, authorizer, registry, new MessageReader(_log), time) with { HostName = options.Hosts[0] };
        Devices = new DeviceCalls(door, time);
        DeviceMessages = new MessageApi(Hub, messages, feedback);
        Diagnosis = new DiagnosisApi(Hub, door.Subscriptions, _provisioning.Registrations);
        _fleet = new FleetParts(Hub, _provisioning, People, (installation, options), loggers);
        connections.Changed = _fleet.ConnectionChanged;
        Templates = new TemplateParts(Hub, People.Api, PastMessages = new MessageHistory(_log), options, installation, _provisioning, loggers);
        Groups = new GroupParts(Hub, Templates.Api, _provisioning.Lifecycle, installation.Database, loggers);
        Events = new EventParts(_log, options, installation, time);
        Routing = new RoutingParts(_log, events, installation, time, loggers);
        Exports = new ExportParts(_log, events, Templates, options, installation, time, loggers);
        AddNodes(door, feedback);
        Background = [sweeper.RunAsync, .. Upkeep(door, messages, feedback, installation.Database, loggers), activity.RunAsync, _events.RunAsync, .. _fleet.Background, _provisioning.RunAsync, Groups.RunAsync, explanations.RunAsync, Routing.Service.RunAsync, Exports.RunAsync];
    }

    /// <summary>What runs beside the doors until the server stops.</summary>
    public IReadOnlyList<Func<CancellationToken, Task>> Background { get; }

    public MqttDoor Mqtt { get; }

    public AmqpDoor Amqp { get; }

    /// <summary>The nodes of AMQP; those of services and consumers are added to them.</summary>
    public AmqpNodes Nodes { get; } = new();

    public HubApi Hub { get; }

    /// <summary>Calls of devices over HTTPS.</summary>
    public DeviceCalls Devices { get; }

    public MessageApi DeviceMessages { get; }

    public DiagnosisApi Diagnosis { get; }

    /// <summary>What devices sent before.</summary>
    public MessageHistory PastMessages { get; }

    /// <summary>The latest connections of each device.</summary>
    public IConnectionStore History { get; }

    /// <summary>What services hear of uploaded files.</summary>
    public ServiceBoundQueue FileNotifications { get; }

    public CertificateAuthorities Authorities { get; }

    /// <summary>Work with many devices at once.</summary>
    public FleetParts Fleet => _fleet;

    /// <summary>Device templates.</summary>
    public TemplateParts Templates { get; }

    /// <summary>Device groups, and jobs over them.</summary>
    public GroupParts Groups { get; }

    /// <summary>Readers of events.</summary>
    public EventParts Events { get; }

    /// <summary>Routes of messages.</summary>
    public RoutingParts Routing { get; }

    /// <summary>Exports of data, and changes of devices on their way to the log.</summary>
    public ExportParts Exports { get; }

    /// <summary>Accounts, sessions, API tokens and the audit log.</summary>
    public PeopleParts People { get; }

    /// <summary>Enrollments, registrations and the hubs to which devices go.</summary>
    public ProvisioningParts Provisioning => _provisioning;

    /// <summary>Takes what earlier runs kept, before the doors open.</summary>
    public async Task LoadAsync(CancellationToken token)
    {
        await _explanations.LoadAsync(token);
        await _provisioning.LoadAsync(token);
        await Routing.Service.LoadAsync(token);
        await Exports.LoadAsync(Routing.Service, token);
    }

    /// <summary>Maps the API of operators.</summary>
    public void MapOperators(IEndpointRouteBuilder routes)
    {
        People.Map(routes, Fleet, Provisioning);
        Templates.Map(routes);
        Routing.Map(routes, People.Api);
        Exports.Map(routes, People.Api);
        Groups.Map(routes);
    }

    /// <summary>Ends what the background leaves behind: what devices sent before the doors closed is written.</summary>
    public async ValueTask DisposeAsync()
    {
        _events.Dispose();
        _fleet.Dispose();
        Routing.Dispose();
        Exports.Dispose();
        Groups.Dispose();
        People.Dispose();
        _provisioning.Dispose();
        await _log.DisposeAsync();
        _records.Dispose();
    }

    private void AddNodes(HubDoor door, ServiceBoundQueue feedback)
    {
        Nodes.AddEvents(Events.Hub);
        Nodes.AddServices(Installation.HubName, door, feedback, FileNotifications);
    }

    private void WatchDevices(DeviceTwins twins)
    {
        _provisioning.Approval.Waits = (device, token) => People.Audit.AppendAsync(
            Actor.Server, new AuditAction("waitForApproval", "device", device.DeviceId) { Detail = $"group {device.GroupId}, {device.Credential}, from {device.Address}" }, token);
        _provisioning.Registrations.Assigned = (assigned, token) => People.Audit.AppendAsync(
            Actor.Server, new AuditAction("assign", "device", assigned.DeviceId ?? assigned.RegistrationId) { Detail = $"to {assigned.AssignedHub}, group {assigned.EnrollmentGroupId ?? "none"}, {assigned.Credential}" }, token);
        _provisioning.Lifecycle.CheckOrganization = People.Organizations.CheckAsync;
        _provisioning.Lifecycle.Changed = new TaggedNames(twins).NoteAsync;
    }

    /// <summary>Ends messages whose time is over, and keeps the count of the day.</summary>
    private IReadOnlyList<Func<CancellationToken, Task>> Upkeep(HubDoor door, CloudToDeviceMessages messages, ServiceBoundQueue feedback, SqliteDatabase database, ILoggerFactory loggers) =>
    [
        new CloudToDeviceSweep(messages, [feedback, FileNotifications], Hub.Time, loggers.CreateLogger<CloudToDeviceSweep>()).RunAsync,
        new QuotaKeeper(door.Throttles, new SqliteQuotaStore(database, Installation.HubName), Hub.Time, loggers.CreateLogger<QuotaKeeper>()).RunAsync,
    ];

    /// <summary>The service side of the hub whose device side the doors have.</summary>
    private static HubApi BuildHub(HubDoor door, ServiceAuthorizer authorizer, IdentityRegistry registry, MessageReader messages, TimeProvider time) => new()
    {
        Name = Installation.HubName,
        Authorizer = authorizer,
        Registry = registry,
        Live = door.Live,
        Twins = door.Twins,
        Methods = door.Methods,
        CloudToDevice = door.CloudToDevice,
        Messages = messages,
        Explanations = door.Explanations,
        Time = time,
        Throttles = door.Throttles,
    };
}
