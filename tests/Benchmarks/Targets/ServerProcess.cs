using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Homeport.Tests.Benchmarks.Load;

namespace Homeport.Tests.Benchmarks.Targets;

/// <summary>A server started by the benchmark; keeps its last output to explain a failed start.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private const int SigTerm = 15;
    private const int KeptLines = 40;
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(15);
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();

    private ServerProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public static ServerProcess Start(string fileName, params string[] arguments) => Start(fileName, arguments, new Dictionary<string, string>());

    public static ServerProcess Start(string fileName, string[] arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(fileName, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        GeneratorSockets.RemoveFrom(start.Environment);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var process = new Process { StartInfo = start };
        var server = new ServerProcess(process);
        process.OutputDataReceived += server.Keep;
        process.ErrorDataReceived += server.Keep;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Asks the kernel for a port that is free now.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Polls until <paramref name="probe"/> gives a value.</summary>
    /// <exception cref="InvalidOperationException">The process ended, or <paramref name="timeout"/> passed; holds its last output.</exception>
    public async Task<T> WaitForAsync<T>(string what, TimeSpan timeout, Func<Task<T?>> probe, CancellationToken cancellationToken)
        where T : class
    {
        var since = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(since) < timeout)
        {
            if (await probe() is { } value)
                return value;
            if (_process.HasExited)
                throw new InvalidOperationException($"{Describe()} ended with code {_process.ExitCode} before {what}. Its output:\n{Output()}");

            await Task.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
        }

        throw new InvalidOperationException($"{Describe()}: no {what} within {timeout.TotalSeconds} s. Its output:\n{Output()}");
    }

    public string? FindOutput(string prefix) =>
        _output.FirstOrDefault(line => line.StartsWith(prefix, StringComparison.Ordinal)) is { } found ? found[prefix.Length..] : null;

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, SigTerm);
            using var timeout = new CancellationTokenSource(StopTimeout);
            try
            {
                await _process.WaitForExitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"{Describe()} did not stop within {StopTimeout.TotalSeconds} s after SIGTERM and was killed.");
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);

    private string Describe() => $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)}";

    private string Output() => string.Join('\n', _output);

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is null)
            return;

        _output.Enqueue(line.Data);
        while (_output.Count > KeptLines)
            _output.TryDequeue(out _);
    }
}
