using Homeport.Server.Certificates;
using Homeport.Server.Options;
using Homeport.WebConsole;

namespace Homeport.Server;

/// <summary>What the console gets of the server: the services behind the REST API, and facts to show.</summary>
internal static class ConsoleParts
{
    public static ConsoleServices Of(ServerParts parts, ServerOptions options, Installation installation, CertificateAuthority authority) => new()
    {
        Registry = parts.Hub.Registry,
        Live = parts.Hub.Live,
        Twins = parts.Hub.Twins,
        Methods = parts.Hub.Methods,
        CloudToDevice = parts.Hub.CloudToDevice,
        Messages = parts.Hub.Messages,
        Explanations = parts.Hub.Explanations,
        Queries = parts.Fleet.Queries,
        Admission = parts.Fleet.Admission,
        Import = parts.Fleet.Import,
        Export = parts.Fleet.Export,
        Jobs = parts.Fleet.Jobs,
        Authorities = parts.Authorities,
        Enrollments = parts.Provisioning.Api.Enrollments,
        Registrations = parts.Provisioning.Api.Registrations,
        Lifecycle = parts.Provisioning.Lifecycle,
        Approval = parts.Provisioning.Approval,
        Connection = parts.Provisioning.Connection,
        Accounts = parts.People.Accounts,
        SignIn = parts.People.SignIn,
        Sessions = parts.People.Sessions,
        Tokens = parts.People.Tokens,
        Audit = parts.People.Audit,
        Time = parts.Hub.Time,
        Facts = new ConsoleFacts(Welcome.Version, options.Hosts[0], installation.IdScope, options.Shown, options.CertificateFile is null ? authority.File : null),
    };
}
