using Homeport.Contract.Errors;
using Homeport.Gateway;
using Homeport.Gateway.Http;
using Homeport.Gateway.Http.Provisioning;
using Homeport.Gateway.Mqtt;
using Homeport.Hub.Access;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.Faults;
using Homeport.Hub.Limits;
using Homeport.Hub.Live;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Log;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Server.Options;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts the parts together, in the order in which they depend on each other: storage, hub, provisioning, doors.</summary>
internal sealed class ServerParts
{
    public ServerParts(ServerOptions options, Installation installation, TimeProvider time, ILoggerFactory loggers)
    {
        var explanations = new Explanations(time, loggers.CreateLogger<Explanations>());
        var rules = new TokenRules(options.Hosts.ToHashSet(StringComparer.OrdinalIgnoreCase), time);
        var identities = new SqliteIdentityStore(installation.Database, installation.Seal, Installation.HubName);
        var live = new LiveConnections();
        var registry = new IdentityRegistry(identities, live, time);
        var certificates = new SqliteCertificateStore(installation.Database, Installation.HubName);
        Authorities = new CertificateAuthorities(certificates, identities, live, time);

        Records = SqliteRecordStore.Open(Path.Combine(options.DataDirectory, $"{Installation.HubName}.messages.db"), options.Partitions);
        Log = new HubLog(Records, TimeSpan.FromDays(options.RetentionDays), time, loggers.CreateLogger<HubLog>());
        Activity = new ActivityJournal(identities, time, loggers.CreateLogger<ActivityJournal>());
        Sweeper = new ConnectionSweeper(time);

        var policies = installation.HubPolicies.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var throttles = new Throttles(options.Limits, time);
        var door = new HubDoor
        {
            Authenticator = new DeviceAuthenticator(identities, policies, rules, certificates),
            Telemetry = new TelemetryIngest(Log),
            Live = live,
            Activity = Activity,
            Explanations = explanations,
            Throttles = throttles,
            Faults = options.FaultInjection ? new FaultInjection(time) : null,
        };
        Mqtt = new MqttDoor(door, Sweeper, time, loggers.CreateLogger<MqttDoor>());
        var authorizer = new ServiceAuthorizer(policies, rules, HubErrors.IotHubUnauthorized, HubErrors.IotHubUnauthorizedAccess);
        Hub = new HubApi(Installation.HubName, authorizer, registry, live, new MessageReader(Log), explanations, time)
        {
            Throttles = throttles,
        };
        Provisioning = BuildProvisioning(options, installation, registry, explanations, rules, loggers);
    }

    public SqliteRecordStore Records { get; }

    public HubLog Log { get; }

    public ActivityJournal Activity { get; }

    public ConnectionSweeper Sweeper { get; }

    public MqttDoor Mqtt { get; }

    public HubApi Hub { get; }

    public CertificateAuthorities Authorities { get; }

    public ProvisioningApi Provisioning { get; }

    private static ProvisioningApi BuildProvisioning(
        ServerOptions options, Installation installation, IdentityRegistry registry, Explanations explanations, TokenRules rules, ILoggerFactory loggers)
    {
        var time = rules.Time;
        var allocator = new HubAllocator([new LinkedHub(options.Hosts[0], registry)]);
        var enrollments = new EnrollmentService(new SqliteEnrollmentStore(installation.Database, installation.Seal, Installation.ApplicationName), allocator, time);
        var attestation = new DeviceAttestation(enrollments, new ChallengeKeys(time), time);
        var registrations = new RegistrationService(attestation, new SqliteRegistrationStore(installation.Database, Installation.ApplicationName), allocator, time);
        var policies = installation.ProvisioningPolicies.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var authorizer = new ServiceAuthorizer(policies, rules, ProvisioningErrors.Unauthorized, ProvisioningErrors.Forbidden);
        return new ProvisioningApi(installation.IdScope, enrollments, registrations, authorizer, explanations, time, loggers.CreateLogger<ProvisioningApi>());
    }
}
