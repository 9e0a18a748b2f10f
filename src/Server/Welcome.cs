using System.Text;
using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Hub.Access;
using Homeport.Server.Certificates;
using Homeport.Server.Options;

namespace Homeport.Server;

/// <summary>What a user reads when the doors are open, and what scripts read in its place.</summary>
internal static class Welcome
{
    public static readonly string Version = typeof(Welcome).Assembly.GetName().Version?.ToString(3) ?? "0";

    /// <summary>The facts of a running server.</summary>
    public static ReadyFile Describe(ServerOptions options, Ports ports, Installation installation, string caFile)
    {
        var host = options.Hosts[0];
        return new ReadyFile(
            Version,
            Environment.ProcessId,
            host,
            new ReadyPorts(ports.Https, ports.Mqtt, ports.Amqp),
            caFile,
            ConsoleUrl(host, ports.Https),
            Installation.ApplicationName,
            new ReadyProvisioning(host, installation.IdScope, Installation.ConnectionStringOf(installation.ProvisioningPolicies[0], host)),
            [new ReadyHub(Installation.HubName, host, Installation.ConnectionStringOf(installation.HubPolicies[0], host),
                Installation.EventHubConnectionStringOf(installation.HubPolicies.First(p => p.Rights == Rights.ServiceConnect), host, ports.Amqp))]);
    }

    /// <summary>Writes the file for scripts; it holds keys, so only its owner can read it.</summary>
    public static void Write(ReadyFile ready, string path)
        => PrivateFile.Write(Path.GetFullPath(path), JsonSerializer.SerializeToUtf8Bytes(ready, Json.Default.ReadyFile));

    /// <summary>The text for people.</summary>
    public static string Text(ReadyFile ready, ServerOptions options, Ports ports)
    {
        var hub = ready.Hubs[0];
        var text = new StringBuilder()
            .AppendLine().AppendLine($"Homeport {ready.Version} is open.").AppendLine()
            .AppendLine($"  Host names         {string.Join(", ", options.Hosts)}")
            .AppendLine($"  MQTT               port {ports.Mqtt}")
            .AppendLine($"  AMQP               port {ports.Amqp}")
            .AppendLine($"  HTTPS, WebSocket   port {ports.Https}")
            .AppendLine($"  Revocation list    http://{ready.Host}:{ports.Crl}/{Path.GetFileNameWithoutExtension(ready.CaFile)}.crl")
            .AppendLine($"  Application        {ready.Application}, hub {hub.Name}")
            .AppendLine($"  ID scope           {ready.Dps.IdScope}")
            .AppendLine($"  Data               {options.DataDirectory}")
            .AppendLine()
            .AppendLine("Service connection string of the hub (keep it secret):")
            .AppendLine($"  {hub.ServiceConnectionString}")
            .AppendLine("Event Hubs-compatible connection string, for readers of messages (keep it secret):")
            .AppendLine($"  {hub.EventHubConnectionString}")
            .AppendLine("Service connection string of provisioning (keep it secret):")
            .AppendLine($"  {ready.Dps.ServiceConnectionString}")
            .AppendLine();
        text.AppendLine($"Web console: {ready.Console}");
        if (ready.Administrator is { } administrator)
            text.AppendLine($"  Sign in as {administrator.Name} with the password {administrator.Password} (shown this once; you replace it at the first sign-in)");
        text.AppendLine();
        AppendTrust(text, ready, options);
        if (ports.HttpsMoved)
            AppendMovedPort(text, ports);
        if (options.FaultInjection)
            text.AppendLine("WARNING: devices can order faults of this server (--fault-injection). Use this in tests only.").AppendLine();
        if (!options.Demo)
            text.AppendLine("Next: see a device register itself and send, with").AppendLine("  dotnet run --project src/Server -- --demo");
        return text.ToString();
    }

    private static string ConsoleUrl(string host, int port) => port == 443 ? $"https://{host}/console" : $"https://{host}:{port}/console";

    private static void AppendTrust(StringBuilder text, ReadyFile ready, ServerOptions options)
    {
        if (options.CertificateFile is not null)
            return;
        text.AppendLine("Clients have to trust the CA of this server:")
            .AppendLine($"  every client   sudo cp {ready.CaFile} /usr/local/share/ca-certificates/homeport.crt && sudo update-ca-certificates")
            .AppendLine($"  Node SDK       export NODE_EXTRA_CA_CERTS={ready.CaFile}")
            .AppendLine($"  C# SDK         export SSL_CERT_FILE={ready.CaFile}")
            .AppendLine($"  Python SDK     server_verification_cert=open(\"{ready.CaFile}\").read()")
            .AppendLine($"  C SDK          OPTION_TRUSTED_CERT with the text of that file; a host name with a dot (--host)")
            .AppendLine();
    }

    private static void AppendMovedPort(StringBuilder text, Ports ports) => text
        .AppendLine($"Port 443 needs a right that this process does not have, so HTTPS and WebSockets are on {ports.Https}.")
        .AppendLine("What that costs: Azure SDKs cannot change this port, so their HTTPS, WebSocket and service clients will not find the server; MQTT does.")
        .AppendLine("How to get 443, one of:")
        .AppendLine("  sudo sysctl net.ipv4.ip_unprivileged_port_start=443")
        .AppendLine("  sudo setcap cap_net_bind_service=+ep \"$(readlink -f \"$(which dotnet)\")\"")
        .AppendLine();
}
