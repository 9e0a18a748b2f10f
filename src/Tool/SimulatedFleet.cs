using System.Text.Json;
using Homeport.Contract.Rest;
using Homeport.Device.Client;
using Homeport.Device.Client.Errors;
using Homeport.Models.Elements;
using Homeport.Simulation;

namespace Homeport.Tool;

/// <summary>Simulated devices of one model, registered and connected.</summary>
internal sealed class SimulatedFleet(HubClient hub, Model model, TimeSpan interval, int mqttPort)
{
    private readonly List<(DeviceClient Client, SimulatedDevice Device)> _devices = [];

    public long Sent => _devices.Sum(d => d.Device.Sent);

    public long Commands => _devices.Sum(d => d.Device.Commands);

    public long Changes => _devices.Sum(d => d.Device.Changes);

    /// <summary>Registers those that are not there, and connects all.</summary>
    public async Task ConnectAsync(IReadOnlyList<string> ids, int atOnce, CancellationToken token)
    {
        foreach (var some in ids.Chunk(atOnce))
        {
            var opened = await Task.WhenAll(some.Select(id => OpenAsync(id, token)));
            _devices.AddRange(opened);
        }
    }

    /// <summary>Lets them work until they are stopped, and closes their connections.</summary>
    /// <exception cref="ToolException">The hub refused one.</exception>
    public async Task RunAsync(CancellationToken token)
    {
        try
        {
            await Task.WhenAll(_devices.Select(d => d.Device.RunAsync(token)));
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync();
        }
        catch (IotHubException e)
        {
            throw new ToolException($"A device was refused: {e.Message}", e);
        }
        finally
        {
            foreach (var (client, _) in _devices)
                await client.DisposeAsync();
        }
    }

    /// <summary>Deletes them from the registry.</summary>
    public async Task DeleteAsync(IEnumerable<string> ids, CancellationToken token)
    {
        foreach (var id in ids)
            await hub.SendAsync(new HubRequest(HttpMethod.Delete, $"devices/{Uri.EscapeDataString(id)}") { IfMatch = "*" }, token);
    }

    private async Task<(DeviceClient Client, SimulatedDevice Device)> OpenAsync(string id, CancellationToken token)
    {
        var key = (await EnsureAsync(id, token)).Authentication?.SymmetricKey?.PrimaryKey ?? throw new ToolException($"The device '{id}' has no symmetric key. Choose another id with --device.");
        var method = AuthenticationMethodFactory.CreateAuthenticationWithRegistrySymmetricKey(id, key);
        var client = DeviceClient.Create(hub.HostName, method, TransportType.Mqtt_Tcp_Only, new DeviceClientOptions { Trust = hub.Trust, MqttPort = mqttPort, ModelId = model.Root.Id.Text });
        return (client, new SimulatedDevice(model, client, interval, hub.Time));
    }

    private async Task<DeviceDescription> EnsureAsync(string id, CancellationToken token)
    {
        var path = $"devices/{Uri.EscapeDataString(id)}";
        try
        {
            return (await hub.GetAsync(path, token)).As(Json.Default.DeviceDescription);
        }
        catch (ToolException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            var body = JsonSerializer.SerializeToUtf8Bytes(new DeviceDescription { DeviceId = id }, Json.Default.DeviceDescription);
            return (await hub.SendAsync(new HubRequest(HttpMethod.Put, path, body), token)).As(Json.Default.DeviceDescription);
        }
    }
}
