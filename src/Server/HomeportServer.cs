using System.Net;
using Homeport.Contract.Errors;
using Homeport.Gateway;
using Homeport.Gateway.Amqp;
using Homeport.Gateway.Http;
using Homeport.Gateway.Http.Devices;
using Homeport.Gateway.Http.Trust;
using Homeport.Gateway.Mqtt;
using Homeport.Gateway.WebSockets;
using Homeport.Hub.Telemetry;
using Homeport.People.Accounts;
using Homeport.Server.Certificates;
using Homeport.Server.Options;
using Homeport.Server.Simulation;
using Homeport.Storage.Sqlite;
using Homeport.WebConsole;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Homeport.Server;

/// <summary>The running server: its doors, its background work, and their end.</summary>
internal sealed partial class HomeportServer : IAsyncDisposable
{
    private const long MaxRequestBody = 1024 * 1024;
    private static readonly TimeSpan ShutdownTime = TimeSpan.FromSeconds(3);

    private readonly WebApplication _web;
    private readonly ServerParts _parts;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _background = [];
    private readonly CertificateRenewal _renewal;
    private readonly ServerRoots _roots;
    private readonly FileParts _files;
    private readonly Simulator _simulator;
    private readonly IssuerParts? _issuer;

    public HomeportServer(ServerOptions options, Ports ports, Installation installation, TimeProvider time)
    {
        var seal = installation.Seal;
        var roots = new ServerRoots(options, seal, time);
        var certificate = new ServerCertificate(roots, options, seal, time);
        var tls = new DoorTls(certificate.Load(), certificate.Intermediates);
        _roots = roots;
        roots.Changed = () =>
        {
            tls.Replace(certificate.Load(), certificate.Intermediates);
            RootsChanged?.Invoke();
        };

        // Settings come from ours alone. By default the builder also reads and watches a file in the working folder, and for that walks through
        // every folder beneath it, which is the whole disk for a service that starts in "/".
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.ClearProviders().AddSimpleConsole(console => console.SingleLine = true);
        builder.Logging.SetMinimumLevel(options.LogLevel).AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTime);
        // The doors are mapped when all is built; Kestrel asks for the handler by this.
        MqttDoor? mqtt = null;
        AmqpDoor? amqp = null;
        builder.WebHost.ConfigureKestrel(kestrel => ConfigureDoors(kestrel, options.Listen, ports, tls, new Doors(() => mqtt!, () => amqp!), time));
        ConsoleServices? console = null;
        _issuer = options.Issuer is { } issuer ? new IssuerParts(issuer, time) : null;
        builder.Services.AddConsole(() => console!, _issuer?.Console(() => _parts!.People));
        _web = builder.Build();
        var loggers = _web.Services.GetRequiredService<ILoggerFactory>();

        var parts = _parts = new ServerParts(options, installation, time, loggers, _issuer);
        mqtt = parts.Mqtt;
        amqp = parts.Amqp;
        _simulator = new Simulator(parts.Templates.Api, options, ports, CaFile, loggers.CreateLogger<Simulator>());
        _files = new FileParts(options, ports.Https, installation, parts, loggers);
        console = ConsoleParts.Of(parts, options, installation, roots.Current, _simulator, _files);
        Messages = parts.Hub.Messages;

        _web.Use((context, next) => GuardAsync(context, next, parts.Hub, loggers.CreateLogger<HomeportServer>()));
        MapPlainHttp(ports, roots);
        _web.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        _web.MapConsole();
        parts.MapOperators(_web);
        _web.MapRegistry(parts.Hub);
        _web.MapBulk(parts.Hub);
        _web.MapTwins(parts.Hub);
        _web.MapMethods(parts.Hub);
        parts.Fleet.Map(_web, parts.Hub);
        parts.Events.Map(_web, parts.Hub);
        _web.MapMessages(parts.Hub);
        _web.MapDiagnosis(parts.Diagnosis);
        _web.MapTokens(parts.Hub);
        _web.MapTrust(new TrustApi(parts.Hub, parts.Devices, roots, new SqliteDeviceTrustStore(installation.Database, Installation.HubName)));
        _web.MapTelemetry(parts.Devices);
        _web.MapDeviceBound(parts.Devices);
        _web.MapServiceMessages(parts.DeviceMessages);
        _web.MapCertificates(parts.Hub, parts.Authorities);
        parts.Provisioning.Map(_web);
        _web.MapWebSockets(parts.Hub, mqtt, amqp);
        _files.Map(_web);
        parts.Routing.Files = parts.Exports.Files = _files.OpenContainer;
        _web.MapFallback(context => parts.Hub.RefuseNotFoundAsync(context));
        _renewal = new CertificateRenewal(certificate, tls, time, loggers.CreateLogger<CertificateRenewal>());
    }

    /// <summary>PEM file that clients have to trust now.</summary>
    public string CaFile => _roots.Current.File;

    /// <summary>Called when a step of a change of the root was taken.</summary>
    public Action? RootsChanged { get; set; }

    /// <summary>Who may sign in.</summary>
    public AccountService Accounts => _parts.People.Accounts;

    /// <summary>Reads the hub's messages.</summary>
    public MessageReader Messages { get; }

    /// <summary>Set when the process is asked to stop.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Completes when the process is asked to stop.</summary>
    public Task Stopped => _web.WaitForShutdownAsync();

    /// <summary>Opens the doors.</summary>
    public async Task StartAsync(CancellationToken token)
    {
        await _parts.LoadAsync(token);
        try
        {
            await _web.StartAsync(token);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new ServerStartException($"{e.Message} Stop the program that has it, or choose another port.", e);
        }
        _background.AddRange([.. _parts.Background.Select(run => run(_stop.Token)), _renewal.RunAsync(_stop.Token), _files.RunAsync(_stop.Token)]);
        _web.Lifetime.ApplicationStopping.Register(_stop.Cancel);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _simulator.DisposeAsync();
        await _web.StopAsync(CancellationToken.None);
        await Task.WhenAll(_background);
        await _web.DisposeAsync();
        // Last of all: what devices sent before the doors closed is written.
        await _parts.DisposeAsync();
        _files.Dispose();
        _issuer?.Dispose();
        _stop.Dispose();
    }

    /// <summary>A fault of ours is a 500 with a tracking id and an error in the log; what a client's going causes is neither.</summary>
    private static async Task GuardAsync(HttpContext context, RequestDelegate next, HubApi hub, ILogger logger)
    {
        // A body that is larger, or does not say how large it is, may be refused before it is read.
        if (context.Request.ContentLength > MaxRequestBody || context.Request.Headers.TransferEncoding.Count > 0)
            LingeringClose.Want(context);
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Abort();
        }
        catch (Exception e) when (e is not Microsoft.AspNetCore.Http.BadHttpRequestException)
        {
            var refusal = new Refusal(HubErrors.ServerError, "A fault of the server", "Look for the tracking id in the server's log.");
            LogFault(logger, e, context.Request.Method, context.Request.Path, refusal.TrackingId);
            if (context.Response.HasStarted)
                context.Abort();
            else
                await hub.RefuseAsync(context, refusal);
        }
    }

    private static void ConfigureDoors(KestrelServerOptions kestrel, IReadOnlyList<IPAddress> addresses, Ports ports, DoorTls tls, Doors doors, TimeProvider time)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = MaxRequestBody;
        kestrel.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
        Listen(ports.Https, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => LingeringClose.Around(next, time));
            listen.UseHttps(tls.Callback);
        });
        Listen(ports.Mqtt, listen =>
        {
            listen.UseHttps(tls.Callback);
            listen.Run(connection => doors.Mqtt().OnConnectedAsync(connection));
        });
        Listen(ports.Amqp, listen =>
        {
            listen.UseHttps(tls.Callback);
            listen.Run(connection => doors.Amqp().OnConnectedAsync(connection));
        });
        Listen(ports.Crl, listen => listen.Protocols = HttpProtocols.Http1);

        void Listen(int port, Action<ListenOptions> configure)
        {
            if (addresses.Count == 0)
                kestrel.ListenAnyIP(port, configure);
            foreach (var address in addresses)
                kestrel.Listen(address, port, configure);
        }
    }

    /// <summary>The plain port serves the revocation list and nothing else.</summary>
    private void MapPlainHttp(Ports ports, ServerRoots roots) => _web.Use((context, next) =>
    {
        if (context.Connection.LocalPort != ports.Crl)
            return next(context);
        if (!HttpMethods.IsGet(context.Request.Method) || roots.RevocationList(context.Request.Path.Value ?? "") is not { } list)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }
        context.Response.ContentType = "application/pkix-crl";
        context.Response.ContentLength = list.Length;
        return context.Response.Body.WriteAsync(list).AsTask();
    });

    /// <summary>Doors that are built after Kestrel asks for them.</summary>
    private sealed record Doors(Func<MqttDoor> Mqtt, Func<AmqpDoor> Amqp);

    [LoggerMessage(EventId = 4101, Level = LogLevel.Error, Message = "{Method} {Path} failed. Tracking id {TrackingId}")]
    private static partial void LogFault(ILogger logger, Exception e, string method, string path, string trackingId);
}
