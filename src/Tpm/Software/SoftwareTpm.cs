using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Homeport.Tpm.Channels;

namespace Homeport.Tpm.Software;

/// <summary>How a software TPM runs.</summary>
/// <param name="Directory">An absolute path, made with mode 0700 when it is missing. Whoever copies it copies the identity of the device.</param>
public sealed record SoftwareTpmOptions(string Directory)
{
    /// <summary>Listen on 127.0.0.1 at this port instead of a Unix socket. The Azure IoT SDKs look at 2323. Any local user can then use the TPM.</summary>
    public int? TcpPort { get; init; }

    /// <summary>A file with a 256-bit key in hexadecimal, outside of <see cref="Directory"/>, mode 0600: encrypts the state. Null: not encrypted.</summary>
    public string? KeyFile { get; init; }

    /// <summary>The program, by name or absolute path.</summary>
    public string Program { get; init; } = "swtpm";

    /// <summary>How long a start may take.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(15);

    public TpmTimeouts Timeouts { get; init; } = TpmTimeouts.Default;
}

/// <summary>
/// The software-emulated TPM: runs swtpm as a child process over a directory of its own. Protects no secret from an administrator of the machine,
/// but gives the same programming model as a chip. When another process already runs a server over the directory, this one uses it and leaves it
/// running. Started at the first <see cref="Open"/>; a server that died is started again.
/// </summary>
public sealed class SoftwareTpm : IDisposable
{
    /// <summary>The length of sun_path on Linux, less its final zero.</summary>
    private const int MaxSocketPathBytes = 107;

    private static readonly TpmTimeouts ControlTimeouts = new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5));

    private readonly SoftwareTpmOptions _options;
    private readonly SoftwareTpmPaths _paths;
    private readonly SwtpmControl _control;
    private readonly Lock _gate = new();
    private Process? _process;
    private bool _disposed;

    /// <summary>Describes the TPM; starts nothing yet.</summary>
    /// <exception cref="TpmException">The directory is not absolute or too long for a socket path.</exception>
    public SoftwareTpm(SoftwareTpmOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!Path.IsPathFullyQualified(options.Directory))
            throw new TpmException(TpmFailure.Unsuitable, $"The directory of a software TPM must be an absolute path, not '{options.Directory}'.");
        _options = options;
        _paths = new SoftwareTpmPaths(Path.TrimEndingDirectorySeparator(Path.GetFullPath(options.Directory)));
        if (Encoding.UTF8.GetByteCount(_paths.ControlSocket) > MaxSocketPathBytes)
        {
            throw new TpmException(
                TpmFailure.Unsuitable, $"The path '{_paths.ControlSocket}' is too long for a socket ({MaxSocketPathBytes} bytes); choose a shorter directory.");
        }

        _control = new SwtpmControl(new UnixDomainSocketEndPoint(_paths.ControlSocket), ControlTimeouts);
    }

    public string Directory => _paths.Root;

    /// <summary>Where the data channel is.</summary>
    public EndPoint EndPoint => _options.TcpPort is { } port
        ? new IPEndPoint(IPAddress.Loopback, port)
        : new UnixDomainSocketEndPoint(_paths.DataSocket);

    /// <summary>The id of the server process when this object started it.</summary>
    public int? ProcessId
    {
        get
        {
            lock (_gate)
                return _process is { HasExited: false } process ? process.Id : null;
        }
    }

    /// <summary>Where swtpm is installed, or null.</summary>
    public static string? FindProgram(string program = "swtpm")
    {
        if (Path.IsPathFullyQualified(program))
            return File.Exists(program) ? program : null;
        return (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);
    }

    /// <summary>A channel to the running server; starts it when none runs.</summary>
    public ITpmChannel Open()
    {
        EnsureRunning();
        return new SocketChannel(EndPoint, _options.Timeouts);
    }

    /// <summary>Starts the server unless one runs over the directory already.</summary>
    /// <exception cref="TpmException">swtpm is not installed, cannot use the directory, or did not start in time.</exception>
    public void EnsureRunning()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_process is { HasExited: false } || Answers())
                return;
            PrepareDirectory();
            using (TakeStartLock())
            {
                if (!Answers())
                    Start();
            }
        }
    }

    /// <summary>Starts the server and fails when one runs over the directory already.</summary>
    /// <exception cref="TpmException">As <see cref="EnsureRunning"/>, and when the directory is in use.</exception>
    public void StartExclusively()
    {
        lock (_gate)
        {
            if (_process is { HasExited: false } || Answers())
            {
                throw new TpmException(
                    TpmFailure.Unsuitable, $"A software TPM runs over '{_paths.Root}' already. Stop it first, or choose another directory.");
            }

            EnsureRunning();
        }
    }

    /// <summary>
    /// Ends the server, whoever started it: TPM2_Shutdown so that an unclean stop does not count as a wrong password, then the control command,
    /// and a signal when it does not listen. Does nothing when none runs.
    /// </summary>
    public void Stop()
    {
        lock (_gate)
        {
            if (_process is null && !Answers())
                return;
            ShutDownTpm();
            EndServer();
            _process?.Dispose();
            _process = null;
        }
    }

    /// <summary>Ends the server when this object started it.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
            if (_process is not null)
                Stop();
            _disposed = true;
        }
    }

    private void OnProcessExit(object? sender, EventArgs e) => Dispose();

    private bool Answers()
    {
        if (!File.Exists(_paths.ControlSocket))
            return false;
        try
        {
            _control.GetCapabilities();
            return true;
        }
        catch (TpmException e) when (e.Failure == TpmFailure.Unreachable)
        {
            // A socket file that an unclean stop left behind.
            return false;
        }
    }

    private void PrepareDirectory()
    {
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        try
        {
            if (OperatingSystem.IsWindows())
            {
                System.IO.Directory.CreateDirectory(_paths.State);
                return;
            }

            foreach (var path in (ReadOnlySpan<string>)[_paths.Root, _paths.State])
            {
                System.IO.Directory.CreateDirectory(path, OwnerOnly);
                File.SetUnixFileMode(path, OwnerOnly);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TpmException(TpmFailure.Unsuitable, $"The directory '{_paths.Root}' of the software TPM cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Keeps a second process from starting at the same moment; waits for it.</summary>
    private FileStream TakeStartLock()
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return new FileStream(_paths.StartLock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (clock.Elapsed < _options.StartLimit)
            {
                Thread.Sleep(50);
            }
            catch (IOException e)
            {
                throw new TpmException(TpmFailure.TimedOut, $"Another process has been starting a software TPM over '{_paths.Root}' for too long.", e);
            }
        }
    }

    private void Start()
    {
        var program = FindProgram(_options.Program)
            ?? throw new TpmException(TpmFailure.NotInstalled, $"{_options.Program} is not installed: apt-get install swtpm");
        File.Delete(_paths.DataSocket);
        File.Delete(_paths.ControlSocket);
        var start = new ProcessStartInfo(program, SwtpmArguments.Of(_options, _paths))
        {
            // Not one stream of ours: who waits for the end of our output must not wait for the end of the server.
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        var errors = new StringBuilder();
        try
        {
            _process = Process.Start(start) ?? throw new TpmException(TpmFailure.Unreachable, $"{program} did not start.");
        }
        catch (Win32Exception e)
        {
            throw new TpmException(TpmFailure.NotInstalled, $"{program} cannot be run: {e.Message}", e);
        }

        _process.ErrorDataReceived += (_, line) =>
        {
            lock (errors)
            {
                if (errors.Length < 2000)
                    errors.AppendLine(line.Data);
            }
        };
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        WaitUntilReady(_process, errors);
    }

    private void WaitUntilReady(Process process, StringBuilder errors)
    {
        var clock = Stopwatch.StartNew();
        while (!Answers())
        {
            if (process.WaitForExit(10))
            {
                process.WaitForExit();
                string text;
                lock (errors)
                    text = errors.ToString().ReplaceLineEndings(" ").Trim();
                _process = null;
                throw new TpmException(TpmFailure.Unreachable, SwtpmArguments.ExplainExit(process.ExitCode, text, ReadLog(), _options));
            }

            if (clock.Elapsed < _options.StartLimit)
                continue;
            process.Kill();
            _process = null;
            throw new TpmException(TpmFailure.TimedOut, $"swtpm over '{_paths.Root}' did not answer within {_options.StartLimit.TotalSeconds:0} s.");
        }
    }

    private string ReadLog()
    {
        if (!File.Exists(_paths.Log))
            return "";
        using var log = new FileStream(_paths.Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        log.Seek(-Math.Min(log.Length, 2000), SeekOrigin.End);
        using var reader = new StreamReader(log);
        return reader.ReadToEnd();
    }

    private void ShutDownTpm()
    {
        try
        {
            using var tpm = new Tpm2(new SocketChannel(EndPoint, ControlTimeouts));
            new TpmStatus(tpm).Shutdown();
        }
        catch (TpmException)
        {
            // Another connection holds the TPM, or the server is gone. It ends without the announcement, which only objects
            // with lockout protection notice.
        }
    }

    private void EndServer()
    {
        try
        {
            _control.Shutdown();
        }
        catch (TpmException)
        {
            // It went before it answered, or never will: the process is looked at below.
        }

        if (_process is null || _process.WaitForExit(5000))
            return;
        _process.Kill();
        _process.WaitForExit();
    }
}
