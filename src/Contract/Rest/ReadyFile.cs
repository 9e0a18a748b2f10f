namespace Homeport.Contract.Rest;

/// <summary>What a server writes to <c>--ready-file</c> when every door is open. The shape is fixed; fields may be added.</summary>
public sealed record ReadyFile(
    string Version,
    int Pid,
    string Host,
    ReadyPorts Ports,
    string CaFile,
    string? Console,
    string Application,
    ReadyProvisioning Dps,
    IReadOnlyList<ReadyHub> Hubs,
    ReadyAdministrator? Administrator = null);

/// <summary>The first administrator, at the first start only: the password is shown once.</summary>
public sealed record ReadyAdministrator(string Name, string Password);

/// <summary>TCP ports; null for a door that this version does not have.</summary>
public sealed record ReadyPorts(int Https, int Mqtt, int? Amqp);

/// <summary>The provisioning service of the application.</summary>
public sealed record ReadyProvisioning(string Endpoint, string IdScope, string ServiceConnectionString);

/// <summary>One hub of the application.</summary>
public sealed record ReadyHub(string Name, string HostName, string ServiceConnectionString, string? EventHubConnectionString);
