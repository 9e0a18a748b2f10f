using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Homeport.Tests.Benchmarks.Bare;
using Homeport.Tests.Benchmarks.Load;

namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>Starts the two servers that Homeport is compared with.</summary>
internal static class ReferenceServers
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(20);

    public static async Task<RunningServer> StartBareAsync(
        TestCertificate certificate, IReadOnlyList<string> tuning, int devices, CancellationToken cancellationToken)
    {
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "Homeport.Tests.Benchmarks.dll"), "bare-server", "--port", "0",
            "--certificate-file", certificate.CertificateFile, "--key-file", certificate.KeyFile, .. tuning,
        ];
        var process = ServerProcess.Start("dotnet", arguments);
        try
        {
            var port = await process.WaitForAsync(
                "listening port", StartTimeout, () => Task.FromResult(process.FindOutput(BareServer.ListeningOn)), cancellationToken);
            var address = new ServerAddress(process.Id, "localhost", int.Parse(port, CultureInfo.InvariantCulture), certificate.Certificate);
            return new RunningServer(address, Logins(devices), process.DisposeAsync);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public static async Task<RunningServer> StartMosquittoAsync(
        TestCertificate certificate, string executable, string directory, int devices, CancellationToken cancellationToken)
    {
        var port = ServerProcess.FreePort();
        var configuration = Path.Combine(directory, "mosquitto.conf");
        await File.WriteAllTextAsync(configuration, MosquittoConfiguration(certificate, port), cancellationToken);
        var process = ServerProcess.Start(executable, "-c", configuration);
        try
        {
            await process.WaitForAsync("open port", StartTimeout, () => TryConnectAsync(port, cancellationToken), cancellationToken);
            var address = new ServerAddress(process.Id, "localhost", port, certificate.Certificate);
            return new RunningServer(address, Logins(devices), process.DisposeAsync);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ids, user names and passwords of the same form and length as a hub's, so that all targets get the same bytes.</summary>
    public static IReadOnlyList<DeviceLogin> Logins(int count)
    {
        var token = $"SharedAccessSignature sr=localhost%2Fdevices%2Fdevice&sig={new string('A', 43)}%3D&se=4102444800";
        return
        [
            .. Enumerable.Range(0, count).Select(static i => $"bench-00000000-{i}")
                .Select(id => new DeviceLogin(id, $"localhost/{id}/?api-version=2021-04-12", token)),
        ];
    }

    private static string MosquittoConfiguration(TestCertificate certificate, int port) =>
        $"""
        user root
        persistence false
        log_type none
        set_tcp_nodelay true
        max_inflight_messages 0
        max_queued_messages 0
        listener {port} 127.0.0.1
        allow_anonymous true
        certfile {certificate.CertificateFile}
        keyfile {certificate.KeyFile}
        tls_version tlsv1.3

        """;

    public static async Task<string?> TryConnectAsync(int port, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            return "open";
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused)
        {
            return null;
        }
    }
}
