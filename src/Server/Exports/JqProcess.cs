using System.Buffers;
using System.ComponentModel;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Homeport.Operations.Exports;

namespace Homeport.Server.Exports;

/// <summary>
/// A jq that runs: a message on a line goes in, a line comes out. It is started with the first messages, and again when it ended. What it takes is
/// bounded: memory by the shell's limit, time for each call.
/// </summary>
/// <param name="program">Path of jq.</param>
/// <param name="folder">Folder of the modules.</param>
/// <param name="text">The program that it runs.</param>
/// <param name="patience">How long a call may take.</param>
internal sealed class JqProcess(string program, string folder, string text, TimeSpan patience) : ITransform
{
    private const int MaxLine = 8 << 20;
    private const int MaxReason = 300;
    private const int MaxMemoryKb = 1 << 20;

    private Process? _process;
    private PipeReader? _lines;
    private Task<string> _errors = Task.FromResult("");

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Transformed>> RunAsync(IReadOnlyList<ReadOnlyMemory<byte>> messages, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(patience);
        try
        {
            Start();
            var writing = WriteAsync(messages, limit.Token);
            var transformed = new List<Transformed>(messages.Count);
            while (transformed.Count < messages.Count)
                transformed.Add(Read(await ReadLineAsync(limit.Token)));
            await writing;
            return transformed;
        }
        catch (OperationCanceledException e) when (!token.IsCancellationRequested)
        {
            await EndAsync();
            throw new TransformException($"it took longer than {patience.TotalSeconds} seconds", e) { OfMessages = true };
        }
        catch (IOException e)
        {
            var reason = await _errors;
            await EndAsync();
            throw new TransformException(reason.Length > 0 ? reason : "jq ended", e) { OfMessages = true };
        }
        catch (Win32Exception e)
        {
            throw new TransformException($"jq cannot be started: {e.Message}", e);
        }
        catch
        {
            // What is under way would answer the next messages.
            await EndAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await EndAsync();

    private void Start()
    {
        if (_process is { HasExited: false })
            return;
        _process?.Dispose();
        string[] arguments = ["-c", "--unbuffered", "-L", folder, text];
        var start = OperatingSystem.IsWindows()
            ? new ProcessStartInfo(program, arguments)
            : new ProcessStartInfo("/bin/sh", ["-c", $"ulimit -v {MaxMemoryKb}; unset PWD OLDPWD; exec \"$0\" \"$@\"", program, .. arguments]);
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.WorkingDirectory = folder;
        start.Environment.Clear();
        _process = Process.Start(start)!;
        _lines = PipeReader.Create(_process.StandardOutput.BaseStream);
        _errors = ReadErrorsAsync(_process.StandardError);
    }

    private async Task WriteAsync(IReadOnlyList<ReadOnlyMemory<byte>> messages, CancellationToken token)
    {
        var input = _process!.StandardInput.BaseStream;
        foreach (var message in messages)
        {
            await input.WriteAsync(message, token);
            await input.WriteAsync("\n"u8.ToArray(), token);
        }
        await input.FlushAsync(token);
    }

    private async Task<byte[]> ReadLineAsync(CancellationToken token)
    {
        while (true)
        {
            var result = await _lines!.ReadAsync(token);
            if (result.Buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = result.Buffer.Slice(0, end).ToArray();
                _lines.AdvanceTo(result.Buffer.GetPosition(1, end));
                return line;
            }
            if (result.IsCompleted)
                throw new IOException("jq ended");
            if (result.Buffer.Length > MaxLine)
                throw new TransformException($"it makes more than {MaxLine} bytes of one message") { OfMessages = true };
            _lines.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    private static Transformed Read(byte[] line)
    {
        using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 10_000 });
        return document.RootElement.TryGetProperty("m", out var made)
            ? new Transformed([.. made.EnumerateArray().Select(m => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(m.GetRawText()))])
            : new Transformed([], Cut(document.RootElement.GetProperty("e").GetString() ?? ""));
    }

    private static async Task<string> ReadErrorsAsync(StreamReader errors)
    {
        var said = new char[MaxReason];
        var length = await errors.ReadBlockAsync(said);
        // The rest goes nowhere, so that jq does not wait for somebody to read it.
        while (await errors.ReadAsync(new char[1024]) > 0)
        {
            // On to its end.
        }
        return Cut(new string(said, 0, length));
    }

    private static string Cut(string reason)
    {
        var line = reason.Split('\n')[0].Replace("jq: error: ", "", StringComparison.Ordinal).Trim();
        return line.Length <= MaxReason ? line : line[..MaxReason] + "…";
    }

    private async Task EndAsync()
    {
        if (_process is not { } process)
            return;
        _process = null;
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It ended by itself.
        }
        await _lines!.CompleteAsync();
        await process.WaitForExitAsync();
        await _errors;
        process.Dispose();
    }
}
