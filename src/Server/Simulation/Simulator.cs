using System.Collections.Concurrent;
using Homeport.Contract.Errors;
using Homeport.Device;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Gateway.Http.Operators.Templates;
using Homeport.Hub.Registry;
using Homeport.Server.Options;
using Homeport.Simulation;
using Homeport.Templates;

namespace Homeport.Server.Simulation;

/// <summary>Simulated devices of the console: they connect to this server's MQTT door as any other device does.</summary>
internal sealed partial class Simulator(TemplateApi api, ServerOptions options, Ports ports, string caFile, ILogger<Simulator> logger) : IDeviceSimulator, IAsyncDisposable
{
    /// <summary>As in IoT Central.</summary>
    private const int MaxDevices = 100;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, Running> _running = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();

    /// <inheritdoc/>
    public IReadOnlyList<SimulatedState> List(string templateId)
        => [.. _running.Where(r => r.Value.TemplateId == templateId).Select(r => r.Value.State(r.Key)).OrderBy(s => s.DeviceId, StringComparer.Ordinal)];

    /// <inheritdoc/>
    public async Task<Outcome<SimulatedState>> StartAsync(string templateId, CancellationToken token)
    {
        if (_running.Count >= MaxDevices)
            return new Refusal(TemplateErrors.TooManyTemplates, $"{MaxDevices} devices are simulated", "Stop one first.");
        if (!(await api.Templates.GetAsync(templateId, token)).Succeeded(out var template, out var refusal))
            return refusal;
        if (await api.Templates.ContentAsync(template, draft: false, token) is not { } content)
            return new Refusal(TemplateErrors.TemplateNotFound, $"'{templateId}' is not published", "Publish it first.");
        var id = $"simulated-{Guid.NewGuid().ToString("N")[..8]}";
        var wanted = new Identity { DeviceId = id, GenerationId = "", Authentication = new Authentication(AuthenticationType.Sas) };
        if (!(await api.Registry.PutAsync(wanted, IfMatch.Absent, token)).Succeeded(out var identity, out refusal))
            return refusal;
        if (await api.Migration.MigrateAsync(id, templateId, token) is { } notMigrated)
            return notMigrated;
        var method = AuthenticationMethodFactory.CreateAuthenticationWithRegistrySymmetricKey(id, Convert.ToBase64String(identity.Authentication.PrimaryKey!));
        var trust = options.CertificateFile is null ? ServerTrust.FromPemFile(caFile) : ServerTrust.System;
        var client = DeviceClient.Create(options.Hosts[0], method, TransportType.Mqtt_Tcp_Only,
            new DeviceClientOptions { Trust = trust, MqttPort = ports.Mqtt, HttpsPort = ports.Https, ModelId = template.ModelId, TimeProvider = api.Operators.Time });
        var running = new Running(templateId, client, new SimulatedDevice(content.Model, client, Interval, api.Operators.Time), CancellationTokenSource.CreateLinkedTokenSource(_stop.Token));
        _running[id] = running;
        running.Work = WorkAsync(id, running);
        return running.State(id);
    }

    /// <inheritdoc/>
    public async Task<bool> StopAsync(string deviceId)
    {
        if (!_running.TryRemove(deviceId, out var running))
            return false;
        await running.Stop.CancelAsync();
        await running.Work;
        running.Stop.Dispose();
        return true;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var id in _running.Keys)
            await StopAsync(id);
        _stop.Dispose();
    }

    private async Task WorkAsync(string id, Running running)
    {
        try
        {
            await running.Device.RunAsync(running.Stop.Token);
        }
        catch (OperationCanceledException) when (running.Stop.IsCancellationRequested)
        {
            LogStopped(id);
        }
        catch (IotHubException e)
        {
            running.Problem = e.Message;
            LogFailed(id, e.Message);
        }
        finally
        {
            await running.Client.DisposeAsync();
        }
    }

    private sealed class Running(string templateId, DeviceClient client, SimulatedDevice device, CancellationTokenSource stop)
    {
        public string TemplateId => templateId;

        public DeviceClient Client => client;

        public SimulatedDevice Device => device;

        public CancellationTokenSource Stop => stop;

        public Task Work { get; set; } = Task.CompletedTask;

        public string? Problem { get; set; }

        public SimulatedState State(string id) => new(id, templateId, device.Sent, device.Commands, Problem ?? client.LastFailure?.Message);
    }

    [LoggerMessage(EventId = 4401, Level = LogLevel.Warning, Message = "The simulated device '{Device}' ended: {Reason}")]
    private partial void LogFailed(string device, string reason);

    [LoggerMessage(EventId = 4402, Level = LogLevel.Debug, Message = "The simulated device '{Device}' was stopped.")]
    private partial void LogStopped(string device);
}
