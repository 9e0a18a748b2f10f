using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Server.Certificates;
using Homeport.Server.Options;
using Homeport.Templates;
using Homeport.WebConsole;

namespace Homeport.Server;

/// <summary>What the console gets of the server: the services behind the REST API, and facts to show.</summary>
internal static class ConsoleParts
{
    public static ConsoleServices Of(ServerParts parts, ServerOptions options, Installation installation, CertificateAuthority authority, IDeviceSimulator simulator, FileParts files) => new()
    {
        Registry = parts.Hub.Registry,
        Live = parts.Hub.Live,
        Twins = parts.Hub.Twins,
        Methods = parts.Hub.Methods,
        CloudToDevice = parts.Hub.CloudToDevice,
        Messages = parts.Hub.Messages,
        PastMessages = parts.PastMessages,
        History = parts.History,
        Files = files.Uploads,
        Explanations = parts.Hub.Explanations,
        Queries = parts.Fleet.Queries,
        Admission = parts.Fleet.Admission,
        ImportJobs = parts.Fleet.ImportJobs,
        Export = parts.Fleet.Export,
        Jobs = parts.Fleet.Jobs,
        Groups = parts.Groups.Groups,
        GroupJobs = parts.Groups.Jobs,
        Templated = Templated(parts.Templates.Api, simulator),
        Authorities = parts.Authorities,
        Enrollments = parts.Provisioning.Api.Enrollments,
        Registrations = parts.Provisioning.Api.Registrations,
        Routing = parts.Routing.Service,
        Hubs = parts.Provisioning.Hubs,
        Lifecycle = parts.Provisioning.Lifecycle,
        Approval = parts.Provisioning.Approval,
        Connection = parts.Provisioning.Connection,
        Accounts = parts.People.Accounts,
        Organizations = parts.People.Organizations,
        SignIn = parts.People.SignIn,
        Sessions = parts.People.Sessions,
        Tokens = parts.People.Tokens,
        Issuer = options.Issuer?.Settings,
        Audit = parts.People.Audit,
        Time = parts.Hub.Time,
        Facts = new ConsoleFacts(Welcome.Version, options.Hosts[0], installation.IdScope, options.Shown, options.CertificateFile is null ? authority.File : null),
    };

    private static ConsoleTemplates Templated(TemplateApi api, IDeviceSimulator simulator) => new()
    {
        Templates = api.Templates,
        Association = api.Association,
        Migration = api.Migration,
        Models = api.Models,
        DeviceModels = api.DeviceModels,
        Properties = api.Properties,
        Commands = api.Commands,
        Telemetry = api.Telemetry,
        Simulator = simulator,
    };
}
