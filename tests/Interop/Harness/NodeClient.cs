using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Homeport.Tests.Interop.Harness;

/// <summary>Runs the scenario scripts, which drive the SDKs as npm delivers them.</summary>
public sealed class NodeClient(string caFile)
{
    /// <summary>Runs a scenario to its end; <paramref name="asFile"/> is for arguments longer than a command line may be.</summary>
    public async Task<JsonNode> RunAsync(string script, object arguments, TimeSpan? timeout = null, bool asFile = false)
    {
        using var folder = new TempFolder();
        var json = JsonSerializer.Serialize(arguments, JsonSerializerOptions.Web);
        if (asFile)
            await File.WriteAllTextAsync(folder.File("arguments.json"), json);
        await using var running = StartJson(script, asFile ? folder.File("arguments.json") : json);
        return await running.ResultAsync(timeout ?? TimeSpan.FromSeconds(90));
    }

    /// <summary>Starts a scenario whose progress the test follows.</summary>
    public RunningScenario Start(string script, object arguments) => StartJson(script, JsonSerializer.Serialize(arguments, JsonSerializerOptions.Web));

    private RunningScenario StartJson(string script, string json)
    {
        var clients = ServerProcess.Clients;
        if (!Directory.Exists(Path.Combine(clients, "node_modules")))
            throw new InvalidOperationException("the clients are not installed: run 'npm ci --ignore-scripts' in tests/Interop/clients (./test does)");
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["NODE_EXTRA_CA_CERTS"] = caFile, ["NODE_NO_WARNINGS"] = "1" };
        return new RunningScenario(script, ExternalProgram.Start("node", [Path.Combine(clients, script), json], environment));
    }

    /// <summary>Calls methods of a service client in order; each step is [name, argument, …].</summary>
    public async Task<IReadOnlyList<StepResult>> StepsAsync(string client, string connectionString, params object[][] steps)
    {
        var arguments = new { client, connectionString, steps = steps.Select(s => new { call = s[0], args = s.Skip(1) }) };
        var result = await RunAsync("steps.mjs", arguments);
        return [.. result.AsArray().Select(s => new StepResult((bool)s!["ok"]!, s["value"], s["error"]))];
    }
}

/// <summary>What one call of a service client gave.</summary>
public sealed record StepResult(bool Ok, JsonNode? Value, JsonNode? Error)
{
    public JsonNode Success => Ok ? Value ?? new JsonObject() : throw new InvalidOperationException("the call failed: " + Error?.ToJsonString());

    public string ErrorName => Ok ? throw new InvalidOperationException("the call succeeded: " + Value?.ToJsonString()) : (string)Error!["name"]!;

    public string ErrorMessage => (string)Error!["message"]!;
}

/// <summary>A scenario that still runs.</summary>
public sealed class RunningScenario : IAsyncDisposable
{
    private readonly string _script;
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    public RunningScenario(string script, Process process)
    {
        (_script, _process) = (script, process);
        ExternalProgram.Collect(process, _output, _error);
    }

    private string[] Lines
    {
        get
        {
            lock (_output)
                return _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        }
    }

    /// <summary>Waits until the scenario has reported an event of this name.</summary>
    public Task WaitForEventAsync(string name) => WaitForLineAsync($"\"event\":\"{name}\"");

    /// <summary>Waits until a line of the output has this text.</summary>
    public async Task WaitForLineAsync(string text)
    {
        var watch = Stopwatch.StartNew();
        while (!Lines.Any(l => l.Contains(text, StringComparison.Ordinal)))
        {
            if (_process.HasExited || watch.Elapsed > TimeSpan.FromSeconds(120))
                throw new TimeoutException($"{_script} did not report '{text}'\n{Describe()}");
            await Task.Delay(25);
        }
    }

    /// <summary>Writes a line to a scenario that waits for one.</summary>
    public async Task TellAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    public async Task<JsonNode> ResultAsync(TimeSpan timeout)
    {
        using var limit = new CancellationTokenSource(timeout);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"{_script} did not end in {timeout.TotalSeconds} s\n{Describe()}", e);
        }

        var last = Lines.LastOrDefault(l => l.StartsWith("{\"result\":", StringComparison.Ordinal));
        if (last is null || _process.ExitCode != 0)
            throw new InvalidOperationException($"{_script} ended with exit code {_process.ExitCode}\n{Describe()}");
        return JsonNode.Parse(last)!["result"]!;
    }

    /// <summary>Ends the scenario's input, for scenarios that go on until then.</summary>
    public void Stop() => _process.StandardInput.Close();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private string Describe()
    {
        lock (_error)
            return string.Join('\n', Lines) + "\n" + _error;
    }
}
