using Homeport.Operations.Groups;
using Homeport.Operations.Jobs;
using Homeport.Hub.Access;
using Homeport.Hub.Access.Certificates;
using Homeport.Hub.CloudToDevice;
using Homeport.Hub.Files;
using Homeport.Hub.Jobs;
using Homeport.Hub.Live;
using Homeport.Hub.Methods;
using Homeport.Hub.Query;
using Homeport.Hub.Registry;
using Homeport.Hub.Telemetry;
using Homeport.Hub.Twins;
using Homeport.People.Accounts;
using Homeport.People.Audit;
using Homeport.People.Issuer;
using Homeport.People.Organizations;
using Homeport.People.Sessions;
using Homeport.People.Tokens;
using Homeport.Provisioning.Allocation.Linked;
using Homeport.Provisioning.Bulk;
using Homeport.Provisioning.Bulk.Jobs;
using Homeport.Provisioning.Enrollments;
using Homeport.Provisioning.Lifecycle;
using Homeport.Provisioning.Registrations;
using Homeport.Routing;

namespace Homeport.WebConsole;

/// <summary>What the console works with: the domain's services, the same that the REST API calls.</summary>
public sealed record ConsoleServices
{
    public required IdentityRegistry Registry { get; init; }

    public required LiveConnections Live { get; init; }

    public required DeviceTwins Twins { get; init; }

    public required DirectMethods Methods { get; init; }

    public required CloudToDeviceMessages CloudToDevice { get; init; }

    public required MessageReader Messages { get; init; }

    /// <summary>What devices sent before.</summary>
    public required MessageHistory PastMessages { get; init; }

    /// <summary>The latest connections of each device.</summary>
    public required IConnectionStore History { get; init; }

    /// <summary>Files of devices.</summary>
    public required FileUploads Files { get; init; }

    public required Explanations Explanations { get; init; }

    public required QueryRunner Queries { get; init; }

    public required DeviceAdmission Admission { get; init; }

    /// <summary>Imports of devices.</summary>
    public required ImportJobs ImportJobs { get; init; }

    public required DeviceExport Export { get; init; }

    public required ScheduledJobs Jobs { get; init; }

    public required CertificateAuthorities Authorities { get; init; }

    public required EnrollmentService Enrollments { get; init; }

    public required RegistrationService Registrations { get; init; }

    public required DeviceLifecycle Lifecycle { get; init; }

    public required DeviceApproval Approval { get; init; }

    public required ConnectionCredentials Connection { get; init; }

    /// <summary>Hubs to which devices are assigned.</summary>
    public required LinkedHubs Hubs { get; init; }

    /// <summary>Routes of messages.</summary>
    public required RoutingService Routing { get; init; }

    /// <summary>Device groups.</summary>
    public required DeviceGroups Groups { get; init; }

    /// <summary>Jobs over device groups.</summary>
    public required GroupJobs GroupJobs { get; init; }

    /// <summary>Device templates.</summary>
    public required ConsoleTemplates Templated { get; init; }

    public required AccountService Accounts { get; init; }

    public required OrganizationService Organizations { get; init; }

    public required SignInService SignIn { get; init; }

    public required SessionService Sessions { get; init; }

    public required ApiTokenService Tokens { get; init; }

    /// <summary>Who may vouch for people beside the own accounts, or null.</summary>
    public IssuerSettings? Issuer { get; init; }

    public required AuditLog Audit { get; init; }

    public required TimeProvider Time { get; init; }

    public required ConsoleFacts Facts { get; init; }
}

/// <summary>What the console shows of the server. None of it is secret.</summary>
/// <param name="Version">Of Homeport.</param>
/// <param name="Host">Host name of the hub and of provisioning.</param>
/// <param name="IdScope">ID scope of the application.</param>
/// <param name="Settings">The settings in effect: name, value, where it came from.</param>
/// <param name="CaFile">PEM file that clients have to trust, or null when the server has a certificate of another CA.</param>
public sealed record ConsoleFacts(string Version, string Host, string IdScope, IReadOnlyList<(string Name, string Value, string Source)> Settings, string? CaFile);
