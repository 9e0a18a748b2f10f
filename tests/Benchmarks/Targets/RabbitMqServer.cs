using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>
/// Starts RabbitMQ with its plugin for AMQP 1.0, on files and ports of its own. Its durable queues, as many as Homeport has partitions, are
/// there from the start.
/// </summary>
internal static class RabbitMqServer
{
    public const string User = "bench";
    private const int Queues = 4;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(90);

    /// <summary>Password of <see cref="User"/>, of this run.</summary>
    public static string Password { get; } = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));

    /// <summary>Where the messages of a sender go.</summary>
    public static string AddressOf(int sender) => $"/amq/queue/{NameOf(sender % Queues)}";

    /// <summary>Starts a node with an empty data directory, which is deleted after the run.</summary>
    /// <param name="certificate">The server's.</param>
    /// <param name="executable">The script that starts RabbitMQ as whoever runs it, for example /usr/lib/rabbitmq/bin/rabbitmq-server.</param>
    /// <param name="senders">Links that will send.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<RunningServer> StartAsync(TestCertificate certificate, string executable, int senders, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("homeport-bench-rabbitmq-");
        var (port, names) = (ServerProcess.FreePort(), ServerProcess.FreePort());
        await WriteFilesAsync(directory.FullName, certificate, port, cancellationToken);
        // Without it the node starts the daemon of names by itself and leaves it behind.
        var namesProcess = ServerProcess.Start("epmd", "-port", $"{names}", "-address", "127.0.0.1");
        var process = ServerProcess.Start(executable, [], Environment(directory.FullName, names));
        try
        {
            await process.WaitForAsync("open port", StartTimeout, () => ReferenceServers.TryConnectAsync(port, cancellationToken), cancellationToken);
            var address = new ServerAddress(process.Id, "localhost", port, certificate.Certificate);
            return new RunningServer(address, ReferenceServers.Logins(senders), StopAsync);
        }
        catch
        {
            await StopAsync();
            throw;
        }

        async ValueTask StopAsync()
        {
            await process.DisposeAsync();
            await namesProcess.DisposeAsync();
            directory.Delete(recursive: true);
        }
    }

    private static string NameOf(int queue) => $"bench-{queue}";

    private static Dictionary<string, string> Environment(string directory, int names) => new(StringComparer.Ordinal)
    {
        ["HOME"] = directory,
        ["ERL_EPMD_PORT"] = $"{names}",
        ["RABBITMQ_NODENAME"] = $"bench-{names}@localhost",
        ["RABBITMQ_DIST_PORT"] = $"{ServerProcess.FreePort()}",
        ["RABBITMQ_CONF_ENV_FILE"] = Path.Combine(directory, "none"),
        ["RABBITMQ_CONFIG_FILE"] = Path.Combine(directory, "rabbitmq.conf"),
        ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(directory, "enabled_plugins"),
        ["RABBITMQ_MNESIA_BASE"] = Path.Combine(directory, "data"),
        ["RABBITMQ_LOG_BASE"] = Path.Combine(directory, "log"),
        ["RABBITMQ_PID_FILE"] = Path.Combine(directory, "pid"),
        ["RABBITMQ_LOGS"] = "-",
    };

    private static async Task WriteFilesAsync(string directory, TestCertificate certificate, int port, CancellationToken cancellationToken)
    {
        var definitions = Path.Combine(directory, "definitions.json");
        await File.WriteAllTextAsync(Path.Combine(directory, "enabled_plugins"), "[rabbitmq_amqp1_0].\n", cancellationToken);
        await File.WriteAllTextAsync(definitions, Definitions(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(directory, "rabbitmq.conf"),
            $"""
            listeners.tcp = none
            listeners.ssl.1 = 127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}
            ssl_options.certfile = {certificate.CertificateFile}
            ssl_options.keyfile = {certificate.KeyFile}
            ssl_options.versions.1 = tlsv1.3
            ssl_options.verify = verify_none
            load_definitions = {definitions}
            log.console.level = warning

            """, cancellationToken);
    }

    private static string Definitions()
    {
        var salt = RandomNumberGenerator.GetBytes(4);
        byte[] hash = [.. salt, .. SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(Password)])];
        return new JsonObject
        {
            ["vhosts"] = new JsonArray(new JsonObject { ["name"] = "/" }),
            ["users"] = new JsonArray(new JsonObject
            {
                ["name"] = User,
                ["password_hash"] = Convert.ToBase64String(hash),
                ["hashing_algorithm"] = "rabbit_password_hashing_sha256",
                ["tags"] = "",
            }),
            ["permissions"] = new JsonArray(new JsonObject { ["user"] = User, ["vhost"] = "/", ["configure"] = ".*", ["write"] = ".*", ["read"] = ".*" }),
            ["queues"] = new JsonArray([.. Enumerable.Range(0, Queues).Select(q => new JsonObject
            {
                ["name"] = NameOf(q),
                ["vhost"] = "/",
                ["durable"] = true,
                ["auto_delete"] = false,
                ["arguments"] = new JsonObject(),
            })]),
        }.ToJsonString();
    }
}
