using System.Diagnostics;

namespace Homeport.Tests.Interop.Harness;

/// <summary>A well-behaved device that notices when its neighbours disturb it.</summary>
public sealed class HealthyDevice : IAsyncDisposable
{
    public const string Id = "healthy";
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(5);
    private readonly MqttWire _wire;
    private int _number;

    private HealthyDevice(MqttWire wire) => _wire = wire;

    public static async Task<HealthyDevice> ConnectAsync(ServerProcess server)
    {
        var answer = await server.Hub.SendAsync(HttpMethod.Get, $"devices/{Id}");
        var device = answer.Status == 404
            ? await server.Hub.CreateDeviceAsync(Id)
            : new TestDevice(Id, (string)answer.Json["authentication"]!["symmetricKey"]!["primaryKey"]!, "");
        return new HealthyDevice((await MqttWire.ConnectAsync(server, device)).Wire);
    }

    /// <summary>Sends a message and insists on an acknowledgement within five seconds.</summary>
    public async Task StillWellAsync()
    {
        var watch = Stopwatch.StartNew();
        _number++;
        await _wire.PublishAndWaitAsync(Id, $"{_number}", _number);
        watch.Elapsed.ShouldBeLessThan(Promptly);
    }

    public ValueTask DisposeAsync() => _wire.DisposeAsync();
}
