using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace Homeport.Tests.Interop.Harness;

/// <summary>What a program left behind.</summary>
public sealed record ProgramResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit code {ExitCode}\n--- output\n{Output}\n--- error\n{Error}";
}

/// <summary>Runs programs of the system and says which package is missing when one is not there.</summary>
public static class ExternalProgram
{
    /// <summary>Runs a script of the clients with Debian's Python, whose last line is JSON.</summary>
    public static async Task<JsonNode> PythonAsync(string script, string arguments)
    {
        var result = await RunAsync(File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3", [Path.Combine(ServerProcess.Clients, script), arguments]);
        return result.ExitCode == 0
            ? JsonNode.Parse(result.Output.Trim().Split('\n')[^1])!
            : throw new InvalidOperationException($"{script} failed (Debian packages python3-paho-mqtt, python3-qpid-proton): {result}");
    }

    public static async Task<ProgramResult> RunAsync(
        string name, IEnumerable<string> arguments, TimeSpan? timeout = null, string? input = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = Start(name, arguments, environment);
        var output = new StringBuilder();
        var error = new StringBuilder();
        Collect(process, output, error);
        if (input is not null)
            await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();

        using var limit = new CancellationTokenSource(timeout ?? TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{name} did not end in {(timeout ?? TimeSpan.FromSeconds(60)).TotalSeconds} s\n{output}\n{error}", e);
        }

        lock (output)
        {
            lock (error)
                return new ProgramResult(process.ExitCode, output.ToString(), error.ToString());
        }
    }

    public static Process Start(string name, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var info = new ProcessStartInfo(name) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var argument in arguments)
            info.ArgumentList.Add(argument);
        foreach (var (key, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            info.Environment[key] = value;
        try
        {
            return Process.Start(info) ?? throw new InvalidOperationException($"'{name}' did not start");
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"'{name}' is not installed; ./test installs what the tests need on Debian", e);
        }
    }

    public static void Collect(Process process, StringBuilder output, StringBuilder error)
    {
        process.OutputDataReceived += (_, e) => Append(output, e.Data);
        process.ErrorDataReceived += (_, e) => Append(error, e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public static async Task SignalAsync(Process process, string signal) =>
        (await RunAsync("sh", ["-c", $"kill -{signal} {process.Id}"])).ExitCode.ShouldBe(0);

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null)
            return;
        lock (text)
            text.AppendLine(line);
    }
}
