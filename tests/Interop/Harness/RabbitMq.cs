namespace Homeport.Tests.Interop.Harness;

/// <summary>Debian's RabbitMQ with its plugin for AMQP 1.0, over TLS only, in a folder of the test.</summary>
public sealed class RabbitMq : IAsyncDisposable
{
    public const string UserName = "homeport";
    public const string Password = "a password of the broker";
    private const string Program = "/usr/lib/rabbitmq/bin/rabbitmq-server";

    // Erlang's name service would stay behind as a daemon if the broker had to start it.
    private readonly RunningScenario _names;
    private readonly RunningScenario _broker;

    private RabbitMq(RunningScenario names, RunningScenario broker) => (_names, _broker) = (names, broker);

    /// <summary>Starts it; what an earlier one kept in the folder is there again.</summary>
    public static async Task<RabbitMq> StartAsync(string folder, int port, int namesPort, OpenSslPki pki, string certificate)
    {
        if (!File.Exists(Program))
            throw new InvalidOperationException($"'{Program}' is not installed; ./test installs what the tests need on Debian");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "enabled_plugins"), "[rabbitmq_amqp1_0].\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "rabbitmq.conf"), $"""
            listeners.tcp = none
            listeners.ssl.1 = 127.0.0.1:{port}
            ssl_options.certfile = {pki.PathOf(certificate + ".pem")}
            ssl_options.keyfile = {pki.PathOf(certificate + ".key")}
            ssl_options.verify = verify_none
            default_user = {UserName}
            default_pass = {Password}
            """);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOME"] = folder,
            ["ERL_EPMD_PORT"] = $"{namesPort}",
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
            ["RABBITMQ_NODENAME"] = "homeport@localhost",
            ["RABBITMQ_DIST_PORT"] = $"{ServerSettings.FreePorts(1)[0]}",
            ["RABBITMQ_MNESIA_BASE"] = Path.Combine(folder, "data"),
            ["RABBITMQ_LOG_BASE"] = Path.Combine(folder, "log"),
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(folder, "enabled_plugins"),
            ["RABBITMQ_CONFIG_FILE"] = Path.Combine(folder, "rabbitmq"),
            ["RABBITMQ_CONF_ENV_FILE"] = "/dev/null",
            ["RABBITMQ_LOGS"] = "-",
            ["RABBITMQ_PID_FILE"] = Path.Combine(folder, "pid"),
        };
        var names = new RunningScenario("epmd", ExternalProgram.Start("epmd", ["-address", "127.0.0.1", "-port", $"{namesPort}"], null));
        var broker = new RunningScenario("rabbitmq", ExternalProgram.Start(Program, [], environment));
        await broker.WaitForLineAsync("started TLS (SSL) listener");
        await broker.WaitForLineAsync("Server startup complete");
        return new RabbitMq(names, broker);
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _names.DisposeAsync();
    }
}
