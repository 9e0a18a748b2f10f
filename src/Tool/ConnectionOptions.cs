using System.CommandLine;
using System.Text.Json;
using Homeport.Contract.Access;
using Homeport.Contract.Rest;
using Homeport.Device;

namespace Homeport.Tool;

/// <summary>Which server a command speaks to: a server's ready file has it all; else a service connection string.</summary>
internal sealed class ConnectionOptions
{
    private const string Variable = "HOMEPORT_CONNECTION_STRING";
    private const string ProvisioningVariable = "HOMEPORT_PROVISIONING_CONNECTION_STRING";

    private readonly Option<FileInfo> _readyFile = new("--ready-file") { Description = "File that the server wrote with --ready-file", Recursive = true };

    private readonly Option<string> _connectionString = new("--connection-string")
    {
        Description = $"Service connection string of the hub, or of provisioning; better in the environment variable {Variable} or {ProvisioningVariable}, where other users do not see it",
        Recursive = true,
    };

    private readonly Option<FileInfo> _ca = new("--ca") { Description = "PEM file of the server's CA; without it the system decides", Recursive = true };

    private readonly Option<int> _port = new("--port") { Description = "Port of HTTPS", DefaultValueFactory = _ => 443, Recursive = true };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_readyFile, _connectionString, _ca, _port])
            command.Options.Add(option);
    }

    /// <summary>True when the command line or the environment names a server.</summary>
    public bool IsGiven(ParseResult parsed)
        => parsed.GetValue(_readyFile) is not null || !string.IsNullOrEmpty(parsed.GetValue(_connectionString) ?? Environment.GetEnvironmentVariable(Variable));

    /// <summary>The CA file, or null.</summary>
    public string? CaFile(ParseResult parsed) => parsed.GetValue(_readyFile) is { } file ? Read(file.FullName).CaFile : parsed.GetValue(_ca)?.FullName;

    /// <summary>The server's ready file, or null when the command line names none.</summary>
    public ReadyFile? Ready(ParseResult parsed) => parsed.GetValue(_readyFile) is { } file ? Read(file.FullName) : null;

    /// <summary>Opens a client of the hub.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="connectionString">In place of that of the command line, or null.</param>
    /// <exception cref="ToolException">The options do not name a server.</exception>
    public HubClient Open(ParseResult parsed, string? connectionString = null)
        => Open(parsed, connectionString, Variable, "hub", ready => ready.Hubs[0].ServiceConnectionString);

    /// <summary>Opens a client of the provisioning service.</summary>
    /// <exception cref="ToolException">The options do not name a server.</exception>
    public HubClient OpenProvisioning(ParseResult parsed) => Open(parsed, null, ProvisioningVariable, "provisioning service", ready => ready.Dps.ServiceConnectionString);

    /// <summary>Opens a client of another service, which is only read.</summary>
    /// <exception cref="ToolException">The connection string or the CA cannot be used.</exception>
    public static HubClient OpenSource(string connectionString, int port, string? ca) => Open(connectionString, port, ca);

    /// <summary>Port of HTTPS on the command line or in the ready file.</summary>
    public int Port(ParseResult parsed) => Ready(parsed)?.Ports.Https ?? parsed.GetValue(_port);

    /// <summary>Reads the CA whose servers are believed, or takes the system's.</summary>
    public static ServerTrust Trust(string? ca)
    {
        try
        {
            return ca is null ? ServerTrust.System : ServerTrust.FromPemFile(ca);
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The CA file cannot be used: {e.Message}", e);
        }
    }

    private HubClient Open(ParseResult parsed, string? connectionString, string variable, string what, Func<ReadyFile, string> choose)
    {
        var (text, ca, port) = (parsed.GetValue(_connectionString) ?? Environment.GetEnvironmentVariable(variable), parsed.GetValue(_ca)?.FullName, parsed.GetValue(_port));
        if (Ready(parsed) is { } ready)
            (text, ca, port) = (choose(ready), ready.CaFile, ready.Ports.Https);
        text = connectionString ?? text;
        if (string.IsNullOrEmpty(text))
            throw ToolException.BadUsage($"Say which {what}: --ready-file, --connection-string or the environment variable {variable}.");
        return Open(text, port, ca);
    }

    private static HubClient Open(string text, int port, string? ca)
    {
        if (!ConnectionString.TryParse(text, out var connection, out var reason))
            throw ToolException.BadUsage($"The connection string cannot be used: {reason}.");
        if (connection.SharedAccessKey is null || connection.SharedAccessKeyName is null)
            throw ToolException.BadUsage("The connection string has no SharedAccessKeyName and SharedAccessKey. Use one of a policy such as service or iothubowner.");
        if (!Convert.TryFromBase64String(connection.SharedAccessKey, new byte[connection.SharedAccessKey.Length], out _))
            throw ToolException.BadUsage("The SharedAccessKey of the connection string is no Base64. Copy the whole connection string again.");
        return new HubClient(connection, port, Trust(ca), TimeProvider.System);
    }

    private static ReadyFile Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), Json.Default.ReadyFile)!;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw ToolException.BadUsage($"The ready file cannot be used: {e.Message}", e);
        }
    }
}
