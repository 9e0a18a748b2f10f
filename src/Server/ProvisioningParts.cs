using Homeport.Contract.Errors;
using Homeport.Gateway.Http.Operators;
using Homeport.Gateway.Http.Provisioning;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Access;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Allocation.Linked;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;
using Homeport.Provisioning.Registrations;
using Homeport.Server.Certificates;
using Homeport.Server.Options;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together the provisioning service of the application.</summary>
internal sealed partial class ProvisioningParts : IDisposable
{
    private static readonly TimeSpan TidyInterval = TimeSpan.FromSeconds(30);

    private readonly LinkedHubs _hubs;
    private readonly AllocationWebhook _webhook;
    private readonly CertificateIssuance _issuance;
    private readonly RegistrationService _registrations;
    private readonly TimeProvider _time;
    private SignerCommand? _signer;
    private readonly ILogger<ProvisioningParts> _logger;

    public ProvisioningParts(ServerOptions options, Installation installation, OwnHub own, Explanations explanations, TokenRules rules, ILoggerFactory loggers)
    {
        _time = rules.Time;
        Endpoint = options.Hosts[0];
        _logger = loggers.CreateLogger<ProvisioningParts>();
        const string application = Installation.ApplicationName;
        _hubs = new LinkedHubs(options.Hosts[0], own, new SqliteLinkedHubStore(installation.Database, installation.Seal, application), _time);
        var allocator = new HubAllocator(() => _hubs.Topology);
        _webhook = new AllocationWebhook(options.Webhooks);
        _issuance = new CertificateIssuance(Issuers(options, installation), new SqliteIssuedCertificateStore(installation.Database, application), allocator, _time);
        var endorsements = new SqliteEndorsementStore(installation.Database, application);
        var enrollments = new EnrollmentService(new SqliteEnrollmentStore(installation.Database, installation.Seal, application), endorsements, allocator, _time) { CheckIssuer = _issuance.CheckAuthority };
        Authorities = new ProvisioningAuthorities(new SqliteCertificateStore(installation.Database, $"provisioning of {application}"), new SqliteRevocationStore(installation.Database, application), _time);
        var attestation = new DeviceAttestation(enrollments, Authorities, new ChallengeKeys(_time), _time, _issuance);
        var devices = new SqliteDeviceStore(installation.Database, application);
        Approval = new DeviceApproval(devices, _time);
        _registrations = new RegistrationService(attestation, new SqliteRegistrationStore(installation.Database, application), allocator, _time, _webhook, _issuance) { Approval = Approval };
        Lifecycle = new DeviceLifecycle(devices, own, allocator, _registrations, enrollments, _time);
        Connection = new ConnectionCredentials(installation.IdScope, enrollments, Authorities);
        var policies = installation.ProvisioningPolicies.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var authorizer = new ServiceAuthorizer(policies, rules, ProvisioningErrors.Unauthorized, ProvisioningErrors.Forbidden);
        Devices = new RegistrationDoor(installation.IdScope, _registrations, new RegistrationLimits(_time), explanations, _time, loggers.CreateLogger<RegistrationDoor>());
        Endorsements = new EndorsementLists(enrollments, endorsements, Authorities, _time);
        Api = new ProvisioningApi(Devices, enrollments, _registrations, authorizer, explanations, _time, loggers.CreateLogger<ProvisioningApi>());
    }

    /// <summary>Host name of the hub and of provisioning.</summary>
    public string Endpoint { get; }

    /// <summary>The device side, for every transport.</summary>
    public RegistrationDoor Devices { get; }

    /// <summary>What the endpoints stand on.</summary>
    public ProvisioningApi Api { get; }

    public ProvisioningAuthorities Authorities { get; }

    public EndorsementLists Endorsements { get; }

    /// <summary>The hubs to which devices are assigned.</summary>
    public LinkedHubs Hubs => _hubs;

    /// <summary>Who is let in.</summary>
    public DeviceApproval Approval { get; }

    /// <summary>What operators do with devices.</summary>
    public DeviceLifecycle Lifecycle { get; }

    /// <summary>What devices need to come.</summary>
    public ConnectionCredentials Connection { get; }

    /// <summary>Registers devices.</summary>
    public RegistrationService Registrations => _registrations;

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapProvisioningDevices(Api);
        routes.MapProvisioningService(Api);
        routes.MapProvisioningCertificates(Api, Authorities);
        routes.MapEndorsementKeys(Api, Endorsements);
        routes.MapAllocation(Api, _hubs);
        routes.MapIssuedCertificates(Api, _issuance);
    }

    /// <summary>Maps what operators do with devices and groups.</summary>
    public void MapOperators(IEndpointRouteBuilder routes, OperatorApi api)
    {
        routes.MapDevices(api, Lifecycle);
        routes.MapAttestation(api, Lifecycle, Connection, Api.Enrollments);
        GroupEndpoints.Map(routes, api, Api.Enrollments, Connection);
        routes.MapConnection(api, Connection.IdScope, Endpoint, Approval);
    }

    /// <summary>Takes what earlier runs kept.</summary>
    public Task LoadAsync(CancellationToken token) => _hubs.LoadAsync(token);

    /// <summary>Removes what devices left behind in hubs that could not be reached, until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TidyInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                try
                {
                    await _registrations.TidyAsync(stop);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // The next round tries again.
                    LogFailed(e);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _hubs.Dispose();
        _webhook.Dispose();
        _signer?.Dispose();
    }

    private Dictionary<string, ICertificateIssuer> Issuers(ServerOptions options, Installation installation)
    {
        var authority = CertificateAuthority.Open(options.DataDirectory, installation.Seal, _time, CertificateAuthority.Devices);
        var issuers = new Dictionary<string, ICertificateIssuer>(StringComparer.OrdinalIgnoreCase)
        {
            ["default"] = new AuthorityIssuer(authority.Certificate, TimeSpan.FromDays(options.DeviceCertificateDays), _time),
        };
        if (options.CertificateSigner is { } program)
            issuers.Add("external", _signer = new SignerCommand(program, SignerCommand.Patience));
        return issuers;
    }

    [LoggerMessage(EventId = 4301, Level = LogLevel.Error, Message = "What devices left behind in other hubs could not be removed.")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(EventId = 4302, Level = LogLevel.Debug, Message = "Tidying of registrations stopped.")]
    private partial void LogStopped();
}
