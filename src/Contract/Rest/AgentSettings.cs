namespace Homeport.Contract.Rest;

/// <summary>The settings file of the device agent. Everything has a default; an empty object is a good file.</summary>
public sealed record AgentSettings
{
    /// <summary>The TPM, in the form of the environment variable <c>HOMEPORT_TPM</c>; null: the chip of the machine, else a software TPM.</summary>
    public string? Tpm { get; set; }

    /// <summary>The logical device that tokens are for when nobody says another, 0 to 15. Registration always fills 0.</summary>
    public uint LogicalDevice { get; set; }

    /// <summary>Where programs ask for tokens: a Unix socket. Null: <c>agent.sock</c> in the directory of the service.</summary>
    public string? Socket { get; set; }

    /// <summary>The group whose members may ask.</summary>
    public string Group { get; set; } = "homeport";

    /// <summary>Users who may ask without being in the group.</summary>
    public IReadOnlyList<string> Users { get; set; } = [];

    /// <summary>The same over HTTP at 127.0.0.1, for programs that cannot use a Unix socket. 0: not.</summary>
    public int LoopbackPort { get; set; } = 8181;

    public AgentPortalSettings Portal { get; set; } = new();

    /// <summary>Where to register; null: the device is imprinted by hand.</summary>
    public AgentProvisioningSettings? Provisioning { get; set; }

    /// <summary>Certificates of servers to trust besides the system's, in PEM form.</summary>
    public string? CaFile { get; set; }

    /// <summary>Port of the hub for the check of the connection.</summary>
    public int HubPort { get; set; } = 443;

    /// <summary>Reports of the queues of programs, for the page: their <c>ReportPath</c>.</summary>
    public IReadOnlyList<string> Queues { get; set; } = [];

    /// <summary>Files with the passwords of the hierarchies of the TPM, when somebody set them.</summary>
    public string? OwnerPasswordFile { get; set; }

    /// <inheritdoc cref="OwnerPasswordFile"/>
    public string? EndorsementPasswordFile { get; set; }

    /// <inheritdoc cref="OwnerPasswordFile"/>
    public string? LockoutPasswordFile { get; set; }
}

/// <summary>The web page of the device.</summary>
public sealed record AgentPortalSettings
{
    /// <summary>0: no page.</summary>
    public int Port { get; set; } = 8080;

    /// <summary>False: only this machine reaches the page.</summary>
    public bool Network { get; set; } = true;

    /// <summary>A certificate and its key in PEM form, in place of the one that the agent makes.</summary>
    public string? CertificateFile { get; set; }

    /// <inheritdoc cref="CertificateFile"/>
    public string? KeyFile { get; set; }
}

/// <summary>The provisioning service.</summary>
public sealed record AgentProvisioningSettings
{
    /// <summary>Host name, with a port if it is not 443.</summary>
    public string Endpoint { get; set; } = "";

    public string IdScope { get; set; } = "";

    /// <summary>Null: derived from the endorsement key.</summary>
    public string? RegistrationId { get; set; }
}
