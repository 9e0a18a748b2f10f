using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Homeport.Agent;
using Homeport.Agent.Settings;
using Homeport.Contract.Rest;
using Homeport.Tpm;
using Homeport.Tpm.Software;

namespace Homeport.Tests.Agent;

/// <summary>An agent in this process, with a software TPM of its own.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly SoftwareTpm _software;
    private readonly HttpClient _http;
    private AgentService? _service;
    private Task? _running;

    /// <summary>Prepares an agent.</summary>
    /// <param name="change">Of its settings.</param>
    /// <param name="isCertified">The TPM comes from a maker that puts a certificate of the endorsement key into it.</param>
    public RunningAgent(Action<AgentSettings>? change = null, bool isCertified = false)
    {
        Root = Directory.CreateTempSubdirectory("agent-test-").FullName;
        if (isCertified)
            Manufacture(Path.Combine(Root, "tpm", "state"));
        _software = new SoftwareTpm(new SoftwareTpmOptions(Path.Combine(Root, "tpm")));
        _software.EnsureRunning();
        var settings = new AgentSettings { Tpm = $"software:{_software.Directory}", LoopbackPort = 0 };
        settings.Portal.Port = FreePort();
        settings.Portal.Network = false;
        change?.Invoke(settings);
        File.WriteAllText(Path.Combine(Root, "agent.json"), JsonSerializer.Serialize(settings, AgentJson.Default.AgentSettings));
        Options = AgentOptions.Read(Path.Combine(Root, "agent.json"), Path.Combine(Root, "state"));
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Options.SocketPath), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://localhost/") };
    }

    public string Root { get; }

    public AgentOptions Options { get; }

    public TpmSource Source => TpmSource.Software(_software);

    public HttpClient Local => _http;

    public string PageAddress => $"https://localhost:{Options.Settings.Portal.Port}/";

    public async Task StartAsync()
    {
        _service = new AgentService(Options, TimeProvider.System);
        _running = _service.RunAsync(_stop.Token);
        for (var tries = 0; ; tries++)
        {
            if (_running.IsCompleted)
                await _running;
            try
            {
                (await _http.GetAsync("status")).EnsureSuccessStatusCode();
                return;
            }
            catch (HttpRequestException) when (tries < 600)
            {
                await Task.Delay(50);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_running is not null)
            await _running;
        _service?.Dispose();
        _http.Dispose();
        _software.Dispose();
        Directory.Delete(Root, recursive: true);
    }

    private void Manufacture(string state)
    {
        string File(string name, string text)
        {
            var path = Path.Combine(Root, name);
            System.IO.File.WriteAllText(path, text);
            return path;
        }

        var ca = File("localca.conf", $"statedir = {Root}\nsigningkey = {Root}/signkey.pem\nissuercert = {Root}/issuercert.pem\ncertserial = {Root}/certserial\n");
        var options = File("options", "--platform-manufacturer Homeport\n--platform-version 1\n--platform-model Test\n");
        var setup = File("setup.conf", $"create_certs_tool=/usr/bin/swtpm_localca\ncreate_certs_tool_config={ca}\ncreate_certs_tool_options={options}\nactive_pcr_banks=sha256\n");
        Directory.CreateDirectory(state);
        using var maker = Process.Start(new ProcessStartInfo("swtpm_setup", ["--tpm2", "--tpmstate", state, "--config", setup, "--create-ek-cert"]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        maker.StandardOutput.ReadToEnd();
        maker.WaitForExit();
        maker.ExitCode.ShouldBe(0);
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
