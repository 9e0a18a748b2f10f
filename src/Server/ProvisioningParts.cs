using Homeport.Contract.Errors;
using Homeport.Gateway.Http.Provisioning;
using Homeport.Gateway.Provisioning;
using Homeport.Hub.Access;
using Homeport.Hub.Registry;
using Homeport.Provisioning.Allocation;
using Homeport.Provisioning.Attestation;
using Homeport.Provisioning.Attestation.Tpm;
using Homeport.Provisioning.Certificates;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Registrations;
using Homeport.Server.Options;
using Homeport.Storage.Sqlite;

namespace Homeport.Server;

/// <summary>Puts together the provisioning service of the application.</summary>
internal sealed class ProvisioningParts
{
    public ProvisioningParts(
        ServerOptions options, Installation installation, IdentityRegistry registry, Explanations explanations, TokenRules rules, ILoggerFactory loggers)
    {
        var time = rules.Time;
        var allocator = new HubAllocator([new LinkedHub(options.Hosts[0], registry)]);
        var endorsements = new SqliteEndorsementStore(installation.Database, Installation.ApplicationName);
        var enrollments = new EnrollmentService(new SqliteEnrollmentStore(installation.Database, installation.Seal, Installation.ApplicationName), endorsements, allocator, time);
        Authorities = new ProvisioningAuthorities(
            new SqliteCertificateStore(installation.Database, $"provisioning of {Installation.ApplicationName}"), new SqliteRevocationStore(installation.Database, Installation.ApplicationName), time);
        var attestation = new DeviceAttestation(enrollments, Authorities, new ChallengeKeys(time), time);
        var registrations = new RegistrationService(attestation, new SqliteRegistrationStore(installation.Database, Installation.ApplicationName), allocator, time);
        var policies = installation.ProvisioningPolicies.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var authorizer = new ServiceAuthorizer(policies, rules, ProvisioningErrors.Unauthorized, ProvisioningErrors.Forbidden);
        Devices = new RegistrationDoor(installation.IdScope, registrations, new RegistrationLimits(time), explanations, time, loggers.CreateLogger<RegistrationDoor>());
        Endorsements = new EndorsementLists(enrollments, endorsements, Authorities, time);
        Api = new ProvisioningApi(Devices, enrollments, registrations, authorizer, explanations, time, loggers.CreateLogger<ProvisioningApi>());
    }

    /// <summary>The device side, for every transport.</summary>
    public RegistrationDoor Devices { get; }

    public ProvisioningApi Api { get; }

    public ProvisioningAuthorities Authorities { get; }

    public EndorsementLists Endorsements { get; }

    /// <summary>Maps all calls.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapProvisioningDevices(Api);
        routes.MapProvisioningService(Api);
        routes.MapProvisioningCertificates(Api, Authorities);
        routes.MapEndorsementKeys(Api, Endorsements);
    }
}
