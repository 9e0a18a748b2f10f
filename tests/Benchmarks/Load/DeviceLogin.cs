namespace Homeport.Tests.Benchmarks.Load;

/// <summary>What one simulated device sends in its CONNECT.</summary>
internal sealed record DeviceLogin(string ClientId, string UserName, string Password)
{
    public string TelemetryTopic => $"devices/{ClientId}/messages/events/";

    public string CommandTopic => $"devices/{ClientId}/messages/devicebound/";
}
