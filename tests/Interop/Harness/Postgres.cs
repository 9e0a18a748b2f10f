namespace Homeport.Tests.Interop.Harness;

/// <summary>Debian's PostgreSQL in a folder of the test, over TLS, with a role that has a password.</summary>
public sealed class Postgres : IAsyncDisposable
{
    public const string UserName = "homeport";
    public const string Password = "a password of the database";
    private readonly RunningScenario _server;
    private readonly int _port;

    private Postgres(RunningScenario server, int port) => (_server, _port) = (server, port);

    /// <summary>Makes the database when the folder has none, and starts the server.</summary>
    public static async Task<Postgres> StartAsync(string folder, int port, OpenSslPki pki, string certificate)
    {
        var bin = Directory.EnumerateDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin")).LastOrDefault(d => File.Exists(Path.Combine(d, "postgres")))
            ?? throw new InvalidOperationException("PostgreSQL is not installed; ./test installs what the tests need on Debian");
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "password"), Password);
            File.Copy(pki.PathOf(certificate + ".pem"), Path.Combine(folder, "server.pem"));
            File.Copy(pki.PathOf(certificate + ".key"), Path.Combine(folder, "server.key"));
            // It does not run as root.
            if (Environment.IsPrivilegedProcess && !OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(Path.GetDirectoryName(folder)!, (UnixFileMode)0b111_001_001);
                (await ExternalProgram.RunAsync("chown", ["-R", "postgres", folder])).ExitCode.ShouldBe(0);
            }
            var made = await RunAsync(Path.Combine(bin, "initdb"), ["-D", Path.Combine(folder, "data"), "-U", UserName, "--auth=scram-sha-256", "--no-sync", $"--pwfile={Path.Combine(folder, "password")}"]);
            made.ExitCode.ShouldBe(0, made.ToString());
        }
        var (name, arguments) = AsPostgres(Path.Combine(bin, "postgres"),
            ["-D", Path.Combine(folder, "data"), "-p", $"{port}", "-h", "127.0.0.1", "-k", folder, "-c", "ssl=on", "-c", $"ssl_cert_file={Path.Combine(folder, "server.pem")}", "-c", $"ssl_key_file={Path.Combine(folder, "server.key")}", "-c", "fsync=off"]);
        var server = new RunningScenario("postgres", ExternalProgram.Start(name, arguments, null));
        var database = new Postgres(server, port);
        await database.UntilReadyAsync();
        return database;
    }

    /// <summary>What psql prints for a query, without headings.</summary>
    public async Task<string> QueryAsync(string sql)
    {
        var result = await PsqlAsync(sql);
        result.ExitCode.ShouldBe(0, result.ToString());
        return result.Output.Trim();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task UntilReadyAsync()
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        while ((await PsqlAsync("SELECT 1")).ExitCode != 0)
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), "PostgreSQL starts");
            await Task.Delay(100);
        }
    }

    private Task<ProgramResult> PsqlAsync(string sql) => ExternalProgram.RunAsync("psql",
        ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, $"host=127.0.0.1 port={_port} dbname=postgres user={UserName} password='{Password}' sslmode=require"]);

    private static Task<ProgramResult> RunAsync(string program, string[] arguments)
    {
        var (name, all) = AsPostgres(program, arguments);
        return ExternalProgram.RunAsync(name, all, TimeSpan.FromSeconds(120));
    }

    private static (string Name, string[] Arguments) AsPostgres(string program, string[] arguments)
        => Environment.IsPrivilegedProcess ? ("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, .. arguments]) : (program, arguments);
}
