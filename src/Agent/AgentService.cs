using System.Net.Sockets;
using System.Reflection;
using Homeport.Agent.Connection;
using Homeport.Agent.Doors;
using Homeport.Agent.Identity;
using Homeport.Agent.Portal;
using Homeport.Agent.Registration;
using Homeport.Agent.Settings;
using Homeport.Contract.Rest;
using Homeport.Tpm;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Homeport.Agent;

/// <summary>The agent: one process with a door for local programs, a page for people, a registration and a look at the hub.</summary>
internal sealed partial class AgentService : IDisposable
{
    private readonly AgentOptions _options;
    private readonly RecentLog _log;
    private readonly ILogger _logger;
    private readonly ILoggerFactory _loggers;
    private readonly AgentIdentity _identity;
    private readonly HubWatch _watch;
    private readonly Registrar _registrar;
    private readonly HubClock _clock;
    private readonly CancellationTokenSource _stopping = new();

    public AgentService(AgentOptions options, TimeProvider time)
    {
        _options = options;
        _log = new RecentLog(time);
        _loggers = LoggerFactory.Create(ConfigureLogging);
        _logger = _loggers.CreateLogger<AgentService>();
        _clock = new HubClock(time);
        _identity = new AgentIdentity(options.OpenTpm(), options.StateDirectory, _clock);
        var trust = options.OpenTrust();
        _watch = new HubWatch(
            _identity, new HubCheck(trust, options.Settings.HubPort, time), options.Settings.LogicalDevice, _clock, _loggers.CreateLogger<HubWatch>());
        if (trust.Store is { } store)
            _watch.Accepted = new RootUpdate(_identity, options.Settings.LogicalDevice, store, options.Settings.HubPort, time, _loggers.CreateLogger<RootUpdate>()).LookAsync;
        _registrar = new Registrar(options, _identity, trust, _clock, _loggers.CreateLogger<Registrar>());
        _registrar.Assigned = _watch.LookNow;
    }

    public static string Version { get; } = typeof(AgentService).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>Serves until the token is cancelled.</summary>
    /// <exception cref="AgentSettingsException">A port or the socket is taken, or the state directory cannot be used.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        PrepareDirectories();
        var portal = _options.Settings.Portal.Port == 0
            ? null
            : new PortalDoor(new PortalParts(_options, _identity, _registrar, Status, _log, TimeProvider.System, Changed), _loggers.CreateLogger<PortalDoor>());
        await using var app = Build(portal);
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new AgentSettingsException($"The agent cannot listen: {e.Message} Does another agent run, or another program on the port?", e);
        }

        OpenSocketToGroup();
        portal?.Welcome();
        SystemdNotification.Ready();
        LogReady(Version, _identity.Source.Name, _options.SocketPath);
        using var stop = cancellationToken.Register(_stopping.Cancel);
        var work = Task.WhenAll(GuardAsync(RecoverThenRegisterAsync), GuardAsync(_watch.RunAsync));
        await Task.Delay(Timeout.Infinite, _stopping.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        await app.StopAsync(CancellationToken.None);
        await work;
        if (File.Exists(_options.SocketPath))
            File.Delete(_options.SocketPath);
    }

    public void Dispose()
    {
        _loggers.Dispose();
        _log.Dispose();
        _stopping.Dispose();
    }

    private AgentStatus Status() => new()
    {
        Version = Version,
        Tpm = _identity.DescribeTpm(),
        LogicalDevices = _identity.ListLogicalDevices(),
        Registration = _registrar.State,
        Connection = _watch.State,
        Queues = QueueReports.Read(_options.Settings.Queues),
        Troubles = _log.Troubles,
    };

    private void Changed()
    {
        _identity.Changed();
        _watch.LookNow();
    }

    private WebApplication Build(PortalDoor? portal)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        ConfigureLogging(builder.Logging);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, portal));
        var app = builder.Build();
        var local = new LocalDoor(_identity, _registrar, Status, _options.Settings.LogicalDevice, _stopping.Token);
        app.Run(context => context.Features.Get<LocalPeer>() is not null || portal is null ? local.HandleAsync(context) : portal.HandleAsync(context));
        return app;
    }

    private void Listen(KestrelServerOptions kestrel, PortalDoor? portal)
    {
        var settings = _options.Settings;
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = 256;
        kestrel.Limits.MaxRequestBodySize = 64 * 1024;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        var peers = new PeerAccess(settings.Users, settings.Group, TimeProvider.System);
        kestrel.ListenUnixSocket(_options.SocketPath, listen => listen.Use(peers.Note));
        if (settings.LoopbackPort != 0)
            kestrel.Listen(System.Net.IPAddress.Loopback, settings.LoopbackPort, listen => listen.Use(peers.Note));
        portal?.Listen(kestrel);
    }

    private void ConfigureLogging(ILoggingBuilder logging)
    {
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddProvider(_log);
        if (Environment.GetEnvironmentVariable("INVOCATION_ID") is not null)
            logging.AddSystemdConsole();
        else
            logging.AddSimpleConsole(static console => console.SingleLine = true);
    }

    private void PrepareDirectories()
    {
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(_options.StateDirectory);
            else
                Directory.CreateDirectory(_options.StateDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Directory.CreateDirectory(Path.GetDirectoryName(_options.SocketPath)!);
            if (SocketAnswers(_options.SocketPath))
                throw new AgentSettingsException($"Another agent serves {_options.SocketPath}. Stop it first: systemctl stop homeport-agent");
            File.Delete(_options.SocketPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AgentSettingsException($"The agent cannot use its directories: {e.Message}", e);
        }
    }

    private static bool SocketAnswers(string path)
    {
        if (!File.Exists(path))
            return false;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            // A file that an agent left behind when the power failed.
            return false;
        }
    }

    /// <summary>The group may open the socket; without the group nobody but the agent's own user and root.</summary>
    private void OpenSocketToGroup()
    {
        if (!OperatingSystem.IsLinux())
            return;
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var isGiven = Accounts.GroupId(_options.Settings.Group) is { } group && Accounts.TryGiveToGroup(_options.SocketPath, group);
        var mode = isGiven ? Owner | UnixFileMode.GroupRead | UnixFileMode.GroupWrite : Owner;
        if (_options.Settings.Users.Count > 0)
            mode |= UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        File.SetUnixFileMode(_options.SocketPath, mode);
        if (!isGiven)
            LogNoGroup(_options.Settings.Group);
    }

    private async Task RecoverThenRegisterAsync(CancellationToken stopping)
    {
        for (var delay = TimeSpan.FromSeconds(1); ; delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, TimeSpan.TicksPerMinute)))
        {
            try
            {
                await Task.Run(Recover, stopping);
                break;
            }
            catch (TpmException e)
            {
                LogTpm(e.Message);
                await Task.Delay(delay, stopping);
            }
        }

        await _registrar.RunAsync(stopping);
    }

    private void Recover()
    {
        var description = _identity.DescribeTpm();
        if (description.Failure is { } failure)
            throw new TpmException(TpmFailure.Unreachable, failure);
        if (_identity.Recover() is { } recovered)
        {
            if (recovered.Failure is null)
                LogFinished(recovered.LogicalDevice, recovered.HostName, recovered.DeviceId);
            else
                LogTakenBack(recovered.LogicalDevice, recovered.Failure);
            Changed();
        }

        if (description.IsSoftware == true)
            LogSoftware();
        _watch.LookNow();
    }

    private async Task GuardAsync(Func<CancellationToken, Task> work)
    {
        try
        {
            await work(_stopping.Token);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The agent ends.
        }
        catch (Exception e)
        {
            // Half an agent would look alive to everybody. systemd starts it again.
            LogFault(e);
            Environment.ExitCode = 1;
            await _stopping.CancelAsync();
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Homeport agent {Version} is ready: TPM {Tpm}, socket {Socket}")]
    private partial void LogReady(string version, string tpm, string socket);

    [LoggerMessage(2, LogLevel.Warning, "The TPM cannot be used yet: {Reason}")]
    private partial void LogTpm(string reason);

    [LoggerMessage(3, LogLevel.Information, "Finished an imprint that had broken off: logical device {Number}, {HostName}/{DeviceId}")]
    private partial void LogFinished(uint number, string hostName, string deviceId);

    [LoggerMessage(4, LogLevel.Warning, "An imprint of logical device {Number} had broken off and was taken back: {Reason}")]
    private partial void LogTakenBack(uint number, string reason);

    [LoggerMessage(5, LogLevel.Warning, "This device has a software TPM. It gives no security: an administrator, or a thief of the disk, can copy the identity of the device")]
    private partial void LogSoftware();

    [LoggerMessage(6, LogLevel.Information, "There is no group {Group}, or the agent is not in it: only root and the agent's own user may ask for tokens. To change that: groupadd --system {Group}")]
    private partial void LogNoGroup(string group);

    [LoggerMessage(7, LogLevel.Critical, "The agent ends because of a fault")]
    private partial void LogFault(Exception e);
}
