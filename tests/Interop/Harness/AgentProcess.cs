using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Homeport.Tests.Interop.Harness;

/// <summary>The device agent in a process of its own, with a software TPM of its own.</summary>
public sealed class AgentProcess : IAsyncDisposable
{
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();
    private readonly string _directory;
    private readonly HttpClient _http;
    private Process? _process;

    public AgentProcess(string directory, JsonObject? settings = null)
    {
        _directory = directory;
        System.IO.Directory.CreateDirectory(directory);
        var all = settings ?? [];
        all["portal"] ??= new JsonObject { ["port"] = 0 };
        all["loopbackPort"] ??= 0;
        all["tpm"] = $"software:{Path.Combine(directory, "tpm")}";
        File.WriteAllText(SettingsFile, all.ToJsonString());
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://localhost/") };
    }

    public string SettingsFile => Path.Combine(_directory, "agent.json");

    public string StateDirectory => Path.Combine(_directory, "state");

    public string SocketPath => Path.Combine(StateDirectory, "agent.sock");

    public int Pid => _process!.Id;

    public string Printed
    {
        get
        {
            lock (_output)
            {
                lock (_error)
                    return _output.ToString() + _error;
            }
        }
    }

    public async Task StartAsync()
    {
        _process = ExternalProgram.Start("dotnet", [ServerProcess.Agent, "run", .. Options], null);
        ExternalProgram.Collect(_process, _output, _error);
        await WaitAsync(async () => (await _http.GetAsync("status")).IsSuccessStatusCode, "answer on its socket");
    }

    /// <summary>A command of the agent's program over the same state, without the service.</summary>
    public Task<ProgramResult> RunAsync(string command, string? input, params string[] arguments)
        => ExternalProgram.RunAsync("dotnet", [ServerProcess.Agent, command, .. Options, .. arguments], TimeSpan.FromSeconds(60), input);

    public Process Launch(string command, params string[] arguments) => ExternalProgram.Start("dotnet", [ServerProcess.Agent, command, .. Options, .. arguments], null);

    public async Task ImprintAsync(string hostName, TestDevice device)
        => (await RunAsync("imprint", device.PrimaryKey + "\n", "--host", hostName, "--device-id", device.Id)).ExitCode.ShouldBe(0);

    public async Task<JsonNode> GetAsync(string path)
    {
        var answer = await _http.GetAsync(path);
        var text = await answer.Content.ReadAsStringAsync();
        answer.IsSuccessStatusCode.ShouldBeTrue(text);
        return JsonNode.Parse(text)!;
    }

    public async Task<(int Status, JsonNode Body)> SendAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        using var answer = await _http.SendAsync(request);
        return ((int)answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!);
    }

    public Task WaitForConnectionAsync(string state) => WaitAsync(async () => (string?)(await GetAsync("status"))["connection"]!["state"] == state, $"see the connection '{state}'");

    public async Task WaitAsync(Func<Task<bool>> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                if (await condition())
                    return;
            }
            catch (HttpRequestException) when (_process is { HasExited: false })
            {
                // It does not listen yet.
            }

            (_process is { HasExited: true }).ShouldBeFalse($"the agent ended:\n{Printed}");
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), $"the agent did not {what}:\n{Printed}");
            await Task.Delay(50);
        }
    }

    public async Task StopAsync()
    {
        await ExternalProgram.SignalAsync(_process!, "TERM");
        await _process!.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_process is { HasExited: false })
            _process.Kill();
        _process?.Dispose();

        // The software TPM outlives an agent that was killed.
        var file = Path.Combine(_directory, "tpm", "swtpm.pid");
        if (File.Exists(file))
            await ExternalProgram.RunAsync("sh", ["-c", $"kill $(cat '{file}') 2>/dev/null; for i in $(seq 50); do kill -0 $(cat '{file}') 2>/dev/null || exit 0; sleep 0.1; done"]);
    }

    private string[] Options => ["--settings", SettingsFile, "--state", StateDirectory];
}
