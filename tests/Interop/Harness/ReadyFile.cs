using System.Text.Json;

namespace Homeport.Tests.Interop.Harness;

/// <summary>What the server writes to the path of --ready-file once every door is open.</summary>
public sealed record ReadyFile(string Version, int Pid, string Host, ReadyPorts Ports, string CaFile, ReadyDps Dps, IReadOnlyList<ReadyHub> Hubs, string? Console = null, ReadyAdministrator? Administrator = null)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    public ReadyHub Hub => Hubs[0];

    public static ReadyFile Parse(string json) => JsonSerializer.Deserialize<ReadyFile>(json, Options) ?? throw new InvalidDataException("the ready file is empty");
}

public sealed record ReadyAdministrator(string Name, string Password);

public sealed record ReadyPorts(int Https, int Mqtt, int? Amqp);

public sealed record ReadyDps(string Endpoint, string IdScope, string ServiceConnectionString);

public sealed record ReadyHub(string Name, string HostName, string ServiceConnectionString, string EventHubConnectionString);

/// <summary>The parts of HostName=…;SharedAccessKeyName=…;SharedAccessKey=….</summary>
public sealed record ServiceCredential(string HostName, string Policy, string Key)
{
    public static ServiceCredential Parse(string connectionString)
    {
        var parts = connectionString.Split(';').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p[1], StringComparer.OrdinalIgnoreCase);
        return new ServiceCredential(parts["HostName"], parts["SharedAccessKeyName"], parts["SharedAccessKey"]);
    }
}
