using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Homeport.Tests.Benchmarks.Load;

namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>What the ready file of a Homeport server says.</summary>
internal sealed record ReadyFile(int ProcessId, string Host, int MqttPort, int AmqpPort, int HttpsPort, string CaFile, string ServiceConnectionString, string IdScope, string ProvisioningConnectionString, string? AdministratorPassword)
{
    /// <summary>Null while the file does not exist or is not completely written.</summary>
    public static async Task<ReadyFile?> TryReadAsync(string path, CancellationToken cancellationToken)
    {
        if (!File.Exists(path))
            return null;

        try
        {
            return Parse(await File.ReadAllTextAsync(path, cancellationToken));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public ServerAddress Address() => new(ProcessId, Host, MqttPort, X509CertificateLoader.LoadCertificateFromFile(CaFile));

    private static ReadyFile Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        var root = document.RootElement;
        var ports = root.GetProperty("ports");
        return new ReadyFile(
            root.GetProperty("pid").GetInt32(),
            root.GetProperty("host").GetString()!,
            ports.GetProperty("mqtt").GetInt32(),
            ports.GetProperty("amqp").GetInt32(),
            ports.GetProperty("https").GetInt32(),
            root.GetProperty("caFile").GetString()!,
            root.GetProperty("hubs")[0].GetProperty("serviceConnectionString").GetString()!,
            root.GetProperty("dps").GetProperty("idScope").GetString()!,
            root.GetProperty("dps").GetProperty("serviceConnectionString").GetString()!,
            root.TryGetProperty("administrator", out var administrator) && administrator.ValueKind == JsonValueKind.Object ? administrator.GetProperty("password").GetString() : null);
    }
}

/// <summary>Starts Homeport from a built server, or uses one that runs already.</summary>
internal static class HomeportServer
{
    public const string ReadyFileName = "ready.json";
    public static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Uses the server that wrote <paramref name="readyFile"/>; the devices made for the run are deleted after it.</summary>
    public static async Task<RunningServer> AttachAsync(string readyFile, int devices, CancellationToken cancellationToken)
    {
        var ready = await ReadyFile.TryReadAsync(readyFile, cancellationToken)
            ?? throw new FileNotFoundException($"{readyFile} does not exist or is no JSON.", readyFile);
        var address = ready.Address();
        var registry = new HomeportRegistry(ready.ServiceConnectionString, ready.HttpsPort, address.Trusted);
        var logins = await registry.CreateAsync(devices, cancellationToken);
        return new RunningServer(address, logins, async () =>
        {
            await registry.DeleteAsync(logins, CancellationToken.None);
            registry.Dispose();
        }, ready);
    }

    /// <summary>Starts a server with an empty data directory, which is deleted after the run.</summary>
    public static async Task<RunningServer> StartAsync(string serverDll, int devices, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("homeport-bench-");
        var process = Launch(serverDll, HomeportPorts.Free(), directory.FullName, out var readyFile);
        try
        {
            var ready = await process.WaitForAsync("ready file", StartTimeout, () => ReadyFile.TryReadAsync(readyFile, cancellationToken), cancellationToken);
            return new RunningServer(ready.Address(), await CreateDevicesAsync(ready, devices, cancellationToken), StopAsync, ready);
        }
        catch
        {
            await StopAsync();
            throw;
        }

        async ValueTask StopAsync()
        {
            await process.DisposeAsync();
            directory.Delete(recursive: true);
        }
    }

    public static ServerProcess Launch(string serverDll, HomeportPorts ports, string directory, out string readyFile)
    {
        readyFile = Path.Combine(directory, ReadyFileName);
        return ServerProcess.Start(
            "dotnet", serverDll, "--host", "localhost", "--data", Path.Combine(directory, "data"), "--https-port", $"{ports.Https}",
            "--mqtt-port", $"{ports.Mqtt}", "--amqp-port", $"{ports.Amqp}", "--crl-port", $"{ports.Crl}", "--ready-file", readyFile);
    }

    public static async Task<IReadOnlyList<DeviceLogin>> CreateDevicesAsync(ReadyFile ready, int count, CancellationToken cancellationToken)
    {
        using var registry = new HomeportRegistry(ready.ServiceConnectionString, ready.HttpsPort, ready.Address().Trusted);
        return await registry.CreateAsync(count, cancellationToken);
    }

    /// <summary>Builds src/Server of the checkout that this executable was built in.</summary>
    /// <returns>The path of the built server.</returns>
    public static async Task<string> BuildAsync(CancellationToken cancellationToken)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Homeport.slnx")))
        {
            root = root.Parent
                ?? throw new DirectoryNotFoundException($"No Homeport.slnx above {AppContext.BaseDirectory}; give the server with --server-dll.");
        }

        var project = Path.Combine(root.FullName, "src", "Server");
        var start = new ProcessStartInfo("dotnet", ["build", project, "-c", "Release", "-v", "quiet", "-nologo"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using var build = Process.Start(start) ?? throw new InvalidOperationException("dotnet build did not start.");
        var output = await build.StandardOutput.ReadToEndAsync(cancellationToken);
        await build.WaitForExitAsync(cancellationToken);
        return build.ExitCode == 0
            ? Path.Combine(project, "bin", "Release", "net10.0", "homeport-server.dll")
            : throw new InvalidOperationException($"dotnet build {project} failed:\n{output}");
    }
}

internal sealed record HomeportPorts(int Https, int Mqtt, int Amqp, int Crl)
{
    public static HomeportPorts Free() => new(ServerProcess.FreePort(), ServerProcess.FreePort(), ServerProcess.FreePort(), ServerProcess.FreePort());
}
