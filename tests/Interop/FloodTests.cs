using Homeport.Tests.Interop.Harness;

namespace Homeport.Tests.Interop;

/// <summary>A flood of messages, on a server of its own: it leaves a log that takes long to read.</summary>
public sealed class FloodTests(NeighbourServer shared) : IClassFixture<NeighbourServer>
{
    [Fact]
    public async Task A_flood_does_not_starve_a_healthy_device()
    {
        await using var healthy = await HealthyDevice.ConnectAsync(shared.Server);
        var attacker = await shared.Server.Hub.CreateDeviceAsync(SharedServer.NewId("flood"));
        var (wire, _) = await MqttWire.ConnectAsync(shared.Server, attacker);
        byte[] burst = [.. Enumerable.Repeat(MqttWire.Publish($"devices/{attacker.Id}/messages/events/", new byte[200], qos: 0), 200).SelectMany(p => p)];
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(6));
        var flooding = FloodAsync(wire, burst, stop.Token);
        while (!stop.IsCancellationRequested)
        {
            await healthy.StillWellAsync();
            await Task.Delay(100);
        }

        await flooding;
        wire.Abort();
        await healthy.StillWellAsync();
    }

    private static async Task FloodAsync(MqttWire wire, byte[] burst, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
                await wire.Stream.WriteAsync(burst, stop);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // Throttled by closing, or the time is up.
        }
    }
}
