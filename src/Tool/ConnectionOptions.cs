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

    /// <summary>Opens a client of the hub.</summary>
    /// <exception cref="ToolException">The options do not name a server.</exception>
    public HubClient Open(ParseResult parsed) => Open(parsed, Variable, "hub", ready => ready.Hubs[0].ServiceConnectionString);

    /// <summary>Opens a client of the provisioning service.</summary>
    /// <exception cref="ToolException">The options do not name a server.</exception>
    public HubClient OpenProvisioning(ParseResult parsed) => Open(parsed, ProvisioningVariable, "provisioning service", ready => ready.Dps.ServiceConnectionString);

    private HubClient Open(ParseResult parsed, string variable, string what, Func<ReadyFile, string> choose)
    {
        var (text, ca, port) = (parsed.GetValue(_connectionString) ?? Environment.GetEnvironmentVariable(variable), parsed.GetValue(_ca)?.FullName, parsed.GetValue(_port));
        if (parsed.GetValue(_readyFile) is { } file)
            (text, ca, port) = FromReadyFile(file.FullName, choose);
        if (string.IsNullOrEmpty(text))
            throw ToolException.BadUsage($"Say which {what}: --ready-file, --connection-string or the environment variable {variable}.");
        if (!ConnectionString.TryParse(text, out var connection, out var reason))
            throw ToolException.BadUsage($"The connection string cannot be used: {reason}.");
        if (connection.SharedAccessKey is null || connection.SharedAccessKeyName is null)
            throw ToolException.BadUsage("The connection string has no SharedAccessKeyName and SharedAccessKey. Use one of a policy such as service or iothubowner.");
        if (!Convert.TryFromBase64String(connection.SharedAccessKey, new byte[connection.SharedAccessKey.Length], out _))
            throw ToolException.BadUsage("The SharedAccessKey of the connection string is no Base64. Copy the whole connection string again.");
        try
        {
            return new HubClient(connection, port, ca is null ? ServerTrust.System : ServerTrust.FromPemFile(ca), TimeProvider.System);
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            throw ToolException.BadUsage($"The CA file cannot be used: {e.Message}", e);
        }
    }

    private static (string Text, string Ca, int Port) FromReadyFile(string path, Func<ReadyFile, string> choose)
    {
        try
        {
            var ready = JsonSerializer.Deserialize(File.ReadAllBytes(path), Json.Default.ReadyFile)!;
            return (choose(ready), ready.CaFile, ready.Ports.Https);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw ToolException.BadUsage($"The ready file cannot be used: {e.Message}", e);
        }
    }
}
